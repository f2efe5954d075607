/* SPDX-License-Identifier: MIT */
/*
 * Comparing what the host and an engine made of one state: everything, but for what form_classify() says the manual leaves
 * open of the instruction (of a stream: of the one that ended it).
 */
#include <stdio.h>

#include "tests/forms/forms.h"

static void differs(struct form_difference *d, const char *what, unsigned i, u64 host, u64 guest)
{
    size_t used;

    if (host == guest || d->n++ >= FORM_FIELDS_MAX)
        return;
    used = strlen(d->text);
    snprintf(d->text + used, sizeof(d->text) - used, "    %s%u: host %#lx, x86sim %#lx\n", what, i,
             host, guest);
}

static void compare_x87(struct form_difference *d, const struct native_fx *h,
                        const struct native_fx *g)
{
    differs(d, "fcw ", 0, h->fcw, g->fcw);
    differs(d, "fsw ", 0, h->fsw, g->fsw);
    differs(d, "ftw ", 0, h->ftw, g->ftw);
    for (unsigned i = 0; i < 8; i++) {
        differs(d, "mantissa of st", i, h->st[i].mant, g->st[i].mant);
        differs(d, "exponent of st", i, h->st[i].se, g->st[i].se);
    }
}

static void compare_sse(struct form_difference *d, const struct form_state *h,
                        const struct form_state *g)
{
    differs(d, "mxcsr ", 0, h->fx.mxcsr, g->fx.mxcsr);
    for (unsigned i = 0; i < 32; i++) {
        differs(d, i & 1 ? "high half of xmm" : "low half of xmm", i / 2, h->fx.xmm[i / 2].q[i & 1],
                g->fx.xmm[i / 2].q[i & 1]);
        differs(d, i & 1 ? "bits 255:192 of ymm" : "bits 191:128 of ymm", i / 2,
                h->ymmh[i / 2].q[i & 1], g->ymmh[i / 2].q[i & 1]);
    }
}

/* Addresses above the user's half: Linux hides from SIGSEGV whether they are mapped. */
static u32 error_mask(u64 cr2)
{
    return cr2 >= 0x7ffffffff000 ? ~1u : ~0u;
}

static bool is_memory_fault(int vector)
{
    return vector == VEC_PF || vector == VEC_GP || vector == VEC_SS || vector == VEC_AC;
}

/* Did a not fault where b did? */
static bool went_on(const struct form_outcome *a, const struct form_outcome *b)
{
    return a->vector < 0 || a->s.rip != b->s.rip;
}

void form_compare(struct form_difference *d, const struct form_outcome *h,
                  const struct form_outcome *g, const struct form_class *class)
{
    bool late = h->vector >= 0 && class->fault_shows;

    if (class->piecewise && is_memory_fault(h->vector) && is_memory_fault(g->vector))
        return;
    /* Which of two operands is looked at first, if one is unaligned and the other not mapped. */
    if ((h->vector == VEC_AC && g->vector == VEC_PF) ||
        (h->vector == VEC_PF && g->vector == VEC_AC))
        return;
    /* An unaligned operand at the limit of 4 GiB: the manual leaves open whether it wraps. */
    if (class->may_wrap && (h->vector == VEC_GP || h->vector == VEC_SS) &&
        (g->vector == VEC_PF || g->vector == VEC_AC))
        return;
    if (class->misaligned_mxcsr && went_on(h, g) && g->vector == VEC_GP)
        return;
    if (class->may_ignore && h->vector != VEC_AC && is_memory_fault(h->vector) && went_on(g, h))
        return;
    if (class->offset_too && h->vector == VEC_GP && g->vector == VEC_PF)
        return;
    if (class->no_ac && h->vector == VEC_AC)
        return;
    /* The guest's page tables, which it cannot reach and the host can read. */
    if (g->vector == VEC_PF && g->cr2 - FORM_TABLES < FORM_TABLES_SIZE)
        return;
    /* Invalid bytes with a memory operand: the host may look at it first. */
    if (!class->mnemonic && is_memory_fault(h->vector) && g->vector == VEC_UD)
        return;
    differs(d, "vector ", 0, (u64)(i64)h->vector, (u64)(i64)g->vector);
    if (h->vector != g->vector)
        return;
    if (h->vector == VEC_PF) {
        differs(d, "CR", 2, h->cr2, g->cr2);
        differs(d, "error code ", 0, h->error & error_mask(h->cr2), g->error & error_mask(h->cr2));
    } else {
        differs(d, "error code ", 0, h->error, g->error);
    }
    differs(d, "rip ", 0, h->s.rip, g->s.rip);
    differs(d, "flags ", 0, h->s.flags & ~class->undefined_flags,
            g->s.flags & ~class->undefined_flags);
    for (unsigned i = 0; !late && i < 16; i++)
        differs(d, "r", i, h->s.gpr[i], g->s.gpr[i]);
    differs(d, "fs base ", 0, h->s.fs_base, g->s.fs_base);
    differs(d, "gs base ", 0, h->s.gs_base, g->s.gs_base);
    if (!class->inexact_x87 && !late)
        compare_x87(d, &h->s.fx, &g->s.fx);
    if (!class->inexact_sse)
        compare_sse(d, &h->s, &g->s);
    if (late || !memcmp(h->memory, g->memory, sizeof(h->memory)))
        return;
    for (unsigned i = 0; i < sizeof(h->memory); i++)
        differs(d, "memory byte ", i, h->memory[i], g->memory[i]);
}

void form_print_state(const struct form_state *s)
{
    for (unsigned i = 0; i < 16; i++)
        printf("    r%-2u %016lx%s", i, s->gpr[i], i % 4 == 3 ? "\n" : "");
    printf("    flags %lx fs %lx gs %lx fcw %x fsw %x ftw %x mxcsr %x\n", s->flags, s->fs_base,
           s->gs_base, s->fx.fcw, s->fx.fsw, s->fx.ftw, s->fx.mxcsr);
}

void form_print_vectors(const struct form_state *s)
{
    for (unsigned i = 0; i < 16; i++)
        printf("    ymm%-2u %016lx %016lx %016lx %016lx\n", i, s->ymmh[i].q[1], s->ymmh[i].q[0],
               s->fx.xmm[i].q[1], s->fx.xmm[i].q[0]);
    for (unsigned i = 0; i < 8; i++)
        printf("    st%u %04x %016lx%s", i, s->fx.st[i].se, s->fx.st[i].mant,
               i % 4 == 3 ? "\n" : "");
}
