/* SPDX-License-Identifier: MIT */
/* AVX and AVX2: moves, conversions, what is neither integer nor float. */
#include "tests/insn/case.h"
#include "tests/insn/vector.inc"

CASE(avx_moves_vmovsldup)
NEEDS("avx")
EXPECT(r8, 0xfb26877c7b24877b)
EXPECT(r9, 0x738bd5979ce0f15a)
EXPECT(r10, 0xd1697de6d1877de6)
EXPECT(r11, 0x5db1ee4eed195206)
EXPECT(r12, 0xb5140880f67102c)
EXPECT(r13, 0x2cbd71620094764b)
EXPECT(r14, 0xe87ff76ee219910a)
EXPECT(r15, 0x11d0ed6d3a7d17f6)
BEGIN
    OPERANDS_AVX integers
    VM r8, vmovsldup
    VM r9, vmovddup
    VM r10, vmovshdup
    mov rcx, 0x123456789abcdef1
    vmovaps ymm4, ymm2
    vcvtsi2ss xmm4, xmm0, ecx
    FOLD_Y r11, ymm4
    vcvtsi2ss xmm4, xmm1, rcx
    FOLD_Y r11, ymm4
    vcvtsi2ss xmm4, xmm1, dword ptr [rsi + 64]
    FOLD_Y r11, ymm4
    mov rcx, 0x123456789abcdef1
    vmovaps ymm4, ymm2
    vcvtsi2sd xmm4, xmm0, ecx
    FOLD_Y r12, ymm4
    vcvtsi2sd xmm4, xmm1, rcx
    FOLD_Y r12, ymm4
    vcvtsi2sd xmm4, xmm1, dword ptr [rsi + 64]
    FOLD_Y r12, ymm4
    VM r13, vcvtdq2ps
    mov rcx, 0x8877665544332211
    vmovaps ymm4, ymm2
    vmovd xmm4, ecx
    FOLD_Y r14, ymm4
    vmovq xmm4, rcx
    FOLD_Y r14, ymm4
    vmovd xmm4, dword ptr [rsi + 64]
    FOLD_Y r14, ymm4
    VM r15, vmovdqa
END

CASE(avx_moves_vmovdqu)
NEEDS("avx")
EXPECT(r8, 0x11d0ed6d3a7d17f6)
EXPECT(r9, 0x11deab783c8b7845)
EXPECT(r10, 0x3)
EXPECT(r11, 0x378b151611af9c3e)
EXPECT(r12, 0xa2abf37cb809929b)
EXPECT(r13, 0x21e8f07060b25afd)
EXPECT(r14, 0x21e8f07060b25afd)
EXPECT(r15, 0x17f8000007fa1)
BEGIN
    OPERANDS_AVX integers
    VM r8, vmovdqu
    vmovaps ymm4, ymm2
    vzeroupper
    FOLD_Y r9, ymm4
    vmovups ymm0, [rsi]
    vmovups ymm1, [rsi + 32]
    vmovups ymm2, [rsi + 64]
    vzeroall
    vorps ymm4, ymm0, ymm2
    FOLD_Y r10, ymm4
    add r10, 3
    vmovups ymm0, [rsi]
    vmovups ymm1, [rsi + 32]
    vmovups ymm2, [rsi + 64]
    vmovd ecx, xmm0
    FOLD_GPR r11, rcx
    .byte 0xc4, 0xe1, 0xf9, 0x7e, 0xc1 /* movq rcx, xmm0 */
    FOLD_GPR r11, rcx
    VSTORE r11, vmovd, xmm1
    vmovaps ymm4, ymm2
    vmovq xmm4, xmm0
    FOLD_Y r12, ymm4
    vmovq xmm4, qword ptr [rsi + 64]
    FOLD_Y r12, ymm4
    VSTORE r13, vmovdqa, xmm1
    VSTORE r13, vmovdqa, ymm0
    VSTORE r14, vmovdqu, xmm1
    VSTORE r14, vmovdqu, ymm0
    mov dword ptr [rdi], 0x7fa1
    vldmxcsr [rdi]
    mov dword ptr [rdi], 0
    stmxcsr [rdi]
    FOLD_MEMORY r15, 1
    mov dword ptr [rdi], 0x1f80
    vldmxcsr [rdi]
END

CASE(avx_moves_vstmxcsr)
NEEDS("avx")
EXPECT(r8, 0x1f80)
EXPECT(r9, 0xf3a94e6111676ac)
EXPECT(r10, 0x6503eb3dce8ec365)
EXPECT(r11, 0xac6bc4fd219310df)
EXPECT(r12, 0x3799b6e3e1f99c96)
EXPECT(r13, 0xc51145cbaadd0621)
EXPECT(r14, 0x8ffe03ff7001fc00)
EXPECT(r15, 0xe068e3dcb4752ed2)
BEGIN
    OPERANDS_AVX integers
    mov qword ptr [rdi], 0
    vstmxcsr [rdi]
    FOLD_MEMORY r8, 1
    VSTORE r9, vmovq, xmm1
    VM1 r10, vcvtdq2pd, ymm4, xmm1
    VM1 r10, vcvtdq2pd, ymm4, [rsi + 96]
    VM1 r10, vcvtdq2pd, xmm4, xmm1
    VSTORE r11, vmovntdq, ymm0
    VSTORE r11, vmovntdq, xmm1
    VM1 r12, vlddqu, ymm4, [rsi + 32]
    VM1 r12, vlddqu, xmm4, [rsi + 32]
    movups [rdi], xmm2
    vmaskmovdqu xmm0, xmm1
    FOLD_MEMORY r13, 2
    VM1 r14, vbroadcastf128, ymm4, [rsi + 16]
    VMI1 r15, vinsertf128, ymm4, "ymm0, xmm1", 1
    VMI1 r15, vinsertf128, ymm4, "ymm0, [rsi + 96]", 0
END

CASE(avx_moves_vextractf128)
NEEDS("avx")
EXPECT(r8, 0x15cd33be5ca41095)
BEGIN
    OPERANDS_AVX integers
    VMI1 r8, vextractf128, xmm4, ymm0, 1
    vmovups [rdi], ymm2
    vextractf128 [rdi], ymm1, 1
    FOLD_MEMORY r8, 4
END

CASE(avx_moves_vmovntdqa)
NEEDS("avx2")
EXPECT(r8, 0x3799b6e3e1f99c96)
EXPECT(r9, 0x8ffe03ff7001fc00)
EXPECT(r10, 0xe068e3dcb4752ed2)
EXPECT(r11, 0x15cd33be5ca41095)
EXPECT(r12, 0x5cc1f763821a78d8)
BEGIN
    OPERANDS_AVX integers
    VM1 r8, vmovntdqa, ymm4, [rsi + 32]
    VM1 r8, vmovntdqa, xmm4, [rsi + 32]
    VM1 r9, vbroadcasti128, ymm4, [rsi + 16]
    VMI1 r10, vinserti128, ymm4, "ymm0, xmm1", 1
    VMI1 r10, vinserti128, ymm4, "ymm0, [rsi + 96]", 0
    VMI1 r11, vextracti128, xmm4, ymm0, 1
    vmovups [rdi], ymm2
    vextracti128 [rdi], ymm1, 1
    FOLD_MEMORY r11, 4
    VRMI r12, vmpsadbw, 5
END
