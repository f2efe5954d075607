/* SPDX-License-Identifier: MIT */
/*
 * Virtual interrupts (see vme.h). A program of CPL 3 whose IOPL does not let it touch IF has VIF for it: in virtual-8086 mode with
 * CR4.VME (CLI, STI, 16-bit PUSHF, POPF, IRET, INT n), in protected mode with CR4.PVI (CLI and STI alone). VIP, which only the
 * system sets, makes what would set VIF a #GP(0), and so does the first instruction behind an IRET or a task switch that loads both.
 *
 * INT n consults the bitmap of 32 bytes below the I/O permission map: a clear bit sends it through the vector table at linear
 * address 0. IRET follows AMD, whose manual has it in full; Intel's pseudocode of IRET knows only IOPL 3, though its §20.3.3.5
 * returns from such handlers with it.
 * Intel SDM vol. 3 §20.3.2, §20.3.3, §20.4, table 20-2; vol. 2 CLI, STI, POPF; AMD APM vol. 3 INT n, IRET.
 */
#include "cpu/vme.h"

#include "cpu/exec.h"
#include "cpu/frame.h"
#include "cpu/segment.h"

enum { TSS_IO_MAP = 0x66, BITMAP_BYTES = 32 };

static bool has_iopl(const struct vcpu *v)
{
    return v->cpl <= (v->rflags & FL_IOPL) >> 12;
}

/* CPL 3 without the privilege for IF: does VIF stand for it? */
static bool is_virtual(const struct vcpu *v)
{
    return v->cpl == 3 && (v->cr4 & (vcpu_is_v86(v) ? CR4_VME : CR4_PVI));
}

u32 vme_interrupt_flag(struct vcpu *v)
{
    if (!vcpu_is_pe(v) || has_iopl(v))
        return FL_IF;
    if (!is_virtual(v))
        vcpu_raise_err(v, VEC_GP, 0);
    return FL_VIF;
}

bool vme_flags_are_virtual(struct vcpu *v, unsigned osize)
{
    if (!vcpu_is_v86(v) || has_iopl(v))
        return false;
    if (!(v->cr4 & CR4_VME) || osize != 2)
        vcpu_raise_err(v, VEC_GP, 0);
    return true;
}

u32 vme_popped(struct vcpu *v, u32 image)
{
    if ((image & FL_TF) || ((image & FL_IF) && (v->rflags & FL_VIP)))
        vcpu_raise_err(v, VEC_GP, 0);
    return (image & ~(u32)FL_VIF) | (image & FL_IF ? FL_VIF : 0);
}

/* Is the vector's bit in the redirection bitmap clear? A TSS too short for it is #GP(0). */
static bool is_redirected(struct vcpu *v, u8 vector)
{
    const struct segreg *tr = &v->seg[SEG_TR];
    u32 offset;

    if (!tr->usable || !(tr->type & 8) || tr->limit < TSS_IO_MAP + 1)
        vcpu_raise_err(v, VEC_GP, 0);
    offset = (u32)mmu_sys_read(&v->mmu, (u32)(tr->base + TSS_IO_MAP), 2, v->cur);
    offset += vector / 8u - BITMAP_BYTES;
    if (offset > tr->limit)
        vcpu_raise_err(v, VEC_GP, 0);
    return !(mmu_sys_read(&v->mmu, (u32)(tr->base + offset), 1, v->cur) >> vector % 8 & 1);
}

bool vme_int(struct vcpu *v, u8 vector, u64 next_rip)
{
    bool iopl = has_iopl(v);
    u32 flags = vcpu_flags(v), target;
    struct frame f;

    mmu_peek_begin(&v->mmu);
    if (!(v->cr4 & CR4_VME) || !is_redirected(v, vector)) {
        if (!iopl)
            vcpu_raise_err(v, VEC_GP, 0);
        return false;
    }
    target = (u32)mmu_sys_read(&v->mmu, vector * 4u, 4, v->cur);
    if (!iopl)
        flags = (flags & ~(u32)FL_IF) | FL_IOPL | (flags & FL_VIF ? FL_IF : 0);
    frame_begin(v, &f, 0);
    frame_push(v, &f, flags, 2);
    frame_push(v, &f, v->seg[SEG_CS].sel, 2);
    frame_push(v, &f, next_rip, 2);

    frame_commit(v, &f);
    v->r[R_SP] = frame_sp(&f, v->r[R_SP]);
    segment_set_real(&v->seg[SEG_CS], target >> 16, true);
    v->rip = target & 0xffff;
    v->rflags &= ~(u32)(FL_TF | FL_RF | (iopl ? FL_IF : FL_VIF));
    v->step_tf = false;
    mmu_peek_end(&v->mmu);
    vcpu_update_mode(v);
    return true;
}

void vme_check_pending(struct vcpu *v)
{
    if ((v->rflags & (FL_VIF | FL_VIP)) != (FL_VIF | FL_VIP) || has_iopl(v) || !is_virtual(v))
        return;
    v->fault = (struct exception){.vector = VEC_GP, .has_error = true};
    v->fault_pending = true;
    participant_kick(&v->p);
}
