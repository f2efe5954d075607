/* SPDX-License-Identifier: MIT */
/* The same on the stack; the pointer stays. */
#include "tests/insn/case.h"

CASE(not_canonical_stack)
EXPECT(rsp, 0x800000000008)
EXPECT_VECTOR(SS)
BEGIN
    mov rsp, 0x800000000008
    push rax
END
