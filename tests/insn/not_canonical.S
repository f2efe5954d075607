/* SPDX-License-Identifier: MIT */
/* A data access that is not canonical is #GP. */
#include "tests/insn/case.h"

CASE(not_canonical)
EXPECT(rax, 0x800000000000)
EXPECT_VECTOR(GP)
BEGIN
    mov rax, 0x800000000000
    mov rbx, [rax]
END
