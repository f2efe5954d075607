/* SPDX-License-Identifier: MIT */
/* With 67 the index registers are 32 bits wide and lose their upper halves. */
#include "tests/insn/case.h"

CASE(string_32bit_address)
EXPECT(rax, 0x77)
EXPECT(rsi, DATA + 1)
BEGIN
    mov byte ptr [DATA], 0x77
    mov rsi, 0x500000000 + DATA
    addr32 lodsb
END
