/* SPDX-License-Identifier: MIT */
/* Without BMI2, RORX is #UD. */
#include "tests/insn/case.h"

CASE(rorx_off)
WITHOUT("bmi2")
EXPECT_VECTOR(UD)
EXPECT(rbx, 0)
BEGIN
    rorx eax, esi, 1
    mov ebx, 1
END
