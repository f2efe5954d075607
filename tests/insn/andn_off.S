/* SPDX-License-Identifier: MIT */
/* Without BMI1, ANDN is #UD. */
#include "tests/insn/case.h"

CASE(andn_off)
WITHOUT("bmi1")
EXPECT_VECTOR(UD)
EXPECT(rbx, 0)
BEGIN
    andn eax, esi, edi
    mov ebx, 1
END
