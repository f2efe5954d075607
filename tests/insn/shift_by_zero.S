/* SPDX-License-Identifier: MIT */
/* A count of 0 changes no flag but clears the upper half of a 32-bit register. */
#include "tests/insn/case.h"

CASE(shift_by_zero)
EXPECT(rax, 0x9abcdef0)
EXPECT_FLAGS(CF, CF)
BEGIN
    mov rax, 0x123456789abcdef0
    mov ecx, 32
    stc
    shl eax, cl
END
