/* SPDX-License-Identifier: MIT */
/* Without CLFLUSHOPT its bytes are #UD, and not CLFLUSH. */
#include "tests/insn/case.h"

CASE(clflushopt_off)
WITHOUT("clflushopt")
EXPECT_VECTOR(UD)
EXPECT(rbx, 0)
BEGIN
    mov ecx, DATA
    .byte 0x66, 0x0f, 0xae, 0x39
    mov ebx, 1
END
