/* SPDX-License-Identifier: MIT */
/* Without RDTSCP its bytes are #UD. */
#include "tests/insn/case.h"

CASE(rdtscp_off)
WITHOUT("rdtscp")
EXPECT_VECTOR(UD)
EXPECT(rbx, 0)
BEGIN
    rdtscp
    mov ebx, 1
END
