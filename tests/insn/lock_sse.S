/* SPDX-License-Identifier: MIT */
/* LOCK on a vector instruction is #UD. */
#include "tests/insn/case.h"

CASE(lock_sse)
EXPECT_VECTOR(UD)
EXPECT(rcx, 0)
BEGIN
    mov ebx, DATA
    .byte 0xf0, 0x0f, 0x28, 0x03 /* lock movaps xmm0, [rbx] */
    mov ecx, 1
END
