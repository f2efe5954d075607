/* SPDX-License-Identifier: MIT */
/* REPNE SCASB finds, REPE CMPSB compares. */
#include "tests/insn/case.h"

CASE(scas_cmps)
EXPECT(rcx, 4)
EXPECT(rdi, DATA + 4)
EXPECT(rax, 3)
EXPECT(rbx, 1)
EXPECT_FLAGS(ZF, ZF)
BEGIN
    mov rax, 0x0706050403020100
    mov [DATA], rax
    mov [DATA + 16], rax
    mov byte ptr [DATA + 19], 0x99
    mov esi, DATA
    mov edi, DATA + 16
    mov ecx, 8
    repe cmpsb
    setne bl
    mov eax, 3
    mov edi, DATA
    mov ecx, 8
    repne scasb
END
