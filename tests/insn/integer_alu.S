/* SPDX-License-Identifier: MIT */
/* ADD, OR, ADC, SBB, AND, SUB, XOR and CMP in all their forms; TEST, XCHG, MOV. */
#include "tests/insn/case.h"
#include "tests/insn/integer.inc"

CASE(integer_add)
EXPECT(r8, 0x52d5f0feb36baed)
EXPECT(r9, 0x4993e7bab824a993)
EXPECT(r10, 0x56d5f0feb3696ed)
EXPECT(r11, 0x52d5f17eb369f65)
EXPECT(r12, 0x16ed5f0feb3696f1)
EXPECT(r13, 0xa32d5f0feb3b2482)
EXPECT(r14, 0x52d5f0feb379971)
EXPECT(r15, 0x52d5f3453e3876d)
BEGIN
    I r8, (ALL), add [rdi], al
    I r9, (ALL), add [rdi], rcx
    I r10, (ALL), add al, [rdi]
    I r11, (ALL), add rdx, [rdi]
    I r12, (ALL), add al, 0x47
    I r13, (ALL), add rax, 0x12345678
    I r14, (ALL), add byte ptr [rdi], 0x81
    I r15, (ALL), add dword ptr [rdi], 0x12345678
END

CASE(integer_add_sizes)
EXPECT(r8, 0x52d5f0feb368cf2)
EXPECT(r9, 0x922d5f0feb3696b2)
EXPECT(r10, 0x52d7f0feb3696f1)
EXPECT(r11, 0x52d7cebacce2771)
EXPECT(r12, 0x452d5f0feb36976d)
EXPECT(r13, 0x52d5f0fec369d81)
EXPECT(r14, 0xd2d5f13e736977d)
EXPECT(r15, 0xd2d5f0fdb369f71)
BEGIN
    I r8, (ALL), add qword ptr [rdi], -5
    I r9, (ALL), add ax, 0x1234
    I r10, (ALL), add cx, [rdi]
    I r11, (ALL), add ecx, ebx
    I r12, (ALL), add ah, bl
    I r13, (ALL), add word ptr [rdi], 0x7fff
    I r14, (ALL), add ebx, 0x7f
    I r15, (ALL), add rbx, rbp
END

CASE(integer_or)
EXPECT(r8, 0x52d5f0feb36baed)
EXPECT(r9, 0x52d5fbab8249ef1)
EXPECT(r10, 0x56d5f0feb3696ed)
EXPECT(r11, 0x52d5f16f953c525)
EXPECT(r12, 0x166d5f0feb3696ed)
EXPECT(r13, 0x1f2d5f0feb3b1f71)
EXPECT(r14, 0x52d5f0feb379771)
EXPECT(r15, 0x52d5f3453e3876d)
BEGIN
    I r8, (LOGIC), or [rdi], al
    I r9, (LOGIC), or [rdi], rcx
    I r10, (LOGIC), or al, [rdi]
    I r11, (LOGIC), or rdx, [rdi]
    I r12, (LOGIC), or al, 0x47
    I r13, (LOGIC), or rax, 0x12345678
    I r14, (LOGIC), or byte ptr [rdi], 0x81
    I r15, (LOGIC), or dword ptr [rdi], 0x12345678
END

CASE(integer_or_sizes)
EXPECT(r8, 0x52d600feb368c6d)
EXPECT(r9, 0xe2d5f0feb369775)
EXPECT(r10, 0x52d5f0feb3696f1)
EXPECT(r11, 0x52d5cebacce2771)
EXPECT(r12, 0x452d5f0feb36976d)
EXPECT(r13, 0x52d5f0fec3692f1)
EXPECT(r14, 0xd2d5f13df36976d)
EXPECT(r15, 0x92d5f0fdb3696f1)
BEGIN
    I r8, (LOGIC), or qword ptr [rdi], -5
    I r9, (LOGIC), or ax, 0x1234
    I r10, (LOGIC), or cx, [rdi]
    I r11, (LOGIC), or ecx, ebx
    I r12, (LOGIC), or ah, bl
    I r13, (LOGIC), or word ptr [rdi], 0x7fff
    I r14, (LOGIC), or ebx, 0x7f
    I r15, (LOGIC), or rbx, rbp
