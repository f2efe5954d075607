/* SPDX-License-Identifier: MIT */
/* AVX2: integers, 256 and 128 bits. */
#include "tests/insn/case.h"
#include "tests/insn/vector.inc"

CASE(avx_integers_vpunpcklbw)
NEEDS("avx2")
EXPECT(r8, 0x26517e38d7667977)
EXPECT(r9, 0xa91bdf274044a169)
EXPECT(r10, 0x395fe8cc96bcb108)
EXPECT(r11, 0xa337266c84d047b1)
EXPECT(r12, 0x4016c2902a97b0b)
EXPECT(r13, 0x786777763dc03fc)
EXPECT(r14, 0xfc21fefffbdbeff7)
EXPECT(r15, 0xc8884e827d93bd17)
BEGIN
    OPERANDS_AVX integers
    VRM r8, vpunpcklbw
    VRM r9, vpunpcklwd
    VRM r10, vpunpckldq
    VRM r11, vpacksswb
    VRM r12, vpcmpgtb
    VRM r13, vpcmpgtw
    VRM r14, vpcmpgtd
    VRM r15, vpackuswb
END

CASE(avx_integers_vpunpckhbw)
NEEDS("avx2")
EXPECT(r8, 0x428e8878e9c0eada)
EXPECT(r9, 0xaa368b621982898e)
EXPECT(r10, 0x3df831e62bb63d15)
EXPECT(r11, 0xbbac834fa02ab3da)
EXPECT(r12, 0x7dbfc0beb8c7bbe5)
EXPECT(r13, 0x39c5f42b249a9ed)
EXPECT(r14, 0x94ee29977dbb8fd2)
EXPECT(r15, 0xb67ceb5b545e5bba)
BEGIN
    OPERANDS_AVX integers
    VRM r8, vpunpckhbw
    VRM r9, vpunpckhwd
    VRM r10, vpunpckhdq
    VRM r11, vpackssdw
    VRM r12, vpunpcklqdq
    VRM r13, vpunpckhqdq
    VMI r14, vpshufd, 27
    VMI r15, vpshufhw, 147
END

CASE(avx_integers_vpshuflw)
NEEDS("avx2")
EXPECT(r8, 0x5bbab69ceb5b5460)
EXPECT(r9, 0x9d3ca8404f2cfb7c)
EXPECT(r10, 0xa442a440db2c7b8a)
EXPECT(r11, 0x25cad5ef2f7d0bab)
EXPECT(r12, 0x271eaa4efac9af21)
EXPECT(r13, 0xaedca94f76c98f30)
EXPECT(r14, 0x80b159eebe34919c)
EXPECT(r15, 0xea361295efe8fcd1)
BEGIN
    OPERANDS_AVX integers
    VMI r8, vpshuflw, 57
    vmovaps ymm4, ymm2
    vpsrlw ymm4, ymm1, 3
    FOLD_Y r9, ymm4
    vpsrlw xmm4, xmm0, 3
    FOLD_Y r9, ymm4
    vmovaps ymm4, ymm2
    vpsraw ymm4, ymm1, 3
    FOLD_Y r10, ymm4
    vpsraw xmm4, xmm0, 3
    FOLD_Y r10, ymm4
    vmovaps ymm4, ymm2
    vpsllw ymm4, ymm1, 3
    FOLD_Y r11, ymm4
    vpsllw xmm4, xmm0, 3
    FOLD_Y r11, ymm4
    vmovaps ymm4, ymm2
    vpsrld ymm4, ymm1, 5
    FOLD_Y r12, ymm4
    vpsrld xmm4, xmm0, 5
    FOLD_Y r12, ymm4
    vmovaps ymm4, ymm2
    vpsrad ymm4, ymm1, 5
    FOLD_Y r13, ymm4
    vpsrad xmm4, xmm0, 5
    FOLD_Y r13, ymm4
    vmovaps ymm4, ymm2
    vpslld ymm4, ymm1, 5
    FOLD_Y r14, ymm4
    vpslld xmm4, xmm0, 5
    FOLD_Y r14, ymm4
    vmovaps ymm4, ymm2
    vpsrlq ymm4, ymm1, 9
    FOLD_Y r15, ymm4
    vpsrlq xmm4, xmm0, 9
    FOLD_Y r15, ymm4
