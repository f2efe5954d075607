/* SPDX-License-Identifier: MIT */
/* RDPKRU and WRPKRU are #UD while CR4.PKE is clear. */
#include "tests/insn/case.h"

CASE(wrpkru_without_pke)
HOST_DIFFERS
EXPECT_VECTOR(UD)
EXPECT(rbx, 0)
BEGIN
    wrpkru
    mov ebx, 1
END