END

CASE(integer_adc)
EXPECT(r8, 0x52d5f0feb36bcf1)
EXPECT(r9, 0x4993e7bab824ab8f)
EXPECT(r10, 0x5ad5f0feb3696f1)
EXPECT(r11, 0x52d5f27eb369f65)
EXPECT(r12, 0x172d5f0feb3696f1)
EXPECT(r13, 0xa36d5f0feb3b2486)
EXPECT(r14, 0x52d5f0feb379b6d)
EXPECT(r15, 0x52d5f3453e3896d)
BEGIN
    I r8, (ALL), adc [rdi], al
    I r9, (ALL), adc [rdi], rcx
    I r10, (ALL), adc al, [rdi]
    I r11, (ALL), adc rdx, [rdi]
    I r12, (ALL), adc al, 0x47
    I r13, (ALL), adc rax, 0x12345678
    I r14, (ALL), adc byte ptr [rdi], 0x81
    I r15, (ALL), adc dword ptr [rdi], 0x12345678
END

CASE(integer_adc_sizes)
EXPECT(r8, 0x52d5f0feb368eee)
EXPECT(r9, 0x926d5f0feb3696b6)
EXPECT(r10, 0x52d9f0feb3696ed)
EXPECT(r11, 0x52d9cebacce276d)
EXPECT(r12, 0x852d5f0feb369781)
EXPECT(r13, 0x52d5f0fec369f7d)
EXPECT(r14, 0xd2d5f13ef369781)
EXPECT(r15, 0xd2d5f0fe3369f81)
BEGIN
    I r8, (ALL), adc qword ptr [rdi], -5
    I r9, (ALL), adc ax, 0x1234
    I r10, (ALL), adc cx, [rdi]
    I r11, (ALL), adc ecx, ebx
    I r12, (ALL), adc ah, bl
    I r13, (ALL), adc word ptr [rdi], 0x7fff
    I r14, (ALL), adc ebx, 0x7f
    I r15, (ALL), adc rbx, rbp
END

CASE(integer_sbb)
EXPECT(r8, 0x52d5f0feb387182)
EXPECT(r9, 0xc0c6d6651e488ada)
EXPECT(r10, 0x4ad5f0feb3696ed)
EXPECT(r11, 0x52d5ee7eb369776)
EXPECT(r12, 0x332d5f0feb369782)
EXPECT(r13, 0x66ed5f0feb320c6b)
EXPECT(r14, 0x52d5f0feb3792fe)
EXPECT(r15, 0x52d5eeb8289ad01)
BEGIN
    I r8, (ALL), sbb [rdi], al
    I r9, (ALL), sbb [rdi], rcx
    I r10, (ALL), sbb al, [rdi]
    I r11, (ALL), sbb rdx, [rdi]
    I r12, (ALL), sbb al, 0x47
    I r13, (ALL), sbb rax, 0x12345678
    I r14, (ALL), sbb byte ptr [rdi], 0x81
    I r15, (ALL), sbb dword ptr [rdi], 0x12345678
END

CASE(integer_sbb_sizes)
EXPECT(r8, 0x52d5f0feb369f02)
EXPECT(r9, 0x77ed5f0feb36977c)
EXPECT(r10, 0x52d1f0feb3696f1)
EXPECT(r11, 0x52d1cebacce2f72)
EXPECT(r12, 0x852d5f0feb36976c)
EXPECT(r13, 0x52d5f0fec36977e)
EXPECT(r14, 0xd2d5f0bef369f01)
EXPECT(r15, 0xfd2d5f0ff33696fc)
BEGIN
    I r8, (ALL), sbb qword ptr [rdi], -5
    I r9, (ALL), sbb ax, 0x1234
    I r10, (ALL), sbb cx, [rdi]
    I r11, (ALL), sbb ecx, ebx
    I r12, (ALL), sbb ah, bl
    I r13, (ALL), sbb word ptr [rdi], 0x7fff
    I r14, (ALL), sbb ebx, 0x7f
    I r15, (ALL), sbb rbx, rbp
END

