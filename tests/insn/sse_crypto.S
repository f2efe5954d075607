/* SPDX-License-Identifier: MIT */
/* AES, PCLMULQDQ and SHA instructions. */
#include "tests/insn/case.h"
#include "tests/insn/vector.inc"

CASE(sse_crypto_aesimc)
NEEDS("aes")
EXPECT(r8, 0x23d604b009c02f15)
EXPECT(r9, 0xc99cd481faac9b6)
EXPECT(r10, 0xb1102c8c4c3cc787)
EXPECT(r11, 0x93ac71ad30341595)
EXPECT(r12, 0x42e786e61326d3ce)
EXPECT(r13, 0x65acec66660afad7)
BEGIN
    OPERANDS integers
    RM r8, aesimc
    RM r9, aesenc
    RM r10, aesenclast
    RM r11, aesdec
    RM r12, aesdeclast
    RMI r13, aeskeygenassist, 54
END

CASE(sse_crypto_pclmulqdq)
NEEDS("pclmulqdq")
EXPECT(r8, 0xaec4d9d50d2ab9d1)
BEGIN
    OPERANDS integers
    RMI r8, pclmulqdq, 16
END

CASE(sse_crypto_sha1nexte)
NEEDS("sha-ni")
EXPECT(r8, 0x2cc18126b2e4911f)
EXPECT(r9, 0x9e0609e4bbea851a)
EXPECT(r10, 0xe50a490ceefccc97)
EXPECT(r11, 0x6e8c0d6401fd83b2)
EXPECT(r12, 0x12aabe45b7e5523)
EXPECT(r13, 0x41d87d442a0e9696)
EXPECT(r14, 0xc7d614749e55904)
BEGIN
    OPERANDS integers
    RM r8, sha1nexte
    RM r9, sha1msg1
    RM r10, sha1msg2
    RM r11, sha256rnds2
    RM r12, sha256msg1
    RM r13, sha256msg2
    RMI r14, sha1rnds4, 2
END
