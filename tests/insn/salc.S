/* SPDX-License-Identifier: MIT */
/* SALC spreads CF over AL (undocumented, 32-bit code). */
#include "tests/insn/case.h"

CASE32(salc)
EXPECT(rax, 0xff)
BEGIN
    stc
    .byte 0xd6
END
