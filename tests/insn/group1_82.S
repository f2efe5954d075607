/* SPDX-License-Identifier: MIT */
/* 82 is 80 in 32-bit code. */
#include "tests/insn/case.h"

CASE32(group1_82)
EXPECT(rax, 0x7)
BEGIN
    mov eax, 5
    .byte 0x82, 0xc0, 0x02 /* add al, 2 */
END
