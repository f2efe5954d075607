/* SPDX-License-Identifier: MIT */
/* BMI1: results of all five, and the flags of the last that sets CF. */
#include "tests/insn/case.h"

CASE(bmi1)
NEEDS("bmi1")
EXPECT(rax, 0x0f00)
EXPECT(rbx, 0xbcd)
EXPECT(rcx, 0x10)
EXPECT(rdx, 0x1f)
EXPECT(r8, 0xffffffff)
EXPECT(r9, 0x8000000000000000)
EXPECT_FLAGS(CF | SF, CF | ZF | SF | OF)
BEGIN
    mov esi, 0xf0ff
    mov edi, 0x0fff
    andn eax, esi, edi
    mov esi, 0x00abcdef
    mov edi, 0x0c08
    bextr ebx, esi, edi
    mov esi, 0x7ff0
    blsi ecx, esi
    blsmsk edx, esi
    xor esi, esi
    blsmsk r8d, esi
    mov r10, 1
    shl r10, 63
    blsi r9, r10
END
