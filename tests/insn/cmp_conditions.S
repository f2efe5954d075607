/* SPDX-License-Identifier: MIT */
/* Signed and unsigned conditions of one comparison. */
#include "tests/insn/case.h"

CASE(cmp_conditions)
EXPECT(rax, 1)
EXPECT(rbx, 0)
EXPECT(rcx, 1)
EXPECT(rdx, 0)
BEGIN
    mov esi, -1
    cmp esi, 1
    setl al
    setb bl
    seta cl
    setge dl
END
