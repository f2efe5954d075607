/* SPDX-License-Identifier: MIT */
/* Double shifts fill from the second register. */
#include "tests/insn/case.h"

CASE(shld_shrd)
EXPECT(rax, 0x23456789)
EXPECT(rbx, 0x9abcdef0)
EXPECT_FLAGS(NONE, CF)
BEGIN
    mov eax, 0x12345678
    mov edx, 0x9abcdef0
    shld eax, edx, 4
    mov ebx, 0xabcdef01
    mov ecx, 4
    mov edx, 9
    shrd ebx, edx, cl
END
