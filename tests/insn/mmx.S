/* SPDX-License-Identifier: MIT */
/* MMX registers: MMX, and what SSE to SSSE3 added. */
#include "tests/insn/case.h"
#include "tests/insn/vector.inc"

CASE(mmx_punpcklbw)
EXPECT(r8, 0x540168ff7d008e18)
EXPECT(r9, 0x59650201758c0817)
EXPECT(r10, 0x5866778701050817)
EXPECT(r11, 0x7e7e7d8200807f7f)
EXPECT(r12, 0x1feff00000200fd)
EXPECT(r13, 0xfdff000001ff)
EXPECT(r14, 0xfffffe00000001ff)
EXPECT(r15, 0xfffffe030000ff00)
BEGIN
    OPERANDS_MMX
    MM r8, punpcklbw
    MM r9, punpcklwd
    MM r10, punpckldq
    MM r11, packsswb
    MM r12, pcmpgtb
    MM r13, pcmpgtw
    MM r14, pcmpgtd
    MM r15, packuswb
END

CASE(mmx_punpckhbw)
EXPECT(r8, 0x1102248831c24580)
EXPECT(r9, 0x1322028776438080)
EXPECT(r10, 0x13a8754403008080)
EXPECT(r11, 0x80ff7eff7eff8100)
EXPECT(r12, 0xeecdbb5543ee9a98)
EXPECT(r13, 0x14213542576a7d88)
EXPECT(r14, 0x7f8614213344576a)
EXPECT(r15, 0x1000086401400fff)
BEGIN
    OPERANDS_MMX
    MM r8, punpckhbw
    MM r9, punpckhwd
    MM r10, punpckhdq
    MM r11, packssdw
    mov rcx, 0x8877665544332211
    movd mm4, ecx
    FOLD_MM r12, mm4
    .byte 0x48, 0x0f, 0x6e, 0xe1 /* movq mm4, rcx */
    FOLD_MM r12, mm4
    movd mm4, dword ptr [rsi + 64]
    FOLD_MM r12, mm4
    movq mm4, mm0
    movq mm5, mm4
    FOLD_MM r13, mm5
    movq mm4, [rsi + 64]
    FOLD_MM r13, mm4
    pshufw mm4, mm0, 0x1b
    FOLD_MM r14, mm4
    pshufw mm4, [rsi + 64], 0x39
    FOLD_MM r14, mm4
    movq mm4, mm1
    psrlw mm4, 3
    FOLD_MM r15, mm4
END

CASE(mmx_psraw)
EXPECT(r8, 0xf000086401400fff)
EXPECT(r9, 0x819085008fff8)
EXPECT(r10, 0x4000a1900500bff)
EXPECT(r11, 0xfc000a1900500bff)
EXPECT(r12, 0x286420402fffe0)
EXPECT(r13, 0x4000a1908500bf)
EXPECT(r14, 0x286421402fffe00)
EXPECT(r15, 0xfe000001fe000001)
BEGIN
    OPERANDS_MMX
    movq mm4, mm1
    psraw mm4, 3
    FOLD_MM r8, mm4
    movq mm4, mm1
    psllw mm4, 3
    FOLD_MM r9, mm4
    movq mm4, mm1
    psrld mm4, 5
    FOLD_MM r10, mm4
    movq mm4, mm1
    psrad mm4, 5
    FOLD_MM r11, mm4
    movq mm4, mm1
    pslld mm4, 5
    FOLD_MM r12, mm4
    movq mm4, mm1
    psrlq mm4, 9
    FOLD_MM r13, mm4
    movq mm4, mm1
    psllq mm4, 9
    FOLD_MM r14, mm4
    MM r15, pcmpeqb
END