CASE(integer_and)
EXPECT(r8, 0x52d5f0feb369531)
EXPECT(r9, 0x4993e80feb36960f)
EXPECT(r10, 0xad5f0feb369731)
EXPECT(r11, 0x4f86c78feb3696ec)
EXPECT(r12, 0x12d5f0feb3696ed)
EXPECT(r13, 0x48b38a544436483)
EXPECT(r14, 0x52d5f0feb3696ed)
EXPECT(r15, 0x52d5e0feb369531)
BEGIN
    I r8, (LOGIC), and [rdi], al
    I r9, (LOGIC), and [rdi], rcx
    I r10, (LOGIC), and al, [rdi]
    I r11, (LOGIC), and rdx, [rdi]
    I r12, (LOGIC), and al, 0x47
    I r13, (LOGIC), and rax, 0x12345678
    I r14, (LOGIC), and byte ptr [rdi], 0x81
    I r15, (LOGIC), and dword ptr [rdi], 0x12345678
END

CASE(integer_and_sizes)
EXPECT(r8, 0x52d5f0feb3696ed)
EXPECT(r9, 0x4ad5f0feb3696b2)
EXPECT(r10, 0xf64cdf0feb3696ec)
EXPECT(r11, 0x364cdcebacce0c40)
EXPECT(r12, 0x852d5f0feb3696f5)
EXPECT(r13, 0x52d5f0feb3696ed)
EXPECT(r14, 0x92d5f0fef3696ed)
EXPECT(r15, 0xd2d5f0fe73696f1)
BEGIN
    I r8, (LOGIC), and qword ptr [rdi], -5
    I r9, (LOGIC), and ax, 0x1234
    I r10, (LOGIC), and cx, [rdi]
    I r11, (LOGIC), and ecx, ebx
    I r12, (LOGIC), and ah, bl
    I r13, (LOGIC), and word ptr [rdi], 0x7fff
    I r14, (LOGIC), and ebx, 0x7f
    I r15, (LOGIC), and rbx, rbp
END

CASE(integer_sub)
EXPECT(r8, 0x52d5f0feb38737e)
EXPECT(r9, 0xc0c6d6651e488cde)
EXPECT(r10, 0x4ed5f0feb3696f1)
EXPECT(r11, 0x52d5ef7eb36977a)
EXPECT(r12, 0x336d5f0feb36977e)
EXPECT(r13, 0x672d5f0feb320c6b)
EXPECT(r14, 0x52d5f0feb379d6e)
EXPECT(r15, 0x52d5eeb8289aefd)
BEGIN
    I r8, (ALL), sub [rdi], al
    I r9, (ALL), sub [rdi], rcx
    I r10, (ALL), sub al, [rdi]
    I r11, (ALL), sub rdx, [rdi]
    I r12, (ALL), sub al, 0x47
    I r13, (ALL), sub rax, 0x12345678
    I r14, (ALL), sub byte ptr [rdi], 0x81
    I r15, (ALL), sub dword ptr [rdi], 0x12345678
END

CASE(integer_sub_sizes)
EXPECT(r8, 0x52d5f0feb36a102)
EXPECT(r9, 0x782d5f0feb36977c)
EXPECT(r10, 0x52d3f0feb3696ed)
EXPECT(r11, 0x52d3cebacce2f6e)
EXPECT(r12, 0xc52d5f0feb369770)
EXPECT(r13, 0x52d5f0fec36997e)
EXPECT(r14, 0xd2d5f0bf7369f01)
EXPECT(r15, 0xfd2d5f0ffb369700)
BEGIN
    I r8, (ALL), sub qword ptr [rdi], -5
    I r9, (ALL), sub ax, 0x1234
    I r10, (ALL), sub cx, [rdi]
    I r11, (ALL), sub ecx, ebx
    I r12, (ALL), sub ah, bl
    I r13, (ALL), sub word ptr [rdi], 0x7fff
    I r14, (ALL), sub ebx, 0x7f
    I r15, (ALL), sub rbx, rbp
END

