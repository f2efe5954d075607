/* SPDX-License-Identifier: MIT */
/* F3 90 is PAUSE, but with REX.B it is XCHG R8, RAX as without F3. */
#include "tests/insn/case.h"

CASE(xchg_f3)
EXPECT(rax, 2)
EXPECT(r8, 1)
BEGIN
    mov eax, 1
    mov r8d, 2
    .byte 0xf3, 0x49, 0x90
    pause
END
