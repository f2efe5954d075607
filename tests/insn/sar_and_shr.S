/* SPDX-License-Identifier: MIT */
/* SAR keeps the sign, SHR does not; counts are taken modulo 64. */
#include "tests/insn/case.h"

CASE(sar_and_shr)
EXPECT(rax, -1)
EXPECT(rbx, 1)
EXPECT(rdx, 0x4000000000000000)
EXPECT_FLAGS(NONE, CF)
BEGIN
    mov rax, 0x8000000000000000
    mov rbx, rax
    mov rdx, rax
    sar rax, 63
    shr rbx, 63
    mov ecx, 65
    shr rdx, cl
END
