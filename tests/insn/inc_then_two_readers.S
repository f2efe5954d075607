/* SPDX-License-Identifier: MIT */
/* Flags of two instructions read in turn: the first reader looks at the flag that INC leaves alone. */
#include "tests/insn/case.h"

CASE(inc_then_two_readers)
EXPECT(rbx, 1)
EXPECT(rdx, 7)
EXPECT_FLAGS(PF, ALL)
BEGIN
    mov r8d, 7
    mov r9d, 4
    mov ecx, 0x80000000
    sar ecx, 1
    inc r9
    setnb bl
    cmovnl edx, r8d
    or eax, 3
END
