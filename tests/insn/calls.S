/* SPDX-License-Identifier: MIT */
/* Near calls, direct and through a register and memory, and RET n. */
#include "tests/insn/case.h"

CASE(calls)
EXPECT(rax, 111)
EXPECT(rsp, 0x101ff000)
BEGIN
    call 1f
    lea rbx, [rip + 1f]
    call rbx
    mov [DATA], rbx
    push 0
    lea rbx, [rip + 2f]
    mov [DATA], rbx
    call [DATA]
    jmp 3f
1:
    add eax, 5
    ret
2:
    add eax, 101
    ret 8
3:
END
