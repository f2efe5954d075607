/* SPDX-License-Identifier: MIT */
/* Rotates change CF and OF alone. */
#include "tests/insn/case.h"

CASE(rol_keeps_flags)
EXPECT(rax, 0x03)
EXPECT_FLAGS(CF | OF | ZF | PF, ALL)
BEGIN
    mov al, 0x81
    cmp bl, bl
    rol al, 1
END
