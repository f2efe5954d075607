/* SPDX-License-Identifier: MIT */
/* CMPXCHG: equal stores, unequal loads the accumulator. */
#include "tests/insn/case.h"

CASE(cmpxchg)
EXPECT(rax, 7)
EXPECT(rbx, 9)
EXPECT(rcx, 7)
EXPECT_FLAGS(CF | SF, CF | ZF | SF | OF)
BEGIN
    mov rsi, DATA
    mov dword ptr [rsi], 7
    mov ecx, 9
    mov eax, 7
    lock cmpxchg [rsi], ecx
    mov ebx, [rsi]
    mov eax, 1
    mov ecx, 7
    mov dword ptr [rsi], 7
    cmpxchg [rsi], ebx
END
