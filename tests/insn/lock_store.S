/* SPDX-License-Identifier: MIT */
/* LOCK on a plain store is #UD. */
#include "tests/insn/case.h"

CASE(lock_store)
EXPECT_VECTOR(UD)
EXPECT(rcx, 0)
BEGIN
    mov ebx, DATA
    .byte 0xf0, 0x89, 0x03 /* lock mov [rbx], eax */
    mov ecx, 1
END
