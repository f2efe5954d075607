/* SPDX-License-Identifier: MIT */
/* Jcc, SETcc and CMOVcc: each condition true and false. */
#include "tests/insn/case.h"
#include "tests/insn/integer.inc"

CASE(integer_jcc_short)
EXPECT(r8, 0x55555555)
BEGIN
    mov edi, DATA
    mov qword ptr [rdi], 0x1234567
    push 0x800
    popfq
    lea r8, [r8 + r8]
    {disp8} jo 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp8} jo 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp8} jno 1f
    inc r8
1:
    push 0x800
    popfq
    lea r8, [r8 + r8]
    {disp8} jno 1f
    inc r8
1:
    push 0x1
    popfq
    lea r8, [r8 + r8]
    {disp8} jb 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp8} jb 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp8} jae 1f
    inc r8
1:
    push 0x1
    popfq
    lea r8, [r8 + r8]
    {disp8} jae 1f
    inc r8
1:
    push 0x40
    popfq
    lea r8, [r8 + r8]
    {disp8} je 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp8} je 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp8} jne 1f
    inc r8
1:
    push 0x40
    popfq
    lea r8, [r8 + r8]
    {disp8} jne 1f
    inc r8
1:
    push 0x41
    popfq
    lea r8, [r8 + r8]
    {disp8} jbe 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp8} jbe 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp8} ja 1f
    inc r8
1:
    push 0x41
    popfq
    lea r8, [r8 + r8]
    {disp8} ja 1f
    inc r8
1:
    push 0x80
    popfq
    lea r8, [r8 + r8]
    {disp8} js 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp8} js 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp8} jns 1f
    inc r8
1:
    push 0x80
    popfq
    lea r8, [r8 + r8]
    {disp8} jns 1f
    inc r8
1:
    push 0x4
    popfq
    lea r8, [r8 + r8]
    {disp8} jp 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp8} jp 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp8} jnp 1f
    inc r8
1:
    push 0x4
    popfq
    lea r8, [r8 + r8]
    {disp8} jnp 1f
    inc r8
1:
    push 0x80
    popfq
    lea r8, [r8 + r8]
    {disp8} jl 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp8} jl 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp8} jge 1f
    inc r8
1:
    push 0x80
    popfq
    lea r8, [r8 + r8]
    {disp8} jge 1f
    inc r8
1:
    push 0x40
    popfq
    lea r8, [r8 + r8]
    {disp8} jle 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp8} jle 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp8} jg 1f
    inc r8
1:
    push 0x40
    popfq
    lea r8, [r8 + r8]
    {disp8} jg 1f
    inc r8
1:
END

CASE(integer_jcc_near)
EXPECT(r8, 0x55555555)
BEGIN
    mov edi, DATA
    mov qword ptr [rdi], 0x1234567
    push 0x800
    popfq
    lea r8, [r8 + r8]
    {disp32} jo 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp32} jo 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp32} jno 1f
    inc r8
1:
    push 0x800
    popfq
    lea r8, [r8 + r8]
    {disp32} jno 1f
    inc r8
1:
    push 0x1
    popfq
    lea r8, [r8 + r8]
    {disp32} jb 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp32} jb 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp32} jae 1f
    inc r8
1:
    push 0x1
    popfq
    lea r8, [r8 + r8]
    {disp32} jae 1f
    inc r8
1:
    push 0x40
    popfq
    lea r8, [r8 + r8]
    {disp32} je 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp32} je 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp32} jne 1f
    inc r8
1:
    push 0x40
    popfq
    lea r8, [r8 + r8]
    {disp32} jne 1f
    inc r8
1:
    push 0x41
    popfq
    lea r8, [r8 + r8]
    {disp32} jbe 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp32} jbe 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp32} ja 1f
    inc r8
1:
    push 0x41
    popfq
    lea r8, [r8 + r8]
    {disp32} ja 1f
    inc r8
1:
    push 0x80
    popfq
    lea r8, [r8 + r8]
    {disp32} js 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp32} js 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp32} jns 1f
    inc r8
1:
    push 0x80
    popfq
    lea r8, [r8 + r8]
    {disp32} jns 1f
    inc r8
1:
    push 0x4
    popfq
    lea r8, [r8 + r8]
    {disp32} jp 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp32} jp 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp32} jnp 1f
    inc r8
1:
    push 0x4
    popfq
    lea r8, [r8 + r8]
    {disp32} jnp 1f
    inc r8
1:
    push 0x80
    popfq
    lea r8, [r8 + r8]
    {disp32} jl 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp32} jl 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp32} jge 1f
    inc r8
