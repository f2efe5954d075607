/* SPDX-License-Identifier: MIT */
/* BSF and BSR; of 0 only ZF tells. */
#include "tests/insn/case.h"

CASE(bit_scans)
EXPECT(rax, 4)
EXPECT(rbx, 36)
EXPECT(rcx, 0x55)
EXPECT(rdx, 1)
BEGIN
    mov rsi, 0x1000000010
    bsf rax, rsi
    bsr rbx, rsi
    mov ecx, 0x55
    xor esi, esi
    bsf rcx, rsi
    setz dl
END
