/* SPDX-License-Identifier: MIT */
/* INC and DEC leave CF. */
#include "tests/insn/case.h"

CASE(inc_dec_keep_carry)
EXPECT(rax, 0x80)
EXPECT(rbx, -1)
EXPECT_FLAGS(CF | SF | PF | AF, ALL)
BEGIN
    mov al, 0x7f
    stc
    inc al
    dec rbx
END
