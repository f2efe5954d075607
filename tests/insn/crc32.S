/* SPDX-License-Identifier: MIT */
/* CRC-32C of "123456789" is E3069283 (with the usual inversions). */
#include "tests/insn/case.h"

CASE(crc32)
EXPECT(rax, 0xe3069283)
BEGIN
    mov eax, -1
    mov rbx, 0x3837363534333231
    crc32 rax, rbx
    mov bl, 0x39
    crc32 eax, bl
    not eax
END
