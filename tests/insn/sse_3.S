/* SPDX-License-Identifier: MIT */
/* What SSE3 and SSSE3 added to vectors of 128 bits. */
#include "tests/insn/case.h"
#include "tests/insn/vector.inc"

CASE(sse_3_movsldup)
NEEDS("sse3")
EXPECT(r8, 0xbad247cdbad247cc)
EXPECT(r9, 0x6188c81338618da4)
EXPECT(r10, 0xf29f47ebf29f45eb)
EXPECT(r11, 0x80ff471f0e088201)
BEGIN
    OPERANDS integers
    RM r8, movsldup
    RM r9, movddup
    RM r10, movshdup
    movaps xmm4, xmm0
    lddqu xmm4, [rsi + 32]
    FOLD r11, xmm4
END

CASE(sse_3_haddpd)
NEEDS("sse3")
EXPECT(r8, 0x90f79318712a3f1f)
EXPECT(r9, 0x5cf940e796d76e20)
EXPECT(r10, 0xa0f834741ccf1187)
BEGIN
    OPERANDS doubles
    RM r8, haddpd
    RM r9, hsubpd
    RM r10, addsubpd
END

CASE(sse_3_haddps)
NEEDS("sse3")
EXPECT(r8, 0x4fc9bc7ec278927e)
EXPECT(r9, 0x7f1f3d81267898b3)
EXPECT(r10, 0xb2a5891c48e022b1)
BEGIN
    OPERANDS singles
    RM r8, haddps
    RM r9, hsubps
    RM r10, addsubps
END

CASE(sse_3_pshufb)
NEEDS("ssse3")
EXPECT(r8, 0x100b0d0002101c13)
EXPECT(r9, 0xda76e1f9750586a4)
EXPECT(r10, 0x233636e09199d66a)
EXPECT(r11, 0xe4fae3f1750539ad)
EXPECT(r12, 0x4e97af32521d0d7d)
EXPECT(r13, 0x6716122d46b4d7c0)
EXPECT(r14, 0x9693cf4c714f6cb5)
EXPECT(r15, 0xfd16122d46222117)
BEGIN
    OPERANDS integers
    RM r8, pshufb
    RM r9, phaddw
    RM r10, phaddd
    RM r11, phaddsw
    RM r12, pmaddubsw
    RM r13, phsubw
    RM r14, phsubd
    RM r15, phsubsw
END

CASE(sse_3_psignb)
NEEDS("ssse3")
EXPECT(r8, 0xcbd7fcdfe60d7efc)
EXPECT(r9, 0xcbd7ebd9190391fd)
EXPECT(r10, 0x3a36ebb8e90291fc)
EXPECT(r11, 0x9ced2a9f1bbac4f0)
EXPECT(r12, 0xc0490600e40ef31f)
EXPECT(r13, 0xbf48e500f7071317)
EXPECT(r14, 0x40dd150623f4665c)
BEGIN
    OPERANDS integers
    RM r8, psignb
    RM r9, psignw
    RM r10, psignd
    RM r11, pmulhrsw
    RM r12, pabsb
    RM r13, pabsw
    RMI r14, palignr, 5
END

CASE(sse_3_pabsd)
NEEDS("ssse3")
EXPECT(r8, 0xa6d12b0d44e1b86b)
BEGIN
    OPERANDS doubles
    RM r8, pabsd
END
