/* SPDX-License-Identifier: MIT */
/* AAM divides AL, AAD undoes it (32-bit code only). */
#include "tests/insn/case.h"

CASE32(aad_aam)
EXPECT(rax, 0x2f)
EXPECT(rbx, 0x0407)
EXPECT_FLAGS(NONE, SF | ZF)
BEGIN
    mov al, 47
    aam
    mov ebx, eax
    aad
END
