/* SPDX-License-Identifier: MIT */
/* RDPID writes 64 bits and no flags; the vCPU of the test has TSC_AUX 0, a host its own number. */
#include "tests/insn/case.h"

CASE(rdpid)
HOST_DIFFERS
EXPECT(rax, 0)
EXPECT_FLAGS(CF, ALL)
BEGIN
    mov rax, -1
    stc
    rdpid rax
END
