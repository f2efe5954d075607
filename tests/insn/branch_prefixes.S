/* SPDX-License-Identifier: MIT */
/* 66 before a near branch makes its displacement 16 bits wide (AMD; Intel ignores it); REX.W undoes that. */
#include "tests/insn/case.h"

CASE(branch_prefixes)
EXPECT(rax, 3)
EXPECT(rsp, 0x101ff000)
HOST_DIFFERS
BEGIN
    test eax, eax
    .byte 0x66, 0x0f, 0x85, 0x00, 0x00 /* jne rel16, not taken */
    inc eax
    .byte 0x66, 0x66, 0x48, 0xe8, 0x02, 0x00, 0x00, 0x00 /* call rel32, as TLS code has it */
    jmp 1f
    inc eax
    ret
1:
    .byte 0xf2, 0xeb, 0x01 /* BND is ignored */
    nop
    inc eax
END