END

CASE(avx_integers_vpsrldq)
NEEDS("avx2")
EXPECT(r8, 0xf96269db263bd1d1)
EXPECT(r9, 0x8b159fb3e7492ad6)
EXPECT(r10, 0x2e9fbf38a31f458b)
EXPECT(r11, 0xc300c2fff07b3f3c)
EXPECT(r12, 0xbfc000000000403f)
EXPECT(r13, 0)
EXPECT(r14, 0xb35d658e8b6b7b16)
EXPECT(r15, 0xb4446a1be7729c1e)
BEGIN
    OPERANDS_AVX integers
    vmovaps ymm4, ymm2
    vpsrldq ymm4, ymm1, 3
    FOLD_Y r8, ymm4
    vpsrldq xmm4, xmm0, 3
    FOLD_Y r8, ymm4
    vmovaps ymm4, ymm2
    vpsllq ymm4, ymm1, 9
    FOLD_Y r9, ymm4
    vpsllq xmm4, xmm0, 9
    FOLD_Y r9, ymm4
    vmovaps ymm4, ymm2
    vpslldq ymm4, ymm1, 3
    FOLD_Y r10, ymm4
    vpslldq xmm4, xmm0, 3
    FOLD_Y r10, ymm4
    VRM r11, vpcmpeqb
    VRM r12, vpcmpeqw
    VRM r13, vpcmpeqd
    vmovups xmm5, [rsi + 96]
    VM1 r14, vpsrlw, ymm4, "ymm0, xmm5"
    VM1 r14, vpsrlw, ymm4, "ymm1, [rsi + 96]"
    VM1 r14, vpsrlw, xmm4, "xmm0, xmm5"
    vmovups xmm5, [rsi + 96]
    VM1 r15, vpsrld, ymm4, "ymm0, xmm5"
    VM1 r15, vpsrld, ymm4, "ymm1, [rsi + 96]"
    VM1 r15, vpsrld, xmm4, "xmm0, xmm5"
END

CASE(avx_integers_vpsrlq)
NEEDS("avx2")
EXPECT(r8, 0xb646aafbf77ab42c)
EXPECT(r9, 0x4b0993e4de00ba24)
EXPECT(r10, 0xd790bb08c5ae5f22)
EXPECT(r11, 0x10fab109)
EXPECT(r12, 0x19b4e597aaaf484c)
EXPECT(r13, 0x19346591e2af88cc)
EXPECT(r14, 0x5f43b0dff8d85ae2)
EXPECT(r15, 0x5f61ac5b37f7d9e1)
BEGIN
    OPERANDS_AVX integers
    vmovups xmm5, [rsi + 96]
    VM1 r8, vpsrlq, ymm4, "ymm0, xmm5"
    VM1 r8, vpsrlq, ymm4, "ymm1, [rsi + 96]"
    VM1 r8, vpsrlq, xmm4, "xmm0, xmm5"
    VRM r9, vpaddq
    VRM r10, vpmullw
    mov ecx, 0x5a5a5a5a
    vpmovmskb ecx, xmm0
    FOLD_GPR r11, rcx
    vpmovmskb ecx, ymm1
    FOLD_GPR r11, rcx
    VRM r12, vpsubusb
    VRM r13, vpsubusw
    VRM r14, vpminub
    VRM r15, vpand
END

