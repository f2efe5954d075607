/* SPDX-License-Identifier: MIT */
/* BMI2 from memory. */
#include "tests/insn/case.h"

CASE(bmi2_memory)
NEEDS("bmi2")
EXPECT(rax, 0x3c)
EXPECT(rbx, 0x0f)
EXPECT(rcx, 0xf)
EXPECT(rsi, 0xfffffffffffffff0)
EXPECT(rdi, 0x1e)
EXPECT(r8, 0xf0000000)
EXPECT(r9, 0x1)
EXPECT(r11, 0xfffffffffffffffe)
BEGIN
    mov r10d, DATA
    mov qword ptr [r10], 0x3c
    mov ebp, 4
    mov rax, -1
    pdep rax, rax, [r10]
    mov rbx, rax
    pext rbx, rbx, [r10]
    shrx ecx, [r10], r9d
    mov ecx, 0xf
    mov qword ptr [r10 + 8], -256
    sarx rsi, [r10 + 8], rbp
    rorx edi, [r10], 1
    mov dword ptr [r10], 0xf
    rorx r8d, [r10], 4
    mov qword ptr [r10 + 16], -1
    mov edx, 2
    mulx r9, r11, [r10 + 16]
END
