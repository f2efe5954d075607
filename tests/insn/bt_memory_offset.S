/* SPDX-License-Identifier: MIT */
/* A register bit number reaches memory beyond the operand, in both directions. */
#include "tests/insn/case.h"

CASE(bt_memory_offset)
EXPECT(rax, 0x80)
EXPECT(rdx, 1)
EXPECT(rcx, 1)
EXPECT_FLAGS(ZF, ZF)
BEGIN
    mov rbx, DATA + 256
    mov rsi, 8 * 100 + 7
    bts [rbx], rsi
    movzx eax, byte ptr [rbx + 100]
    mov rsi, -1
    mov byte ptr [rbx - 1], 0x80
    bt [rbx], rsi
    setc dl
    btr [rbx], rsi
    setc cl
    cmp byte ptr [rbx - 1], 0
END