CASE(avx_integers_vpaddusb)
NEEDS("avx2")
EXPECT(r8, 0x4bc767ba460c0903)
EXPECT(r9, 0x8ac7273cf08e4a89)
EXPECT(r10, 0x2bc5e304e1286042)
EXPECT(r11, 0xb2af411202853e14)
EXPECT(r12, 0x21f6c98804f7f66f)
EXPECT(r13, 0xbb452270daeafb2b)
EXPECT(r14, 0xbb3e26fc5af21c33)
EXPECT(r15, 0x4daa3865d1f9a222)
BEGIN
    OPERANDS_AVX integers
    VRM r8, vpaddusb
    VRM r9, vpaddusw
    VRM r10, vpmaxub
    VRM r11, vpandn
    VRM r12, vpavgb
    vmovups xmm5, [rsi + 96]
    VM1 r13, vpsraw, ymm4, "ymm0, xmm5"
    VM1 r13, vpsraw, ymm4, "ymm1, [rsi + 96]"
    VM1 r13, vpsraw, xmm4, "xmm0, xmm5"
    vmovups xmm5, [rsi + 96]
    VM1 r14, vpsrad, ymm4, "ymm0, xmm5"
    VM1 r14, vpsrad, ymm4, "ymm1, [rsi + 96]"
    VM1 r14, vpsrad, xmm4, "xmm0, xmm5"
    VRM r15, vpavgw
END

CASE(avx_integers_vpmulhuw)
NEEDS("avx2")
EXPECT(r8, 0x1f31ac01e9383a21)
EXPECT(r9, 0x6f8f80bb112049a8)
EXPECT(r10, 0xf97859ecca489cc8)
EXPECT(r11, 0x7727f9ec29cb1bba)
EXPECT(r12, 0xe2713cbc671f9823)
EXPECT(r13, 0x2ba7e789a608e143)
EXPECT(r14, 0x4aa6d1c24bb05273)
EXPECT(r15, 0xfae7d2cf1e009148)
BEGIN
    OPERANDS_AVX integers
    VRM r8, vpmulhuw
    VRM r9, vpmulhw
    VRM r10, vpsubsb
    VRM r11, vpsubsw
    VRM r12, vpminsw
    VRM r13, vpor
    VRM r14, vpaddsb
    VRM r15, vpaddsw
END

CASE(avx_integers_vpmaxsw)
NEEDS("avx2")
EXPECT(r8, 0xa898572876e52300)
EXPECT(r9, 0xcc863b2e6a110661)
EXPECT(r10, 0x5f3d32a10fa4edf9)
EXPECT(r11, 0x669ebf3befdd06b9)
EXPECT(r12, 0x9eacc33f6fdd0731)
EXPECT(r13, 0xa424a615d468acc1)
EXPECT(r14, 0xad538249682a6b12)
EXPECT(r15, 0x11d1d02d35447d55)
BEGIN
    OPERANDS_AVX integers
    VRM r8, vpmaxsw
    VRM r9, vpxor
    vmovups xmm5, [rsi + 96]
    VM1 r10, vpsllw, ymm4, "ymm0, xmm5"
    VM1 r10, vpsllw, ymm4, "ymm1, [rsi + 96]"
    VM1 r10, vpsllw, xmm4, "xmm0, xmm5"
    vmovups xmm5, [rsi + 96]
    VM1 r11, vpslld, ymm4, "ymm0, xmm5"
    VM1 r11, vpslld, ymm4, "ymm1, [rsi + 96]"
    VM1 r11, vpslld, xmm4, "xmm0, xmm5"
    vmovups xmm5, [rsi + 96]
    VM1 r12, vpsllq, ymm4, "ymm0, xmm5"
    VM1 r12, vpsllq, ymm4, "ymm1, [rsi + 96]"
    VM1 r12, vpsllq, xmm4, "xmm0, xmm5"
    VRM r13, vpmuludq
    VRM r14, vpmaddwd
    VRM r15, vpsadbw
END

CASE(avx_integers_vpsubb)
NEEDS("avx2")
EXPECT(r8, 0x7978596c4a489d4a)
EXPECT(r9, 0x7727f9eb2acb1bba)
EXPECT(r10, 0x6727b98b294a9bb8)
EXPECT(r11, 0x6727b90a690a8bb8)
EXPECT(r12, 0xeb0691524bb06ae2)
EXPECT(r13, 0x4a0793624e00aa04)
EXPECT(r14, 0x4b0793645de0aa24)
EXPECT(r15, 0x2be8d2b39ae30847)
BEGIN
    OPERANDS_AVX integers
    VRM r8, vpsubb
    VRM r9, vpsubw
    VRM r10, vpsubd
    VRM r11, vpsubq
    VRM r12, vpaddb
    VRM r13, vpaddw
    VRM r14, vpaddd
    VRM r15, vpshufb
