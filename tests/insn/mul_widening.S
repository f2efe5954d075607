/* SPDX-License-Identifier: MIT */
/* MUL: the high half goes to RDX; CF and OF say that it is not 0. */
#include "tests/insn/case.h"

CASE(mul_widening)
EXPECT(rax, 1)
EXPECT(rdx, 0xfffffffffffffffe)
EXPECT_FLAGS(CF | OF, CF | OF)
BEGIN
    mov rax, -1
    mov rbx, -1
    mul rbx
END
