/* SPDX-License-Identifier: MIT */
/* DC D0, DC D8, DE D0: FCOM and FCOMP; DD C8, DF C8: FXCH; DF D0, DF D8: FSTP; DF C0: FFREE and a pop. */
#include "tests/insn/case.h"

CASE(x87_aliases)
EXPECT(rax, 0x3800)
BEGIN
    fninit
    fldz
    fld1
    .byte 0xdd, 0xc9 /* fxch */
    .byte 0xdc, 0xd1 /* fcom */
    .byte 0xdc, 0xd9 /* fcomp */
    .byte 0xdf, 0xd0 /* fstp st0 */
    fldz
    fnstsw ax
    and eax, 0x3800
END