END

CASE(avx_integers_vphaddw)
NEEDS("avx2")
EXPECT(r8, 0x728a6e047cc003e7)
EXPECT(r9, 0x591a3bd492f339f6)
EXPECT(r10, 0x7a89db823edd7667)
EXPECT(r11, 0x113fe73a6f5d4f5e)
EXPECT(r12, 0xa3f6da95c9a16c67)
EXPECT(r13, 0x1a719554a6ca4651)
EXPECT(r14, 0xef61525d3f47c45e)
EXPECT(r15, 0xc3600d6a461e179e)
BEGIN
    OPERANDS_AVX integers
    VRM r8, vphaddw
    VRM r9, vphaddd
    VRM r10, vphaddsw
    VRM r11, vpmaddubsw
    VRM r12, vphsubw
    VRM r13, vphsubd
    VRM r14, vphsubsw
    VRM r15, vpsignb
END

CASE(avx_integers_vpsignw)
NEEDS("avx2")
EXPECT(r8, 0x60609c1a251c9a03)
EXPECT(r9, 0x60608ad70b3a94e6)
EXPECT(r10, 0xee9f4377a504238e)
EXPECT(r11, 0x2422f0cddfc1e1e)
EXPECT(r12, 0xbdf28c8db9fb1b4f)
EXPECT(r13, 0x10241c084efa1d29)
EXPECT(r14, 0x9cf9fd04100a0021)
EXPECT(r15, 0x7ffffc0c140fff01)
BEGIN
    OPERANDS_AVX integers
    VRM r8, vpsignw
    VRM r9, vpsignd
    VRM r10, vpmulhrsw
    VM r11, vpabsb
    VM r12, vpabsw
    VM1 r13, vpmovsxbw, ymm4, xmm1
    VM1 r13, vpmovsxbw, ymm4, [rsi + 96]
    VM1 r13, vpmovsxbw, xmm4, xmm1
    VM1 r14, vpmovsxbd, ymm4, xmm1
    VM1 r14, vpmovsxbd, ymm4, [rsi + 96]
    VM1 r14, vpmovsxbd, xmm4, xmm1
    VM1 r15, vpmovsxbq, ymm4, xmm1
    VM1 r15, vpmovsxbq, ymm4, [rsi + 96]
    VM1 r15, vpmovsxbq, xmm4, xmm1
END

CASE(avx_integers_vpmovsxwd)
NEEDS("avx2")
EXPECT(r8, 0xa7821f2b0845190d)
EXPECT(r9, 0x80001c210a0b0001)
EXPECT(r10, 0x780c45ad09452101)
EXPECT(r11, 0x287f61b9172acf81)
EXPECT(r12, 0)
EXPECT(r13, 0x78e721fc9346de)
EXPECT(r14, 0x101c1c0659021d2a)
EXPECT(r15, 0x98fa050c100a001d)
BEGIN
    OPERANDS_AVX integers
    VM1 r8, vpmovsxwd, ymm4, xmm1
    VM1 r8, vpmovsxwd, ymm4, [rsi + 96]
    VM1 r8, vpmovsxwd, xmm4, xmm1
    VM1 r9, vpmovsxwq, ymm4, xmm1
    VM1 r9, vpmovsxwq, ymm4, [rsi + 96]
    VM1 r9, vpmovsxwq, xmm4, xmm1
    VM1 r10, vpmovsxdq, ymm4, xmm1
    VM1 r10, vpmovsxdq, ymm4, [rsi + 96]
    VM1 r10, vpmovsxdq, xmm4, xmm1
    VRM r11, vpmuldq
    VRM r12, vpcmpeqq
    VRM r13, vpackusdw
    VM1 r14, vpmovzxbw, ymm4, xmm1
    VM1 r14, vpmovzxbw, ymm4, [rsi + 96]
    VM1 r14, vpmovzxbw, xmm4, xmm1
    VM1 r15, vpmovzxbd, ymm4, xmm1
    VM1 r15, vpmovzxbd, ymm4, [rsi + 96]
    VM1 r15, vpmovzxbd, xmm4, xmm1
