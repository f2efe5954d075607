/* SPDX-License-Identifier: MIT */
/* LOOP counts RCX (ECX with 67), LOOPE stops at a difference, JRCXZ tests. */
#include "tests/insn/case.h"

CASE(loops)
EXPECT(rax, 5)
EXPECT(rcx, 3)
EXPECT(rbx, 1)
BEGIN
    mov ecx, 5
1:
    inc eax
    loop 1b
    jrcxz 2f
    ud2
2:
    mov rcx, 0x100000005
    mov ebx, 3
3:
    dec ebx
    cmp ebx, 2
    loope 3b
    btr rcx, 32
END
