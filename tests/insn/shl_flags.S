/* SPDX-License-Identifier: MIT */
/* SHL: CF is the last bit out, OF (count 1) says that the sign changed. */
#include "tests/insn/case.h"

CASE(shl_flags)
EXPECT(rax, 0x80)
EXPECT_FLAGS(OF | SF, ALL - AF)
BEGIN
    mov al, 0x40
    shl al, 1
END