CASE(integer_xor)
EXPECT(r8, 0x52d5f0feb36baed)
EXPECT(r9, 0xc0c6d7bab8249cca)
EXPECT(r10, 0x56d5f0feb3696ed)
EXPECT(r11, 0x52d5f160f70f165)
EXPECT(r12, 0x15ed5f0feb3696f1)
EXPECT(r13, 0x9b2d5f0feb3b1c63)
EXPECT(r14, 0x52d5f0feb37956d)
EXPECT(r15, 0x52d5f3453e3876d)
BEGIN
    I r8, (LOGIC), xor [rdi], al
    I r9, (LOGIC), xor [rdi], rcx
    I r10, (LOGIC), xor al, [rdi]
    I r11, (LOGIC), xor rdx, [rdi]
    I r12, (LOGIC), xor al, 0x47
    I r13, (LOGIC), xor rax, 0x12345678
    I r14, (LOGIC), xor byte ptr [rdi], 0x81
    I r15, (LOGIC), xor dword ptr [rdi], 0x12345678
END

CASE(integer_xor_sizes)
EXPECT(r8, 0x52d610feb368971)
EXPECT(r9, 0x8a2d5f0feb369770)
EXPECT(r10, 0x52d3f0feb3696ed)
EXPECT(r11, 0x52d3cebacce276d)
EXPECT(r12, 0x452d5f0feb36976d)
EXPECT(r13, 0x52d5f0fec3690ed)
EXPECT(r14, 0xd2d5f13d7369771)
EXPECT(r15, 0x52d5f0fdb3696f1)
BEGIN
    I r8, (LOGIC), xor qword ptr [rdi], -5
    I r9, (LOGIC), xor ax, 0x1234
    I r10, (LOGIC), xor cx, [rdi]
    I r11, (LOGIC), xor ecx, ebx
    I r12, (LOGIC), xor ah, bl
    I r13, (LOGIC), xor word ptr [rdi], 0x7fff
    I r14, (LOGIC), xor ebx, 0x7f
    I r15, (LOGIC), xor rbx, rbp
END

CASE(integer_cmp)
EXPECT(r8, 0x52d5f0feb36977e)
EXPECT(r9, 0x52d5f0feb369701)
EXPECT(r10, 0x52d5f0feb3696f1)
EXPECT(r11, 0x52d5f0feb369772)
EXPECT(r12, 0x52d5f0feb36977e)
EXPECT(r13, 0x52d5f0feb369781)
EXPECT(r14, 0x52d5f0feb369f6e)
EXPECT(r15, 0x52d5f0feb369efd)
BEGIN
    I r8, (ALL), cmp [rdi], al
    I r9, (ALL), cmp [rdi], rcx
    I r10, (ALL), cmp al, [rdi]
    I r11, (ALL), cmp rdx, [rdi]
    I r12, (ALL), cmp al, 0x47
    I r13, (ALL), cmp rax, 0x12345678
    I r14, (ALL), cmp byte ptr [rdi], 0x81
    I r15, (ALL), cmp dword ptr [rdi], 0x12345678
END

CASE(integer_cmp_sizes)
EXPECT(r8, 0x52d5f0feb369702)
EXPECT(r9, 0x52d5f0feb369781)
EXPECT(r10, 0x52d5f0feb3696ed)
EXPECT(r11, 0x52d5f0feb369f6e)
EXPECT(r12, 0x52d5f0feb369771)
EXPECT(r13, 0x52d5f0feb36977e)
EXPECT(r14, 0x52d5f0feb369f01)
EXPECT(r15, 0x52d5f0feb369701)
BEGIN
    I r8, (ALL), cmp qword ptr [rdi], -5
    I r9, (ALL), cmp ax, 0x1234
    I r10, (ALL), cmp cx, [rdi]
    I r11, (ALL), cmp ecx, ebx
    I r12, (ALL), cmp ah, bl
    I r13, (ALL), cmp word ptr [rdi], 0x7fff
    I r14, (ALL), cmp ebx, 0x7f
    I r15, (ALL), cmp rbx, rbp
END