CASE(mmx_pcmpeqw)
EXPECT(r8, 0)
EXPECT(r9, 0)
EXPECT(r10, 0xffffffff)
EXPECT(r11, 0x302fe01141185ff)
EXPECT(r12, 0x800143210a017fff)
EXPECT(r13, 0x2ae4876798c0803)
EXPECT(r14, 0xa01)
EXPECT(r15, 0x101fe8a3c1408fff)
BEGIN
    OPERANDS_MMX
    MM r8, pcmpeqw
    MM r9, pcmpeqd
    emms
    fnstenv [rdi]
    mov ecx, [rdi + 8]
    FOLD_GPR r10, rcx
    movd ecx, mm0
    FOLD_GPR r11, rcx
    .byte 0x48, 0x0f, 0x7e, 0xc1 /* movq rcx, mm0 */
    FOLD_GPR r11, rcx
    mov qword ptr [rdi], -1
    movd [rdi], mm1
    FOLD_MEMORY r11, 1
    mov qword ptr [rdi], -1
    movq [rdi], mm1
    FOLD_MEMORY r12, 1
    mov ecx, 0x12345678
    movq mm4, mm0
    pinsrw mm4, ecx, 2
    FOLD_MM r13, mm4
    pinsrw mm4, word ptr [rsi + 64], 1
    FOLD_MM r13, mm4
    pextrw ecx, mm1, 1
    FOLD_GPR r14, rcx
    movq mm5, [rsi + 96]
    movq mm4, mm0
    psrlw mm4, mm5
    FOLD_MM r15, mm4
    movq mm4, mm1
    psrlw mm4, [rsi + 96]
    FOLD_MM r15, mm4
END

CASE(mmx_psrld)
EXPECT(r8, 0x106008a3c180afff)
EXPECT(r9, 0x106008a3e180afff)
EXPECT(r10, 0x16a8f6d7596b7e8b)
EXPECT(r11, 0x15015e12f2627198)
EXPECT(r12, 0x18)
EXPECT(r13, 0x790c26aa000000)
EXPECT(r14, 0x790c26a99b0000)
EXPECT(r15, 0x287755857050803)
BEGIN
    OPERANDS_MMX
    movq mm5, [rsi + 96]
    movq mm4, mm0
    psrld mm4, mm5
    FOLD_MM r8, mm4
    movq mm4, mm1
    psrld mm4, [rsi + 96]
    FOLD_MM r8, mm4
    movq mm5, [rsi + 96]
    movq mm4, mm0
    psrlq mm4, mm5
    FOLD_MM r9, mm4
    movq mm4, mm1
    psrlq mm4, [rsi + 96]
    FOLD_MM r9, mm4
    MM r10, paddq
    MM r11, pmullw
    pmovmskb ecx, mm0
    FOLD_GPR r12, rcx
    MM r13, psubusb
    MM r14, psubusw
    MM r15, pminub
END

CASE(mmx_pand)
EXPECT(r8, 0x286331457040800)
EXPECT(r9, 0x16a8f6c3046b788b)
EXPECT(r10, 0x16a8f6c4ff037e8b)
EXPECT(r11, 0x1421817f02667688)
EXPECT(r12, 0x1122424401626e88)
EXPECT(r13, 0xbd4fc6cacb73fc6)
EXPECT(r14, 0xf01fea63c1408fff)
EXPECT(r15, 0xf0600a63c180afff)
BEGIN
    OPERANDS_MMX
    MM r8, pand
    MM r9, paddusb
    MM r10, paddusw
    MM r11, pmaxub
    MM r12, pandn
    MM r13, pavgb
    movq mm5, [rsi + 96]
    movq mm4, mm0
    psraw mm4, mm5
    FOLD_MM r14, mm4
    movq mm4, mm1
    psraw mm4, [rsi + 96]
    FOLD_MM r14, mm4
    movq mm5, [rsi + 96]
    movq mm4, mm0
    psrad mm4, mm5
    FOLD_MM r15, mm4
    movq mm4, mm1
    psrad mm4, [rsi + 96]
    FOLD_MM r15, mm4
END

CASE(mmx_pavgw)
EXPECT(r8, 0xb54fc6bacb63f46)
EXPECT(r9, 0x42f59c431202f0)
EXPECT(r10, 0xfe42f788ebac04ef)
EXPECT(r11, 0x800143210a017fff)
EXPECT(r12, 0xf0584e6aaba19479)
EXPECT(r13, 0xed580c26aa9f937a)
EXPECT(r14, 0x287774301050903)
EXPECT(r15, 0x1422c3c30267768b)
BEGIN
    OPERANDS_MMX
    MM r8, pavgw
    MM r9, pmulhuw
    MM r10, pmulhw
    mov qword ptr [rdi], -1
    movntq [rdi], mm1
    FOLD_MEMORY r11, 1
    MM r12, psubsb
    MM r13, psubsw
    MM r14, pminsw
    MM r15, por
