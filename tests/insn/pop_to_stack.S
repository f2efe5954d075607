/* SPDX-License-Identifier: MIT */
/* POP with RSP in the address uses the pointer after the pop. */
#include "tests/insn/case.h"

CASE(pop_to_stack)
EXPECT(rax, 0x42)
EXPECT(rsp, 0x101feff8)
BEGIN
    push 0
    push 0x42
    pop qword ptr [rsp]
    mov rax, [rsp]
END
