/* SPDX-License-Identifier: MIT */
/* /6 in the shift groups is SHL, as 4 is. */
#include "tests/insn/case.h"

CASE(shift_alias)
EXPECT(rax, 0x10)
EXPECT(rbx, 0x6)
EXPECT(rcx, 3)
EXPECT(rdx, 0x10)
EXPECT_FLAGS(NONE, CF)
BEGIN
    mov eax, 2
    .byte 0xc1, 0xf0, 0x03
    mov ebx, 3
    .byte 0xd1, 0xf3
    mov ecx, 3
    mov edx, 2
    .byte 0xd3, 0xf2
END
