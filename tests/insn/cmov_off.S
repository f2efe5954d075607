/* SPDX-License-Identifier: MIT */
/* Without CMOV its bytes are #UD. */
#include "tests/insn/case.h"

CASE(cmov_off)
WITHOUT("cmov")
EXPECT_VECTOR(UD)
EXPECT(rbx, 0)
BEGIN
    cmovz eax, esi
    mov ebx, 1
END
