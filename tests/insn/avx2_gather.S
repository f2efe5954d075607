/* SPDX-License-Identifier: MIT */
/* A gather loads the selected elements and clears the whole mask; the others stay. */
#include "tests/insn/case.h"

CASE(avx2_gather)
NEEDS("avx2")
EXPECT(rax, 0x0000000700000005)
EXPECT(rbx, 0x9999999900000006)
EXPECT(rcx, 0)
EXPECT(rdx, 0)
BEGIN
    mov rsi, DATA
    mov dword ptr [rsi + 8], 5
    mov dword ptr [rsi], 6
    mov dword ptr [rsi + 12], 7
    mov rdi, 0x0000000200000001
    vmovq xmm1, rdi
    mov rdi, 0x00000000ffffffff
    vpinsrq xmm1, xmm1, rdi, 1
    mov rdi, 0x8000000080000000
    vmovq xmm2, rdi
    mov rdi, 0x7fffffff80000000
    vpinsrq xmm2, xmm2, rdi, 1
    mov rdi, 0x9999999999999999
    vmovq xmm0, rdi
    vpinsrq xmm0, xmm0, rdi, 1
    add rsi, 4
    vpgatherdd xmm0, [rsi + xmm1 * 4], xmm2
    vmovq rax, xmm0
    vpextrq rbx, xmm0, 1
    vmovq rcx, xmm2
    vpextrq rdx, xmm2, 1
END
