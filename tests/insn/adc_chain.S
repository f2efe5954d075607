/* SPDX-License-Identifier: MIT */
/* A 192-bit addition by ADC. */
#include "tests/insn/case.h"

CASE(adc_chain)
EXPECT(rax, 0)
EXPECT(rbx, 0)
EXPECT(rcx, 2)
EXPECT_FLAGS(NONE, ALL)
BEGIN
    mov rax, -1
    mov rbx, -1
    mov ecx, 1
    add rax, 1
    adc rbx, 0
    adc rcx, 0
END