END

CASE(mmx_paddsb)
EXPECT(r8, 0x1622c1d659657e8b)
EXPECT(r9, 0x16237e115967788b)
EXPECT(r10, 0x14217f9458667588)
EXPECT(r11, 0x119c90aeab636e8b)
EXPECT(r12, 0x12001af860292ff8)
EXPECT(r13, 0x18021af8602c2ff8)
EXPECT(r14, 0x180228f8602c2ff8)
EXPECT(r15, 0x44229066c3a670ab)
BEGIN
    OPERANDS_MMX
    MM r8, paddsb
    MM r9, paddsw
    MM r10, pmaxsw
    MM r11, pxor
    movq mm5, [rsi + 96]
    movq mm4, mm0
    psllw mm4, mm5
    FOLD_MM r12, mm4
    movq mm4, mm1
    psllw mm4, [rsi + 96]
    FOLD_MM r12, mm4
    movq mm5, [rsi + 96]
    movq mm4, mm0
    pslld mm4, mm5
    FOLD_MM r13, mm4
    movq mm4, mm1
    pslld mm4, [rsi + 96]
    FOLD_MM r13, mm4
    movq mm5, [rsi + 96]
    movq mm4, mm0
    psllq mm4, mm5
    FOLD_MM r14, mm4
    movq mm4, mm1
    psllq mm4, [rsi + 96]
    FOLD_MM r14, mm4
    MM r15, pmuludq
END

CASE(mmx_pmaddwd)
EXPECT(r8, 0xf6677123efa96240)
EXPECT(r9, 0x714c3)
EXPECT(r10, 0xffffffffffff03)
EXPECT(r11, 0xf0580c26aba1947b)
EXPECT(r12, 0xef580c26aa9f937b)
EXPECT(r13, 0xef580c26a89e937b)
EXPECT(r14, 0xef580c26a89e937b)
EXPECT(r15, 0x16a8f4d659697e8b)
BEGIN
    OPERANDS_MMX
    MM r8, pmaddwd
    MM r9, psadbw
    mov qword ptr [rdi], -1
    maskmovq mm0, mm1
    FOLD_MEMORY r10, 1
    MM r11, psubb
    MM r12, psubw
    MM r13, psubd
    MM r14, psubq
    MM r15, paddb
END

CASE(mmx_paddw)
EXPECT(r8, 0x16a8f4d6596b7e8b)
EXPECT(r9, 0x16a8f4d6596b7e8b)
BEGIN
    OPERANDS_MMX
    MM r8, paddw
    MM r9, paddd
END

CASE(mmx_pshufb)
NEEDS("ssse3")
EXPECT(r8, 0x800038283010000)
EXPECT(r9, 0x897acded81830a8a)
EXPECT(r10, 0x6c0eeccb04058897)
EXPECT(r11, 0x89667efe81830a8a)
EXPECT(r12, 0x285b5614313f586)
EXPECT(r13, 0x630e1f217d850888)
EXPECT(r14, 0x44be0242fe048997)
EXPECT(r15, 0x210e1f217d850801)
BEGIN
    OPERANDS_MMX
    MM r8, pshufb
    MM r9, phaddw
    MM r10, phaddd
    MM r11, phaddsw
    MM r12, pmaddubsw
    MM r13, phsubw
    MM r14, phsubd
    MM r15, phsubsw
END

CASE(mmx_psignb)
NEEDS("ssse3")
EXPECT(r8, 0x300817f0106fcfd)
EXPECT(r9, 0xff00817f01050a02)
EXPECT(r10, 0xfd02817f01050a02)
EXPECT(r11, 0xfe85f111d75a09e0)
EXPECT(r12, 0x13a8755858647a78)
EXPECT(r13, 0xfa8755858667687)
EXPECT(r14, 0xe9bf15858667687)
EXPECT(r15, 0x8408432390533635)
BEGIN
    OPERANDS_MMX
    MM r8, psignb
    MM r9, psignw
    MM r10, psignd
    MM r11, pmulhrsw
    MM r12, pabsb
    MM r13, pabsw
    MM r14, pabsd
    movq mm4, mm0
    palignr mm4, mm1, 3
    FOLD_MM r15, mm4
    palignr mm4, [rsi + 64], 5
    FOLD_MM r15, mm4
END
