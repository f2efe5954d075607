/* SPDX-License-Identifier: MIT */
/* Without MOVBE its bytes are #UD. */
#include "tests/insn/case.h"

CASE(movbe_off)
WITHOUT("movbe")
EXPECT_VECTOR(UD)
EXPECT(rbx, 0)
BEGIN
    movbe eax, [rsp]
    mov ebx, 1
END
