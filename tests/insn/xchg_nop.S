/* SPDX-License-Identifier: MIT */
/* XCHG EAX,EAX is NOP and clears nothing; XCHG with R8 does. */
#include "tests/insn/case.h"

CASE(xchg_nop)
EXPECT(rax, 0x22222222)
EXPECT(r8, 0x11111111)
EXPECT_FLAGS(ZF, ZF)
BEGIN
    mov rax, 0x9999999911111111
    nop
    mov rbx, rax
    shr rbx, 32
    cmp ebx, 0x99999999
    mov r8, 0x8888888822222222
    xchg r8d, eax
END
