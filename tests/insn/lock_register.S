/* SPDX-License-Identifier: MIT */
/* LOCK needs a memory operand. */
#include "tests/insn/case.h"

CASE(lock_register)
EXPECT_VECTOR(UD)
EXPECT(rax, 0)
BEGIN
    .byte 0xf0, 0xff, 0xc0 /* lock inc eax */
    mov eax, 1
END
