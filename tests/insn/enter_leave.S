/* SPDX-License-Identifier: MIT */
/* ENTER with nesting copies frame pointers; LEAVE undoes it. */
#include "tests/insn/case.h"

CASE(enter_leave)
EXPECT(rbp, DATA)
EXPECT(rsp, 0x101ff000)
EXPECT(rax, 0x101feff8)
EXPECT(rbx, 0x28)
BEGIN
    mov ebp, DATA
    enter 16, 2
    mov rax, rbp
    mov rbx, rbp
    sub rbx, rsp
    add rbx, 8
    leave
END
