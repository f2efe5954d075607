/* SPDX-License-Identifier: MIT */
/* Division by 0 leaves everything as it was. */
#include "tests/insn/case.h"

CASE(div_zero)
EXPECT(rax, 5)
EXPECT(rdx, 6)
EXPECT_VECTOR(DE)
BEGIN
    mov eax, 5
    mov edx, 6
    div ecx
END
