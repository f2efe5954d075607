/* SPDX-License-Identifier: MIT */
/* XLAT looks AL up. */
#include "tests/insn/case.h"

CASE(xlat)
EXPECT(rax, 0x55)
BEGIN
    mov ebx, DATA
    mov byte ptr [rbx + 0xfe], 0x55
    mov al, 0xfe
    xlatb
END
