/* SPDX-License-Identifier: MIT */
/* ADCX carries in CF, ADOX in OF; each leaves all other flags. */
#include "tests/insn/case.h"

CASE(adx)
NEEDS("adx")
EXPECT(rax, 0)
EXPECT(rbx, 1)
EXPECT(rcx, 0)
EXPECT(rdx, 1)
EXPECT(r8, 3)
EXPECT_FLAGS(ZF | PF, ALL)
BEGIN
    xor eax, eax
    mov rax, -1
    mov rcx, -1
    mov edi, 1
    xor esi, esi
    adcx rax, rdi
    adox rcx, rdi
    adcx rbx, rsi
    adox rdx, rsi
    mov r10d, DATA
    mov dword ptr [r10], 3
    adcx r8d, [r10]
END
