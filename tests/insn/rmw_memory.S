/* SPDX-License-Identifier: MIT */
/* Read-modify-write on memory, with immediate, register and one operand. */
#include "tests/insn/case.h"

CASE(rmw_memory)
EXPECT(rax, 0x1234567800000012)
EXPECT(rbx, 0xffffffff00000000)
BEGIN
    mov rbx, DATA
    mov qword ptr [rbx], 0x11
    mov dword ptr [rbx + 4], 0x12345678
    add byte ptr [rbx], 1
    mov rax, [rbx]
    mov qword ptr [rbx + 8], -1
    inc dword ptr [rbx + 8]
    mov rbx, [rbx + 8]
END
