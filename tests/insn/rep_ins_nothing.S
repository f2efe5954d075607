/* SPDX-License-Identifier: MIT */
/* Permission for the port is checked even if there is nothing to do. */
#include "tests/insn/case.h"

CASE(rep_ins_nothing)
EXPECT(rcx, 0)
EXPECT_VECTOR(GP)
BEGIN
    xor ecx, ecx
    rep insb
END
