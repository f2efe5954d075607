/* SPDX-License-Identifier: MIT */
/* LOCK on a shift is #UD, though it reads, modifies and writes. */
#include "tests/insn/case.h"

CASE(lock_shift)
EXPECT_VECTOR(UD)
EXPECT(rcx, 0)
BEGIN
    mov ebx, DATA
    .byte 0xf0, 0xd1, 0x23 /* lock shl dword ptr [rbx], 1 */
    mov ecx, 1
END