1:
    push 0x80
    popfq
    lea r8, [r8 + r8]
    {disp32} jge 1f
    inc r8
1:
    push 0x40
    popfq
    lea r8, [r8 + r8]
    {disp32} jle 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp32} jle 1f
    inc r8
1:
    push 0x0
    popfq
    lea r8, [r8 + r8]
    {disp32} jg 1f
    inc r8
1:
    push 0x40
    popfq
    lea r8, [r8 + r8]
    {disp32} jg 1f
    inc r8
1:
END

CASE(integer_setcc)
EXPECT(r8, 0xa028280a0a8282a0)
BEGIN
    mov edi, DATA
    mov qword ptr [rdi], 0x1234567
    push 0x800
    popfq
    mov ecx, 0x5a
    seto cl
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    seto cl
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    setno cl
    FOLD_GPR r8, rcx
    push 0x800
    popfq
    mov ecx, 0x5a
    setno cl
    FOLD_GPR r8, rcx
    push 0x1
    popfq
    mov ecx, 0x5a
    setb cl
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    setb cl
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    setae cl
    FOLD_GPR r8, rcx
    push 0x1
    popfq
    mov ecx, 0x5a
    setae cl
    FOLD_GPR r8, rcx
    push 0x40
    popfq
    mov ecx, 0x5a
    sete cl
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    sete cl
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    setne cl
    FOLD_GPR r8, rcx
    push 0x40
    popfq
    mov ecx, 0x5a
    setne cl
    FOLD_GPR r8, rcx
    push 0x41
    popfq
    mov ecx, 0x5a
    setbe cl
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    setbe cl
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    seta cl
    FOLD_GPR r8, rcx
    push 0x41
    popfq
    mov ecx, 0x5a
    seta cl
    FOLD_GPR r8, rcx
    push 0x80
    popfq
    mov ecx, 0x5a
    sets cl
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    sets cl
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    setns cl
    FOLD_GPR r8, rcx
    push 0x80
    popfq
    mov ecx, 0x5a
    setns cl
    FOLD_GPR r8, rcx
    push 0x4
    popfq
    mov ecx, 0x5a
    setp cl
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    setp cl
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    setnp cl
    FOLD_GPR r8, rcx
    push 0x4
    popfq
    mov ecx, 0x5a
    setnp cl
    FOLD_GPR r8, rcx
    push 0x80
    popfq
    mov ecx, 0x5a
    setl cl
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    setl cl
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    setge cl
    FOLD_GPR r8, rcx
    push 0x80
    popfq
    mov ecx, 0x5a
    setge cl
    FOLD_GPR r8, rcx
    push 0x40
    popfq
    mov ecx, 0x5a
    setle cl
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    setle cl
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    setg cl
    FOLD_GPR r8, rcx
    push 0x40
    popfq
    mov ecx, 0x5a
    setg cl
    FOLD_GPR r8, rcx
END

CASE(integer_cmovcc)
EXPECT(r8, 0x283d243a826d867)
BEGIN
    mov edi, DATA
    mov qword ptr [rdi], 0x1234567
    push 0x800
    popfq
    mov ecx, 0x5a
    cmovo ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    cmovo ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    cmovno ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x800
    popfq
    mov ecx, 0x5a
    cmovno ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x1
    popfq
    mov ecx, 0x5a
    cmovb ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    cmovb ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    cmovae ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x1
    popfq
    mov ecx, 0x5a
    cmovae ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x40
    popfq
    mov ecx, 0x5a
    cmove ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    cmove ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    cmovne ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x40
    popfq
    mov ecx, 0x5a
    cmovne ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x41
    popfq
    mov ecx, 0x5a
    cmovbe ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    cmovbe ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    cmova ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x41
    popfq
    mov ecx, 0x5a
    cmova ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x80
    popfq
    mov ecx, 0x5a
    cmovs ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    cmovs ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    cmovns ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x80
    popfq
    mov ecx, 0x5a
    cmovns ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x4
    popfq
    mov ecx, 0x5a
    cmovp ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    cmovp ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    cmovnp ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x4
    popfq
    mov ecx, 0x5a
    cmovnp ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x80
    popfq
    mov ecx, 0x5a
    cmovl ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    cmovl ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    cmovge ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x80
    popfq
    mov ecx, 0x5a
    cmovge ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x40
    popfq
    mov ecx, 0x5a
    cmovle ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    cmovle ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x0
    popfq
    mov ecx, 0x5a
    cmovg ecx, [rdi]
    FOLD_GPR r8, rcx
    push 0x40
    popfq
    mov ecx, 0x5a
    cmovg ecx, [rdi]
    FOLD_GPR r8, rcx
END
