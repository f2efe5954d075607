/* SPDX-License-Identifier: MIT */
/* Without CLWB its bytes are #UD, and not XSAVEOPT. */
#include "tests/insn/case.h"

CASE(clwb_off)
WITHOUT("clwb")
EXPECT_VECTOR(UD)
EXPECT(rbx, 0)
BEGIN
    mov ecx, DATA
    .byte 0x66, 0x0f, 0xae, 0x31
    mov ebx, 1
END