END

CASE(avx_integers_vpmovzxbq)
NEEDS("avx2")
EXPECT(r8, 0x8000040c1410ff01)
EXPECT(r9, 0xa8821f23084d210d)
EXPECT(r10, 0x800020250a0b0001)
EXPECT(r11, 0x800c46a509452109)
EXPECT(r12, 0xa45e1eede4d5496b)
EXPECT(r13, 0xffffeff7f7fdfeff)
EXPECT(r14, 0x91ecf485e158da71)
EXPECT(r15, 0x5fc430e5bcd81a62)
BEGIN
    OPERANDS_AVX integers
    VM1 r8, vpmovzxbq, ymm4, xmm1
    VM1 r8, vpmovzxbq, ymm4, [rsi + 96]
    VM1 r8, vpmovzxbq, xmm4, xmm1
    VM1 r9, vpmovzxwd, ymm4, xmm1
    VM1 r9, vpmovzxwd, ymm4, [rsi + 96]
    VM1 r9, vpmovzxwd, xmm4, xmm1
    VM1 r10, vpmovzxwq, ymm4, xmm1
    VM1 r10, vpmovzxwq, ymm4, [rsi + 96]
    VM1 r10, vpmovzxwq, xmm4, xmm1
    VM1 r11, vpmovzxdq, ymm4, xmm1
    VM1 r11, vpmovzxdq, ymm4, [rsi + 96]
    VM1 r11, vpmovzxdq, xmm4, xmm1
    VRM_Y r12, vpermd
    VRM r13, vpcmpgtq
    VRM r14, vpminsb
    VRM r15, vpminuw
END

CASE(avx_integers_vpminud)
NEEDS("avx2")
EXPECT(r8, 0x5fc470a53cd91962)
EXPECT(r9, 0xf91c9f5efca7e0b2)
EXPECT(r10, 0x2b4562ff1d28a0c2)
EXPECT(r11, 0x2b45233f9d2ba1c2)
EXPECT(r12, 0x4b7464418e63dde1)
EXPECT(r13, 0x18b404fffe0e0846)
EXPECT(r14, 0x98d404fffdff8149)
EXPECT(r15, 0x9fb5f6803de416cc)
BEGIN
    OPERANDS_AVX integers
    VRM r8, vpminud
    VRM r9, vpmaxsb
    VRM r10, vpmaxuw
    VRM r11, vpmaxud
    VRM r12, vpmulld
    VRM r13, vpsrlvd
    VRM r14, vpsrlvq
    VRM r15, vpsravd
END

CASE(avx_integers_vpsllvd)
NEEDS("avx2")
EXPECT(r8, 0xded4c33ebe2a084c)
EXPECT(r9, 0x18d4c33ebe5e4069)
EXPECT(r10, 0xa7d410769bce0f76)
EXPECT(r11, 0x8b4f906d2b198509)
EXPECT(r12, 0x7b7b7b7b7b7b7b7b)
EXPECT(r13, 0x9f2d9f2d9f2d9f2d)
EXPECT(r14, 0x2f594f5d4fc301ce)
EXPECT(r15, 0xc642856c83c8065)
BEGIN
    OPERANDS_AVX integers
    VRM r8, vpsllvd
    VRM r9, vpsllvq
    VM1 r10, vpbroadcastd, ymm4, xmm1
    VM1 r10, vpbroadcastd, ymm4, [rsi + 96]
    VM1 r10, vpbroadcastd, xmm4, xmm1
    VM1 r11, vpbroadcastq, ymm4, xmm1
    VM1 r11, vpbroadcastq, ymm4, [rsi + 96]
    VM1 r11, vpbroadcastq, xmm4, xmm1
    VM1 r12, vpbroadcastb, ymm4, xmm1
    VM1 r12, vpbroadcastb, ymm4, [rsi + 96]
    VM1 r12, vpbroadcastb, xmm4, xmm1
    VM1 r13, vpbroadcastw, ymm4, xmm1
    VM1 r13, vpbroadcastw, ymm4, [rsi + 96]
    VM1 r13, vpbroadcastw, xmm4, xmm1
    VM1 r14, vpmaskmovd, ymm4, "ymm0, [rsi + 32]"
    VM1 r14, vpmaskmovd, xmm4, "xmm1, [rsi + 32]"
    VM1 r15, vpmaskmovq, ymm4, "ymm0, [rsi + 32]"
    VM1 r15, vpmaskmovq, xmm4, "xmm1, [rsi + 32]"
