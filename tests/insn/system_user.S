/* SPDX-License-Identifier: MIT */
/* What the kernel's privileged instructions do at CPL 3: #GP or #UD, and nothing else. */
#include "tests/insn/case.h"

CASE(user_hlt)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    hlt
    mov eax, 2
END

CASE(user_cli)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    cli
    mov eax, 2
END

CASE(user_sti)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    sti
    mov eax, 2
END

CASE(user_in_al_i)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    in al, 0x80
    mov eax, 2
END

CASE(user_in_eax_i)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    in eax, 0x80
    mov eax, 2
END

CASE(user_out_i_al)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    out 0x80, al
    mov eax, 2
END

CASE(user_out_i_eax)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    out 0x80, eax
    mov eax, 2
END

CASE(user_in_al_dx)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    in al, dx
    mov eax, 2
END

CASE(user_in_eax_dx)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    in eax, dx
    mov eax, 2
END

CASE(user_out_dx_al)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    out dx, al
    mov eax, 2
END

CASE(user_out_dx_eax)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    out dx, eax
    mov eax, 2
END

CASE(user_insd)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    insd
    mov eax, 2
END

CASE(user_outsb)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    mov esi, DATA
    outsb
    mov eax, 2
END

CASE(user_outsd)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    mov esi, DATA
    outsd
    mov eax, 2
END

CASE(user_lldt)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    lldt ax
    mov eax, 2
END

CASE(user_ltr)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    ltr ax
    mov eax, 2
END

CASE(user_lgdt)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    lgdt [rdi]
    mov eax, 2
END

CASE(user_lidt)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    lidt [rdi]
    mov eax, 2
END

CASE(user_lmsw)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    lmsw ax
    mov eax, 2
END

CASE(user_invlpg)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    invlpg [rdi]
    mov eax, 2
END

CASE(user_swapgs)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    swapgs
    mov eax, 2
END

CASE(user_clts)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    clts
    mov eax, 2
END

CASE(user_invd)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    invd
    mov eax, 2
END

CASE(user_wbinvd)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    wbinvd
    mov eax, 2
END

CASE(user_mov_from_cr)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    mov rcx, cr0
    mov eax, 2
END

CASE(user_mov_from_dr)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    mov rcx, dr7
    mov eax, 2
END

CASE(user_mov_to_cr)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    mov cr3, rcx
    mov eax, 2
END

CASE(user_mov_to_dr)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    mov dr0, rcx
    mov eax, 2
END

CASE(user_wrmsr)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    mov ecx, 0x10
    wrmsr
    mov eax, 2
END

CASE(user_rdmsr)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    mov ecx, 0x10
    rdmsr
    mov eax, 2
END

CASE(user_sysexit)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    .byte 0x0f, 0x35 /* sysexit */
    mov eax, 2
END

CASE(user_xsetbv)
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    xor ecx, ecx
    xor edx, edx
    mov eax, 1
    xsetbv
    mov eax, 2
END

CASE(user_invpcid)
NEEDS("invpcid")
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    invpcid rax, [rdi]
    mov eax, 2
END

/* The host may allow it (CR4.PCE). */
CASE(user_rdpmc)
HOST_DIFFERS
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    xor ecx, ecx
    rdpmc
    mov eax, 2
END

CASE(user_monitor)
EXPECT(rax, 1)
EXPECT_VECTOR(UD)
BEGIN
    mov edi, DATA
    mov eax, 1
    monitor
    mov eax, 2
END

CASE(user_mwait)
EXPECT(rax, 1)
EXPECT_VECTOR(UD)
BEGIN
    mov edi, DATA
    mov eax, 1
    mwait
    mov eax, 2
END

CASE(user_clac)
NEEDS("smap")
EXPECT(rax, 1)
EXPECT_VECTOR(UD)
BEGIN
    mov edi, DATA
    mov eax, 1
    clac
    mov eax, 2
END

CASE(user_stac)
NEEDS("smap")
EXPECT(rax, 1)
EXPECT_VECTOR(UD)
BEGIN
    mov edi, DATA
    mov eax, 1
    stac
    mov eax, 2
END

/* CR4.PKE is clear here; the host may have set it. */
CASE(user_rdpkru)
HOST_DIFFERS
EXPECT(rax, 1)
EXPECT_VECTOR(UD)
BEGIN
    mov edi, DATA
    mov eax, 1
    xor ecx, ecx
    rdpkru
    mov eax, 2
END

/* EFER.SCE is clear here, and the host would call its kernel. */
CASE(user_syscall)
HOST_DIFFERS
EXPECT(rax, 1)
EXPECT_VECTOR(UD)
BEGIN
    mov edi, DATA
    mov eax, 1
    syscall
    mov eax, 2
END

/* EFER.SCE is clear here. */
CASE(user_sysret)
HOST_DIFFERS
EXPECT(rax, 1)
EXPECT_VECTOR(UD)
BEGIN
    mov edi, DATA
    mov eax, 1
    sysretq
    mov eax, 2
END

/* AMD processors have no SYSENTER in long mode; Intel's would call the host's kernel. */
CASE(user_sysenter)
HOST_DIFFERS
EXPECT(rax, 1)
EXPECT_VECTOR(UD)
BEGIN
    mov edi, DATA
    mov eax, 1
    sysenter
    mov eax, 2
END

CASE(user_ud0)
EXPECT(rax, 1)
EXPECT_VECTOR(UD)
BEGIN
    mov edi, DATA
    mov eax, 1
    .byte 0x0f, 0xff, 0xc1 /* ud0 eax, ecx */
    mov eax, 2
END

CASE(user_ud1)
EXPECT(rax, 1)
EXPECT_VECTOR(UD)
BEGIN
    mov edi, DATA
    mov eax, 1
    .byte 0x0f, 0xb9, 0xc1 /* ud1 eax, ecx */
    mov eax, 2
END

/* There is no IDT here; tests/system/gates64.c has one. */
CASE(user_int3)
HOST_DIFFERS
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    int3
    mov eax, 2
END

/* There is no IDT here; tests/system/gates64.c has one. */
CASE(user_int)
HOST_DIFFERS
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    int 4
    mov eax, 2
END

/* There is no IDT here; tests/system/gates64.c has one. */
CASE(user_int1)
HOST_DIFFERS
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov edi, DATA
    mov eax, 1
    .byte 0xf1 /* int1 */
    mov eax, 2
END

CASE(user_fwait)
EXPECT(rax, 1)
EXPECT_VECTOR(MF)
BEGIN
    mov edi, DATA
    mov eax, 1
    fninit
    mov word ptr [rdi], 0x37b
    fldcw [rdi]
    fld1
    fldz
    fdivp st(1), st
    fwait
    mov eax, 2
END

/* There is no IDT here; tests/system/gates32.c has one. */
CASE32(user_into)
HOST_DIFFERS
EXPECT(rax, 1)
EXPECT_VECTOR(GP)
BEGIN
    mov eax, 0x7fffffff
    add eax, 1
    mov eax, 1
    into
    mov eax, 2
END
