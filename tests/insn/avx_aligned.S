/* SPDX-License-Identifier: MIT */
/* VMOVAPS wants 32 bytes of alignment, others none. */
#include "tests/insn/case.h"

CASE(avx_aligned)
NEEDS("avx")
EXPECT_VECTOR(GP)
EXPECT(rax, 1)
BEGIN
    mov rsi, DATA + 16
    vmovups ymm0, [rsi]
    vaddps ymm0, ymm0, [rsi + 1]
    mov eax, 1
    vmovaps ymm0, [rsi]
    mov eax, 2
END
