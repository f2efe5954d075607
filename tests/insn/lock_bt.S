/* SPDX-License-Identifier: MIT */
/* LOCK with BT is #UD, with BTS it is not. */
#include "tests/insn/case.h"

CASE(lock_bt)
EXPECT_VECTOR(UD)
EXPECT(rax, 1)
EXPECT(rcx, 0)
BEGIN
    mov ebx, DATA
    .byte 0xf0, 0x0f, 0xba, 0x2b, 0x00 /* lock bts dword ptr [rbx], 0 */
    mov eax, [rbx]
    .byte 0xf0, 0x0f, 0xba, 0x23, 0x00 /* lock bt dword ptr [rbx], 0 */
    mov ecx, 1
END
