/* SPDX-License-Identifier: MIT */
/* CMOV with 32 bits clears the upper half even if it does not move. */
#include "tests/insn/case.h"

CASE(cmov_clears_upper)
EXPECT(rax, 0xffffffff)
EXPECT(rbx, 7)
BEGIN
    mov rax, -1
    mov ecx, 7
    test ecx, ecx
    cmovz eax, ecx
    cmovnz rbx, rcx
END
