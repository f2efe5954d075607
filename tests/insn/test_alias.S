/* SPDX-License-Identifier: MIT */
/* /1 in F6 and F7 is TEST, as 0 is: with its immediate. */
#include "tests/insn/case.h"

CASE(test_alias)
EXPECT(rax, 0x80000001)
EXPECT(rbx, SF | PF)
EXPECT_FLAGS(SF | PF, CF | ZF | SF | OF | PF)
BEGIN
    mov eax, 0x80000001
    .byte 0xf7, 0xc8, 0x00, 0x00, 0x00, 0x80 /* test eax, 0x80000000 */
    pushfq
    pop rbx
    and ebx, CF | ZF | SF | OF | PF
    mov ecx, 0x81
    .byte 0xf6, 0xc9, 0x81 /* test cl, 0x81 */
END
