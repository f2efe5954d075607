/* SPDX-License-Identifier: MIT */
/* Without RDPID its bytes are #UD, and not RDSEED. */
#include "tests/insn/case.h"

CASE(rdpid_off)
WITHOUT("rdpid")
EXPECT_VECTOR(UD)
EXPECT(rbx, 0)
BEGIN
    rdpid rax
    mov ebx, 1
END
