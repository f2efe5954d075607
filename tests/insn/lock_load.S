/* SPDX-License-Identifier: MIT */
/* LOCK on what does not write memory is #UD: CMP here. */
#include "tests/insn/case.h"

CASE(lock_load)
EXPECT_VECTOR(UD)
EXPECT(rax, 0)
BEGIN
    mov ebx, DATA
    .byte 0xf0, 0x39, 0x03 /* lock cmp [rbx], eax */
    mov eax, 1
END
