/* SPDX-License-Identifier: MIT */
/* Without SSE4.2, CRC32 is #UD, though MOVBE shares its opcode. */
#include "tests/insn/case.h"

CASE(crc32_off)
WITHOUT("sse4.2")
EXPECT_VECTOR(UD)
EXPECT(rbx, 0)
BEGIN
    crc32 eax, dword ptr [rsp]
    mov ebx, 1
END
