/* SPDX-License-Identifier: MIT */
/* A masked move touches only what the mask selects, here up to the last bytes of mapped memory, and zeroes the
 * rest of a loaded register. */
#include "tests/insn/case.h"

CASE(avx_maskmov)
NEEDS("avx2")
EXPECT(rax, 0x2222222211111111)
EXPECT(rbx, 0)
EXPECT(rcx, 0x0000000011111111)
EXPECT(rdx, 0x3333333300000000)
BEGIN
    mov rsi, DATA
    mov rax, 0x2222222211111111
    mov [rsi + 0x3ff8], rax
    mov rdi, -1
    vmovq xmm1, rdi
    vmaskmovps ymm0, ymm1, [rsi + 0x3ff8]
    vmovq rax, xmm0
    vpextrq rbx, xmm0, 1
    mov rdi, 0x0000000080000000
    vmovq xmm1, rdi
    vpmaskmovd [rsi], xmm1, xmm0
    mov rcx, [rsi]
    mov rdi, 0x8000000000000000
    vmovq xmm1, rdi
    mov rdi, 0x3333333344444444
    vmovq xmm0, rdi
    vpmaskmovd [rsi + 0x3ff8 - 8], xmm1, xmm0
    mov rdx, [rsi + 0x3ff0]
END