CASE32(integer_group1_82)
EXPECT(rsi, 0xfbcec0c)
BEGIN
    mov esi, 0
    I32 ALL, .byte 0x82, 0xc1, 0x35 /* add cl, imm8 */
    I32 LOGIC, .byte 0x82, 0xc9, 0x3c /* or cl, imm8 */
    I32 ALL, .byte 0x82, 0xd1, 0x43 /* adc cl, imm8 */
    I32 ALL, .byte 0x82, 0xd9, 0x4a /* sbb cl, imm8 */
    I32 LOGIC, .byte 0x82, 0xe1, 0x51 /* and cl, imm8 */
    I32 ALL, .byte 0x82, 0xe9, 0x58 /* sub cl, imm8 */
    I32 LOGIC, .byte 0x82, 0xf1, 0x5f /* xor cl, imm8 */
    I32 ALL, .byte 0x82, 0xf9, 0x66 /* cmp cl, imm8 */
END

CASE(integer_test)
EXPECT(r8, 0x52d5f0feb3696ed)
EXPECT(r9, 0x52d5f0feb3696f1)
EXPECT(r10, 0x52d5f0feb3696f1)
EXPECT(r11, 0x52d5f0feb3696f1)
EXPECT(r12, 0x52d5f0feb3696ed)
EXPECT(r13, 0x52d5f0feb3696f1)
EXPECT(r14, 0x52d5f0feb3696f1)
EXPECT(r15, 0x52d5f0feb36976d)
BEGIN
    I r8, (LOGIC), test [rdi], cl
    I r9, (LOGIC), test [rdi], rax
    I r10, (LOGIC), test al, 0x92
    I r11, (LOGIC), test rax, 0x70000000
    I r12, (LOGIC), test byte ptr [rdi], 1
    I r13, (LOGIC), test qword ptr [rdi], -0x80000000
    I r14, (LOGIC), test cx, dx
    I r15, (LOGIC), test ah, 0x80
END

CASE(integer_xchg)
EXPECT(r8, 0x52cdf0feb369eee)
EXPECT(r9, 0x8be1412dae26b243)
EXPECT(r10, 0xc52d5f1753369742)
EXPECT(r11, 0x3cf810a3c8ce1cc5)
EXPECT(r12, 0x30b130210447aa03)
EXPECT(r13, 0xf6c749c8230e0e18)
EXPECT(r14, 0x63520815cc682d4c)
EXPECT(r15, 0x2af66c1cfcd183d9)
BEGIN
    I r8, (ALL), xchg [rdi], cl
    I r9, (ALL), xchg [rdi], rdx
    I r10, (ALL), xchg ah, bl
    I r11, (ALL), xchg ecx, ebx
    I r12, (ALL), xchg rax, rcx
    I r13, (ALL), xchg rax, rdx
    I r14, (ALL), xchg rbx, rax
    I r15, (ALL), xchg rax, rbp
END

CASE(integer_xchg_pointers)
EXPECT(r8, 0x41fc9680fdf034ee)
EXPECT(r9, 0x7)
EXPECT(r10, 0x6face7942b324e65)
EXPECT(r11, 0x56d5f0feb36976d)
EXPECT(r12, 0x1a2713df214e2f07)
BEGIN
    I_BEGIN
    mov rsi, 0x1234567890
    xchg rax, rsi
    xchg eax, ecx
    I_END r8, ALL
    I_BEGIN
    xchg rax, rdi
    xchg rax, rdi
    xchg rax, rdi
    mov rcx, rdi
    mov rdi, rax
    I_END r9, ALL
    I_BEGIN
    xchg rax, rsp
    mov rcx, rsp
    xchg rax, rsp
    mov rax, 1
    I_END r10, ALL
    I_BEGIN
    .byte 0x49, 0x90 /* xchg rax, r8 */
    .byte 0x49, 0x90
    add rax, 1
    I_END r11, ALL
    I_BEGIN
    .byte 0x49, 0x91 /* xchg rax, r9 */
    mov r9, 7
    I_END r12, ALL
END

