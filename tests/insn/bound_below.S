/* SPDX-License-Identifier: MIT */
/* BOUND: below the lower bound. */
#include "tests/insn/case.h"

CASE32(bound_below)
EXPECT_VECTOR(BR)
BEGIN
    mov ebx, DATA
    mov dword ptr [ebx], 3
    mov dword ptr [ebx + 4], 9
    mov eax, 9
    bound eax, [ebx]
    mov eax, 2
    bound eax, [ebx]
END
