/* SPDX-License-Identifier: MIT */
/* Without LZCNT its bytes are BSR. */
#include "tests/insn/case.h"

CASE(lzcnt_off)
WITHOUT("abm")
EXPECT(rax, 3)
BEGIN
    mov esi, 8
    lzcnt eax, esi
END
