/* SPDX-License-Identifier: MIT */
/* Signed overflow without carry. */
#include "tests/insn/case.h"

CASE(add_overflow)
EXPECT(rax, 0x80000000)
EXPECT_FLAGS(OF | SF | AF | PF, ALL)
BEGIN
    mov eax, 0x7fffffff
    add eax, 1
END
