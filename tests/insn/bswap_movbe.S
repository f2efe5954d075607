/* SPDX-License-Identifier: MIT */
/* Byte order. */
#include "tests/insn/case.h"

CASE(bswap_movbe)
EXPECT(rax, 0x0102030405060708)
EXPECT(rbx, 0x78563412)
EXPECT(rcx, 0x3412)
EXPECT(rdx, 0x78563412)
BEGIN
    mov rax, 0x0807060504030201
    bswap rax
    mov rbx, -1
    mov ebx, 0x12345678
    bswap ebx
    mov rsi, DATA
    mov dword ptr [rsi], 0x12345678
    movbe edx, [rsi]
    mov eax, 0x1234
    movbe [rsi], ax
    mov cx, [rsi]
    mov rax, 0x0102030405060708
END
