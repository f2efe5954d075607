/* SPDX-License-Identifier: MIT */
/* Shifts and rotates in all their forms, double shifts, bit tests. */
#include "tests/insn/case.h"
#include "tests/insn/integer.inc"

CASE(integer_rol)
EXPECT(r8, 0x52d5f0feb36a4ed)
EXPECT(r9, 0x52d400feb36f3f2)
EXPECT(r10, 0x52d5f0feb3698fd)
EXPECT(r11, 0x52d5e0feb36a1ed)
EXPECT(r12, 0x52d5f0feb36d4f1)
EXPECT(r13, 0x52d5e0feb36f4fd)
EXPECT(r14, 0x9cb5d0eef953c533)
EXPECT(r15, 0x17ed5f0feb369767)
BEGIN
    I r8, (ROTATES), rol byte ptr [rdi], 3
    I r9, (ROTATES), rol qword ptr [rdi], 5
    I r10, (ROTATES | OF), rol byte ptr [rdi], 1
    I r11, (ROTATES | OF), rol qword ptr [rdi], 1
    I r12, (ROTATES), rol byte ptr [rdi], cl
    I r13, (ROTATES), rol dword ptr [rdi], cl
    I r14, (ROTATES), rol edx, 9
    I r15, (ROTATES), rol ax, cl
END

CASE(integer_ror)
EXPECT(r8, 0x52d5f0feb36d4ed)
EXPECT(r9, 0x52d6007eb369409)
EXPECT(r10, 0x52d5f0feb379cf2)
EXPECT(r11, 0x52d5f8feb369d7e)
EXPECT(r12, 0x52d5f0feb36a4f1)
EXPECT(r13, 0x52d5e27eb3694fd)
EXPECT(r14, 0x11e19acef953c535)
EXPECT(r15, 0x5cad5f0feb3696dc)
BEGIN
    I r8, (ROTATES), ror byte ptr [rdi], 3
    I r9, (ROTATES), ror qword ptr [rdi], 5
    I r10, (ROTATES | OF), ror byte ptr [rdi], 1
    I r11, (ROTATES | OF), ror qword ptr [rdi], 1
    I r12, (ROTATES), ror byte ptr [rdi], cl
    I r13, (ROTATES), ror dword ptr [rdi], cl
    I r14, (ROTATES), ror edx, 9
    I r15, (ROTATES), ror ax, cl
END

CASE(integer_rcl)
EXPECT(r8, 0x52d5f0feb36aced)
EXPECT(r9, 0x52d400feb3703f2)
EXPECT(r10, 0x52d5f0feb369afd)
EXPECT(r11, 0x52d5e0feb36a3ed)
EXPECT(r12, 0x52d5f0feb36f4f1)
EXPECT(r13, 0x52d5e0feb3704fd)
EXPECT(r14, 0x9cb5dc3ef953c533)
EXPECT(r15, 0x182d5f0feb369767)
BEGIN
    I r8, (ROTATES), rcl byte ptr [rdi], 3
    I r9, (ROTATES), rcl qword ptr [rdi], 5
    I r10, (ROTATES | OF), rcl byte ptr [rdi], 1
    I r11, (ROTATES | OF), rcl qword ptr [rdi], 1
    I r12, (ROTATES), rcl byte ptr [rdi], cl
    I r13, (ROTATES), rcl dword ptr [rdi], cl
    I r14, (ROTATES), rcl edx, 9
    I r15, (ROTATES), rcl ax, cl
END

CASE(integer_rcr)
EXPECT(r8, 0x52d5f0feb3754ed)
EXPECT(r9, 0x52d6007eb369429)
EXPECT(r10, 0x52d5f0feb379cee)
EXPECT(r11, 0x52d5f8feb369d72)
EXPECT(r12, 0x52d5f0feb36c501)
EXPECT(r13, 0x52d5e47eb3694fd)
EXPECT(r14, 0xd9e19acef953c530)
EXPECT(r15, 0x5cad5f0feb369752)
BEGIN
    I r8, (ROTATES), rcr byte ptr [rdi], 3
    I r9, (ROTATES), rcr qword ptr [rdi], 5
    I r10, (ROTATES | OF), rcr byte ptr [rdi], 1
    I r11, (ROTATES | OF), rcr qword ptr [rdi], 1
    I r12, (ROTATES), rcr byte ptr [rdi], cl
    I r13, (ROTATES), rcr dword ptr [rdi], cl
    I r14, (ROTATES), rcr edx, 9
    I r15, (ROTATES), rcr ax, cl
