/* SPDX-License-Identifier: MIT */
/* Without BMI1 the bytes of TZCNT are BSF: a source of 0 leaves the destination and sets ZF. */
#include "tests/insn/case.h"

CASE(tzcnt_off)
WITHOUT("bmi1")
EXPECT(rax, 5)
EXPECT(rbx, 4)
EXPECT_FLAGS(ZF, ZF)
BEGIN
    mov esi, 16
    tzcnt ebx, esi
    mov eax, 5
    xor esi, esi
    tzcnt eax, esi
END
