/* SPDX-License-Identifier: MIT */
/* Without ADX, ADOX is #UD. */
#include "tests/insn/case.h"

CASE(adox_off)
WITHOUT("adx")
EXPECT_VECTOR(UD)
EXPECT(rbx, 0)
BEGIN
    adox eax, esi
    mov ebx, 1
END
