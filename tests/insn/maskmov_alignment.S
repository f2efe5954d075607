/* SPDX-License-Identifier: MIT */
/* With alignment checks MASKMOVQ and MASKMOVDQU want 8 bytes' alignment, of an empty mask as well (AMD). */
#include "tests/insn/case.h"

CASE(maskmovq_alignment)
EXPECT(rax, 1)
EXPECT_VECTOR(AC)
BEGIN
    mov edi, DATA + 8
    pxor mm0, mm0
    pcmpeqb mm1, mm1
    push 0x40202
    popfq
    maskmovq mm1, mm1
    mov eax, 1
    inc edi
    maskmovq mm1, mm0
    mov eax, 2
END

CASE(maskmovdqu_alignment)
EXPECT(rax, 1)
EXPECT_VECTOR(AC)
BEGIN
    mov edi, DATA + 8
    pxor xmm0, xmm0
    pcmpeqb xmm1, xmm1
    push 0x40202
    popfq
    maskmovdqu xmm1, xmm1
    mov eax, 1
    add edi, 4
    maskmovdqu xmm1, xmm0
    mov eax, 2
END