END

CASE(integer_shl)
EXPECT(r8, 0x52d5f0feb36a4ed)
EXPECT(r9, 0x52d400feb36d66e)
EXPECT(r10, 0x52d5f0feb3698ed)
EXPECT(r11, 0x52d5e0feb36a26d)
EXPECT(r12, 0x52d5f0feb36d4ed)
EXPECT(r13, 0x52d5e0feb36d4ed)
EXPECT(r14, 0x9cb5c78ef953c5b7)
EXPECT(r15, 0x10ad5f0feb369763)
BEGIN
    I r8, (SHIFTS), shl byte ptr [rdi], 3
    I r9, (SHIFTS), shl qword ptr [rdi], 5
    I r10, (SHIFTS | OF), shl byte ptr [rdi], 1
    I r11, (SHIFTS | OF), shl qword ptr [rdi], 1
    I r12, (SHIFTS), shl byte ptr [rdi], cl
    I r13, (SHIFTS), shl dword ptr [rdi], cl
    I r14, (SHIFTS), shl edx, 9
    I r15, (SHIFTS), shl ax, cl
END

CASE(integer_shr)
EXPECT(r8, 0x52d5f0feb369531)
EXPECT(r9, 0x52d6007eb3695f9)
EXPECT(r10, 0x52d5f0feb369532)
EXPECT(r11, 0x52d5f8feb369472)
EXPECT(r12, 0x52d5f0feb369531)
EXPECT(r13, 0x52d5e17eb3694f1)
EXPECT(r14, 0x51e19acef953c529)
EXPECT(r15, 0x5cad5f0feb3696b4)
BEGIN
    I r8, (SHIFTS), shr byte ptr [rdi], 3
    I r9, (SHIFTS), shr qword ptr [rdi], 5
    I r10, (SHIFTS | OF), shr byte ptr [rdi], 1
    I r11, (SHIFTS | OF), shr qword ptr [rdi], 1
    I r12, (SHIFTS), shr byte ptr [rdi], cl
    I r13, (SHIFTS), shr dword ptr [rdi], cl
    I r14, (SHIFTS), shr edx, 9
    I r15, (SHIFTS), shr ax, cl
END

CASE(integer_sal6)
EXPECT(r8, 0x52d5f0feb36a4ed)
EXPECT(r9, 0x52d400feb36d66e)
EXPECT(r10, 0x52d5f0feb3698ed)
EXPECT(r11, 0x52d5e0feb36a26d)
EXPECT(r12, 0x52d5f0feb36d4ed)
EXPECT(r13, 0x52d5e0feb36d4ed)
EXPECT(r14, 0x9cb5c78ef953c5b7)
EXPECT(r15, 0x10ad5f0feb369763)
BEGIN
    I_BEGIN
    .byte 0xc0, 0x37, 3 /* sal */
    I_END r8, SHIFTS
    I_BEGIN
    .byte 0x48, 0xc1, 0x37, 5 /* sal */
    I_END r9, SHIFTS
    I_BEGIN
    .byte 0xd0, 0x37 /* sal */
    I_END r10, SHIFTS | OF
    I_BEGIN
    .byte 0x48, 0xd1, 0x37 /* sal */
    I_END r11, SHIFTS | OF
    I_BEGIN
    .byte 0xd2, 0x37 /* sal */
    I_END r12, SHIFTS
    I_BEGIN
    .byte 0xd3, 0x37 /* sal */
    I_END r13, SHIFTS
    I_BEGIN
    .byte 0xc1, 0xf2, 9 /* sal */
    I_END r14, SHIFTS
    I_BEGIN
    .byte 0x66, 0xd3, 0xf0 /* sal */
    I_END r15, SHIFTS
