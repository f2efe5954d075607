/* SPDX-License-Identifier: MIT */
/* PUSHF and POPF: arithmetic flags both ways. */
#include "tests/insn/case.h"

CASE(flags_image)
EXPECT(rax, ALL)
EXPECT_FLAGS(ALL, ALL)
BEGIN
    push ALL
    popfq
    pushfq
    pop rax
    and eax, ALL
    push ALL
    popfq
END
