/* SPDX-License-Identifier: MIT */
/* The quotient of -2^63 / -1 does not fit. */
#include "tests/insn/case.h"

CASE(idiv_overflow)
EXPECT(rax, 0x8000000000000000)
EXPECT(rdx, -1)
EXPECT_VECTOR(DE)
BEGIN
    mov rax, 0x8000000000000000
    cqo
    mov rcx, -1
    idiv rcx
END
