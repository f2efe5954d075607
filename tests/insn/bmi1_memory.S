/* SPDX-License-Identifier: MIT */
/* BMI1 from memory; BLSR of 0 and of a power of 2. */
#include "tests/insn/case.h"

CASE(bmi1_memory)
NEEDS("bmi1")
EXPECT(rax, 0)
EXPECT(rbx, 0)
EXPECT(rcx, 0x12)
EXPECT(rdx, CF | ZF)
EXPECT(r8, ZF)
EXPECT_FLAGS(NONE, CF | ZF | OF)
BEGIN
    mov rax, -1
    mov rbx, -1
    mov r9d, DATA
    blsr eax, [r9]
    pushfq
    pop rdx
    and edx, CF | ZF | OF
    mov qword ptr [r9 + 8], 0x100
    blsr rbx, [r9 + 8]
    pushfq
    pop r8
    and r8d, CF | ZF | OF
    mov dword ptr [r9], 0x12345678
    mov r10d, 0x0818
    bextr ecx, [r9], r10d
END
