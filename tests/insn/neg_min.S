/* SPDX-License-Identifier: MIT */
/* NEG of the most negative number overflows; CF says it was not 0. */
#include "tests/insn/case.h"

CASE(neg_min)
EXPECT(rax, 0x8000000000000000)
EXPECT_FLAGS(CF | OF | SF | PF, ALL)
BEGIN
    mov rax, 0x8000000000000000
    neg rax
END
