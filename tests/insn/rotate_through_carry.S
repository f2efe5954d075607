/* SPDX-License-Identifier: MIT */
/* RCL and RCR are rotates of 33 (9, 65) bits. */
#include "tests/insn/case.h"

CASE(rotate_through_carry)
EXPECT(rax, 3)
EXPECT(rbx, 0xc0000000)
EXPECT_FLAGS(CF, CF)
BEGIN
    mov eax, 0x80000001
    stc
    rcl eax, 1
    mov ebx, 0x80000001
    stc
    rcr ebx, 1
END
