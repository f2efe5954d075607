/* SPDX-License-Identifier: MIT */
/* POPCNT sets ZF for 0 and clears the rest. */
#include "tests/insn/case.h"

CASE(popcnt)
EXPECT(rax, 64)
EXPECT(rbx, 0)
EXPECT(rcx, 8)
EXPECT_FLAGS(ZF, ALL)
BEGIN
    mov rsi, -1
    popcnt rax, rsi
    mov ecx, 0xff00
    stc
    popcnt cx, cx
    popcnt rbx, rbx
END
