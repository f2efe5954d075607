/* SPDX-License-Identifier: MIT */
/* CMPXCHG16B, equal and not. */
#include "tests/insn/case.h"

CASE(cmpxchg16b)
EXPECT(rax, 3)
EXPECT(rdx, 4)
EXPECT(r8, 1)
EXPECT(r9, 0)
BEGIN
    mov rsi, DATA
    mov rbx, 3
    mov rcx, 4
    lock cmpxchg16b [rsi]
    setz r8b
    lock cmpxchg16b [rsi]
    setz r9b
END
