/* SPDX-License-Identifier: MIT */
/* SAHF sets all but OF; LAHF reads them with bit 1 set. */
#include "tests/insn/case.h"

CASE(lahf_sahf)
EXPECT(rax, 0xd700)
EXPECT_FLAGS(CF | PF | AF | ZF | SF, ALL)
BEGIN
    mov ah, 0xff
    sahf
    mov ah, 0
    lahf
END
