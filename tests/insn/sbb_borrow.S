/* SPDX-License-Identifier: MIT */
/* SBB takes the borrow; SBB reg,reg makes a mask. */
#include "tests/insn/case.h"

CASE(sbb_borrow)
EXPECT(rax, -1)
EXPECT(rbx, -1)
EXPECT_FLAGS(CF | SF | PF | AF, ALL)
BEGIN
    xor ebx, ebx
    cmp ebx, 1
    sbb rax, rax
    stc
    sbb rbx, 0
END
