/* SPDX-License-Identifier: MIT */
/* A 128-bit dividend. */
#include "tests/insn/case.h"

CASE(div_128)
EXPECT(rax, 0x8000000000000000)
EXPECT(rdx, 0)
BEGIN
    mov edx, 1
    mov ecx, 2
    div rcx
END