END

CASE(integer_sar)
EXPECT(r8, 0x52d5f0feb369531)
EXPECT(r9, 0x52d6007eb3695f9)
EXPECT(r10, 0x52d5f0feb369532)
EXPECT(r11, 0x52d5f8feb369472)
EXPECT(r12, 0x52d5f0feb369531)
EXPECT(r13, 0x52d6007eb369571)
EXPECT(r14, 0x51e19acef953c529)
EXPECT(r15, 0x5cad5f0feb369772)
BEGIN
    I r8, (SHIFTS), sar byte ptr [rdi], 3
    I r9, (SHIFTS), sar qword ptr [rdi], 5
    I r10, (SHIFTS | OF), sar byte ptr [rdi], 1
    I r11, (SHIFTS | OF), sar qword ptr [rdi], 1
    I r12, (SHIFTS), sar byte ptr [rdi], cl
    I r13, (SHIFTS), sar dword ptr [rdi], cl
    I r14, (SHIFTS), sar edx, 9
    I r15, (SHIFTS), sar ax, cl
END

CASE(integer_double_shifts)
EXPECT(r8, 0x52ce00feb381e6e)
EXPECT(r9, 0x92d5f112f3696ed)
EXPECT(r10, 0x52d5e226b3694f1)
EXPECT(r11, 0x7533fc3f80e2dbcb)
EXPECT(r12, 0x52b83ffeb3696ee)
EXPECT(r13, 0x52b5f0feb3a9ef1)
BEGIN
    I r8, (SHIFTS), shld [rdi], rax, 7
    I r9, (SHIFTS), shld ebx, edx, cl
    I r10, (SHIFTS), shrd [rdi], eax, 9
    I r11, (SHIFTS), shrd rdx, rbx, cl
    I r12, (SHIFTS), shld dx, ax, 3
    I r13, (SHIFTS | OF), shrd ebp, eax, 1
END

CASE(integer_bit_tests)
EXPECT(r8, 0x52d5f0feb3696ee)
EXPECT(r9, 0x36ad5cebacce0c40)
EXPECT(r10, 0xd2d5f106f3696ed)
EXPECT(r11, 0x45856ab2eb587c)
EXPECT(r12, 0x52d5f0feb36966e)
EXPECT(r13, 0x32509bebacce0c41)
EXPECT(r14, 0x52d5f0fef3696ed)
EXPECT(r15, 0x52d5f0feb3696ed)
BEGIN
    I r8, (CF), bt ebx, 31
    I_BEGIN
    mov ecx, 0x305
    bt [rdi], rcx
    I_END r9, CF
    I r10, (CF), bts ebx, 4
    I_BEGIN
    mov ecx, -0x305
    bts [rdi], ecx
    mov edx, [rdi - 100]
    I_END r11, CF
    I r12, (CF), btr qword ptr [rdi], 62
    I_BEGIN
    mov ecx, 31
    btr [rdi], rcx
    btr rbx, rcx
    I_END r13, CF
    I r14, (CF), btc rbx, 63
    I r15, (CF), btc [rdi], cx
END

CASE(integer_bit_tests_memory)
EXPECT(r8, 0x52d5f0feb3696ed)
EXPECT(r9, 0x52d5f0feb3696ee)
EXPECT(r10, 0x52d5f8feb3696ed)
EXPECT(r11, 0x56d5f0ef953c52d)
EXPECT(r12, 0x364c5cebacce0c01)
BEGIN
    I r8, (CF), bt dword ptr [rdi], 1
    I r9, (CF), bt dword ptr [rdi], 0
    I r10, (CF), btc dword ptr [rdi], 30
    I r11, (CF), btc edx, eax
    I_BEGIN
    mov rcx, -3
    btc [rdi + 8], rcx
    I_END r12, CF
END