END

CASE(avx_integers_vpmaskmovd)
NEEDS("avx2")
EXPECT(r8, 0x6448d5ce6a7c69ec)
EXPECT(r9, 0x54bbff4c4175aaa8)
EXPECT(r10, 0xc05fe940f0813a)
EXPECT(r11, 0x80815fe86ff0615a)
EXPECT(r12, 0x80c0800100408101)
EXPECT(r13, 0xc120285fc0013a)
EXPECT(r14, 0x83db9c1cbd09ebd5)
EXPECT(r15, 0xf893c974be18db33)
BEGIN
    OPERANDS_AVX integers
    VSTORE r8, vpmaskmovd, "ymm0, ymm1"
    VSTORE r8, vpmaskmovd, "xmm1, xmm0"
    VSTORE r9, vpmaskmovq, "ymm0, ymm1"
    VSTORE r9, vpmaskmovq, "xmm1, xmm0"
    mov rcx, 0x0000001000000003
    vmovq xmm5, rcx
    vinsertf128 ymm5, ymm5, xmm5, 1
    vmovaps ymm6, ymm2
    vmovaps ymm4, ymm0
    vpgatherdd ymm4, [rsi + ymm5 * 2], ymm6
    FOLD_Y r10, ymm4
    FOLD_Y r10, ymm6
    mov rcx, 0x0000001000000003
    vmovq xmm5, rcx
    vinsertf128 ymm5, ymm5, xmm5, 1
    vmovaps ymm6, ymm2
    vmovaps ymm4, ymm0
    vpgatherdq ymm4, [rsi + xmm5 * 2], ymm6
    FOLD_Y r11, ymm4
    FOLD_Y r11, ymm6
    mov rcx, 0x0000000000000018
    vmovq xmm5, rcx
    vinsertf128 ymm5, ymm5, xmm5, 1
    vmovaps ymm6, ymm2
    vmovaps ymm4, ymm0
    vpgatherqd xmm4, [rsi + ymm5 * 2], xmm6
    FOLD_Y r12, ymm4
    FOLD_Y r12, ymm6
    mov rcx, 0x0000000000000018
    vmovq xmm5, rcx
    vinsertf128 ymm5, ymm5, xmm5, 1
    vmovaps ymm6, ymm2
    vmovaps ymm4, ymm0
    vpgatherqq ymm4, [rsi + ymm5 * 2], ymm6
    FOLD_Y r13, ymm4
    FOLD_Y r13, ymm6
    VMI_Y r14, vpermq, 27
    VRMI r15, vpblendd, 150
END

CASE(avx_integers_vpblendw)
NEEDS("avx2")
EXPECT(r8, 0xec070547177b97b5)
EXPECT(r9, 0xe29d0e1173949e04)
EXPECT(r10, 0xf666628710ca1de5)
EXPECT(r11, 0xc8b08c275bc2ed94)
BEGIN
    OPERANDS_AVX integers
    VRMI r8, vpblendw, 90
    VRMI r9, vpalignr, 5
    VRMI_Y r10, vperm2i128, 3
    VM1 r11, vpblendvb, ymm4, "ymm0, ymm1, ymm2"
    VM1 r11, vpblendvb, xmm4, "xmm0, [rsi + 96], xmm1"
END

