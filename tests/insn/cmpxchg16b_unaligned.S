/* SPDX-License-Identifier: MIT */
/* CMPXCHG16B wants 16-byte alignment. */
#include "tests/insn/case.h"

CASE(cmpxchg16b_unaligned)
EXPECT(rax, 0)
EXPECT_VECTOR(GP)
BEGIN
    mov rsi, DATA + 8
    lock cmpxchg16b [rsi]
END
