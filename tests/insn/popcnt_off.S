/* SPDX-License-Identifier: MIT */
/* Without POPCNT its bytes are #UD, and not JMPE. */
#include "tests/insn/case.h"

CASE(popcnt_off)
WITHOUT("popcnt")
EXPECT_VECTOR(UD)
EXPECT(rbx, 0)
BEGIN
    popcnt eax, esi
    mov ebx, 1
END