CASE(avx_integers_vpinsrw)
NEEDS("avx")
EXPECT(r8, 0x10a8cbd2b606cc9e)
EXPECT(r9, 0x7f80)
EXPECT(r10, 0x1000)
EXPECT(r11, 0x80000018080)
EXPECT(r12, 0xf0a62018ffd677ef)
EXPECT(r13, 0x1fd03)
EXPECT(r14, 0xffffffffffffff02)
EXPECT(r15, 0x800210364acd81ff)
BEGIN
    OPERANDS_AVX integers
    mov rcx, 0x8877665544332211
    vmovaps ymm4, ymm2
    vpinsrw xmm4, xmm0, ecx, 1
    FOLD_Y r8, ymm4
    vpinsrw xmm4, xmm0, word ptr [rsi + 64], 2
    FOLD_Y r8, ymm4
    vpextrw ecx, xmm0, 2
    FOLD_GPR r9, rcx
    COMPARE r10, vptest
    vptest ymm0, ymm1
    FOLD_FLAGS r10
    VM_X r11, vphminposuw
    VRMI_Y r12, vperm2f128, 33
    vpextrb ecx, xmm0, 3
    FOLD_GPR r13, rcx
    mov qword ptr [rdi], -1
    vpextrb [rdi], xmm1, 1
    FOLD_MEMORY r13, 1
    mov qword ptr [rdi], -1
    vpextrw [rdi], xmm1, 1
    FOLD_MEMORY r14, 1
    vpextrd ecx, xmm0, 3
    FOLD_GPR r15, rcx
    mov qword ptr [rdi], -1
    vpextrd [rdi], xmm1, 1
    FOLD_MEMORY r15, 1
    vpextrq rcx, xmm0, 1
    FOLD_GPR r15, rcx
END

CASE(avx_integers_vpinsrb)
NEEDS("avx")
EXPECT(r8, 0xd0ad03d3247ed45d)
EXPECT(r9, 0xcb79e6bbcc711951)
EXPECT(r10, 0xffffff80028f7fff)
EXPECT(r11, 0x2000004)
EXPECT(r12, 0xffffff80028dffff)
EXPECT(r13, 0x2000004)
BEGIN
    OPERANDS_AVX integers
    mov rcx, 0x8877665544332211
    vmovaps ymm4, ymm2
    vpinsrb xmm4, xmm0, ecx, 1
    FOLD_Y r8, ymm4
    vpinsrb xmm4, xmm0, byte ptr [rsi + 64], 2
    FOLD_Y r8, ymm4
    mov rcx, 0x8877665544332211
    vmovaps ymm4, ymm2
    vpinsrd xmm4, xmm0, ecx, 1
    FOLD_Y r9, ymm4
    vpinsrd xmm4, xmm0, dword ptr [rsi + 64], 2
    FOLD_Y r9, ymm4
    vpinsrq xmm4, xmm0, rcx, 1
    FOLD_Y r9, ymm4
    mov eax, 5
    mov edx, 7
    movaps xmm6, xmm0
    movaps xmm7, xmm1
    vpcmpestrm xmm6, xmm7, 0x44
    FOLD r10, xmm0
    FOLD_FLAGS r10
    mov edx, 6
    vpcmpestrm xmm7, [rsi + 64], 0x08
    FOLD r10, xmm0
    movups xmm0, [rsi]
    mov eax, 5
    mov edx, 7
    vpcmpestri xmm0, xmm1, 0x0c
    FOLD_GPR r11, rcx
    mov edx, 7
    vpcmpestri xmm0, [rsi + 64], 0x1a
    FOLD_GPR r11, rcx
    FOLD_FLAGS r11
    mov eax, 5
    mov edx, 7
    movaps xmm6, xmm0
    movaps xmm7, xmm1
    vpcmpistrm xmm6, xmm7, 0x44
    FOLD r12, xmm0
    FOLD_FLAGS r12
    mov edx, 6
    vpcmpistrm xmm7, [rsi + 64], 0x08
    FOLD r12, xmm0
    movups xmm0, [rsi]
    mov eax, 5
    mov edx, 7
    vpcmpistri xmm0, xmm1, 0x0c
    FOLD_GPR r13, rcx
    mov edx, 7
    vpcmpistri xmm0, [rsi + 64], 0x1a
    FOLD_GPR r13, rcx
    FOLD_FLAGS r13
END
