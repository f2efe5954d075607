/* SPDX-License-Identifier: MIT */
/* LOCK with the arithmetic that allows it. */
#include "tests/insn/case.h"

CASE(lock_forms)
EXPECT(rax, 0xfffffffffffffffb)
EXPECT(rbx, 0x101)
EXPECT_FLAGS(NONE, CF)
BEGIN
    mov rsi, DATA
    lock add qword ptr [rsi], 5
    lock dec qword ptr [rsi]
    lock or qword ptr [rsi], 1
    lock sub qword ptr [rsi], 1
    lock not qword ptr [rsi]
    mov rax, [rsi]
    lock bts dword ptr [rsi + 8], 0
    mov ecx, 8
    lock bts [rsi + 8], ecx
    mov ebx, [rsi + 8]
END
