/* SPDX-License-Identifier: MIT */
/* IDIV truncates towards 0; the remainder has the dividend's sign. */
#include "tests/insn/case.h"

CASE(idiv_signs)
EXPECT(rax, -3)
EXPECT(rdx, -1)
BEGIN
    mov rax, -7
    cqo
    mov ecx, 2
    idiv rcx
END
