/* SPDX-License-Identifier: MIT */
/* RCL of a byte by 9 is the identity, carry too. */
#include "tests/insn/case.h"

CASE(rcl_nine)
EXPECT(rax, 0x5a)
EXPECT_FLAGS(CF, CF)
BEGIN
    mov al, 0x5a
    stc
    rcl al, 9
END