CASE(integer_mov)
EXPECT(r8, 0x52d5f0feb369eee)
EXPECT(r9, 0x52d5f0fec0984f2)
EXPECT(r10, 0xf66d5f0feb3696fd)
EXPECT(r11, 0x5275f0feb40976e)
EXPECT(r12, 0x52d5f0feb3748ee)
EXPECT(r13, 0x52d5feb8289a5f2)
EXPECT(r14, 0x20ad5f0feb3696fe)
EXPECT(r15, 0x80eb18a544236172)
BEGIN
    I r8, (ALL), mov [rdi], cl
    I r9, (ALL), mov [rdi], dx
    I r10, (ALL), mov ch, [rdi]
    I r11, (ALL), mov rbp, [rdi]
    I r12, (ALL), mov byte ptr [rdi], 0x5a
    I r13, (ALL), mov qword ptr [rdi], -0x12345678
    I_BEGIN
    .byte 0xa0
    .quad DATA + 0x403 /* mov al, [DATA + 0x403] */
    I_END r14, ALL
    I_BEGIN
    .byte 0x48, 0xa1
    .quad DATA + 0x400 /* mov rax, [DATA + 0x400] */
    I_END r15, ALL
END

CASE(integer_mov_moffs)
EXPECT(r8, 0x52d5e33eb3696ee)
EXPECT(r9, 0x3882d7a9a712b903)
EXPECT(r10, 0x80ad5f0feb3696e6)
EXPECT(r11, 0x52cf9cbc75a976e)
BEGIN
    I_BEGIN
    .byte 0xa2
    .quad DATA + 0x403 /* mov [DATA + 0x403], al */
    I_END r8, ALL
    I_BEGIN
    .byte 0x48, 0xa3
    .quad DATA + 0x400 /* mov [DATA + 0x400], rax */
    I_END r9, ALL
    I_BEGIN
    .byte 0x66, 0xa1
    .quad DATA + 0x402
    I_END r10, ALL
    I_BEGIN
    .byte 0xa3
    .quad DATA + 0x401
    I_END r11, ALL
END

CASE(integer_mov_immediates)
EXPECT(r8, 0x4ed5f0feb3696ee)
EXPECT(r9, 0x530fac2033696f2)
EXPECT(r10, 0xc30d5f0feb3696d7)
EXPECT(r11, 0x52e434feb369772)
EXPECT(r12, 0x53fdf0feb369702)
EXPECT(r13, 0x52d622feb3696fe)
EXPECT(r14, 0x5327f0feb3696ee)
EXPECT(r15, 0xfcd5f0feb3696f2)
BEGIN
    I r8, (ALL), mov al, 0x11
    I_BEGIN
    mov cl, 0x22
    mov dl, 0x33
    mov bl, 0x44
    I_END r9, ALL
    I_BEGIN
    mov ah, 0x55
    mov ch, 0x66
    I_END r10, ALL
    I_BEGIN
    mov dh, 0x77
    mov bh, 0x88
    I_END r11, ALL
    I r12, (ALL), mov cl, 0x99
    I r13, (ALL), mov dl, 0xaa
    I r14, (ALL), mov dh, 0xbb
    I r15, (ALL), mov ch, 0xcc
END

CASE(integer_mov_immediates_2)
EXPECT(r8, 0x52d5f106b3696ee)
EXPECT(r9, 0x52d5f9feb3696f2)
EXPECT(r10, 0x452d5f0feb3696c7)
EXPECT(r11, 0xfc9bb680fddf6643)
EXPECT(r12, 0x9b198d7c4d53c5ac)
EXPECT(r13, 0x52ab8f2562e9772)
EXPECT(r14, 0x6bc65cebacce1b46)
EXPECT(r15, 0xfb6447b145ba4a92)
BEGIN
    I r8, (ALL), mov bl, 0x11
    I r9, (ALL), mov bh, 0x12
    I r10, (ALL), mov ah, 0x13
    I_BEGIN
    mov eax, 0x12345678
    mov ecx, 0x23456789
    I_END r11, ALL
    I_BEGIN
    mov edx, 0x3456789a
    mov ebx, 0x456789ab
    I_END r12, ALL
    I r13, (ALL), mov ebp, 0x56789abc
    I_BEGIN
    mov esi, 0x6789abcd
    mov rcx, rsi
    I_END r14, ALL
    I_BEGIN
    mov rdx, rdi
    mov rdi, 0x1234567890abcdef
    mov rcx, rdi
    mov rdi, rdx
    I_END r15, ALL
END
