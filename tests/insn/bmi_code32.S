/* SPDX-License-Identifier: MIT */
/* BMI in 32-bit code: C4 with ModRM.mod 3 is VEX, not LES; W is ignored. */
#include "tests/insn/case.h"

CASE32(bmi_code32)
NEEDS("bmi2")
EXPECT(rax, 0x0000ff00)
EXPECT(rbx, 0xffff0000)
EXPECT(rcx, 1)
BEGIN
    mov esi, 0xffff00ff
    mov edi, 0x0000ffff
    andn eax, esi, edi
    rorx ebx, edi, 16
    .byte 0xc4, 0xe2, 0xe8, 0xf5, 0xcf /* bzhi ecx, edi, edx with W */
    mov edx, 1
    .byte 0xc4, 0xe2, 0xe8, 0xf5, 0xcf
END
