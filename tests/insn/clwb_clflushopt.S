/* SPDX-License-Identifier: MIT */
/* CLWB and CLFLUSHOPT change nothing. */
#include "tests/insn/case.h"

CASE(clwb_clflushopt)
NEEDS("clwb")
EXPECT(rax, 0x1234)
EXPECT_FLAGS(CF, ALL)
BEGIN
    mov ebx, DATA
    mov dword ptr [rbx], 0x1234
    stc
    clwb [rbx]
    clflushopt [rbx + 3]
    mov eax, [rbx]
END
