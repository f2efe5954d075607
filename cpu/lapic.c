/* SPDX-License-Identifier: MIT */
/*
 * The local APIC: accepting, prioritising and ending interrupts, and sending them (Intel SDM vol. 3
 * ch. 11: §11.5 LVT and errors, §11.6 ICR, §11.8 priorities and EOI, §11.9 spurious). Its registers
 * are in lapic_regs.c, its timer in lapic_timer.c.
 *
 * Only the owner changes anything here. A message to itself (self IPI, or an ICR destination that
 * includes the sender) is accepted at once; one to another goes through its mailbox (trace/ipi.h).
 *
 * Limits: no CMCI entry (max LVT entry 5), no EOI broadcast suppression, SMI has nowhere to go and
 * is dropped, the APIC id is read-only. DEVIATION: IPIs are always edge-triggered, as on all
 * processors since the Pentium 4; INIT level de-assert does nothing.
 */
#include "cpu/lapic.h"

#include <errno.h>
#include <stdlib.h>

#include "cpu/digest.h"
#include "cpu/lapic_internal.h"

int lapic_create(struct vcpu *v, struct apic_map *map)
{
    struct lapic *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    l->map = map;
    v->lapic = l;
    map->p[v->id] = &v->p;
    map->n = MAX(map->n, v->id + 1);
    return 0;
}

void lapic_destroy(struct vcpu *v)
{
    free(v->lapic);
    v->lapic = NULL;
}

void lapic_reset_registers(struct vcpu *v)
{
    struct lapic *l = v->lapic;
    struct lapic fresh = {.map = l->map,
                          .eoi_broadcast = l->eoi_broadcast,
                          .opaque = l->opaque,
                          .svr = 0xff,
                          .dfr = ~0u,
                          .deadline = ~0ull,
                          .lint0 = l->lint0};

    *l = fresh;
    for (unsigned i = 0; i < LVT_COUNT; i++)
        l->lvt[i] = LVT_MASKED;
    v->cr8 = 0;
    v->tsc_deadline = 0;
    apic_map_update(v);
}

/* Where the APIC page lies; cached translations of the old and the new place go. */
void lapic_place_page(struct vcpu *v)
{
    u64 at = lapic_is_enabled(v) && !lapic_is_x2apic(v) ? v->apic_base & MMU_PAGE_MASK : ~0ull;

    if (v->mmu.local_gpa == at)
        return;
    v->mmu.local_gpa = at;
    if (v->mmu.tlb)
        mmu_drop_all(&v->mmu);
}

void lapic_reset(struct vcpu *v, bool bsp)
{
    v->apic_base = LAPIC_BASE_DEFAULT | APIC_BASE_ENABLE | (bsp ? APIC_BASE_BSP : 0);
    v->lapic->lint0 = false;
    lapic_reset_registers(v);
    lapic_place_page(v);
}

void lapic_init_signal(struct vcpu *v)
{
    lapic_reset_registers(v);
}

void lapic_set_virtual_wire(struct vcpu *v)
{
    struct lapic *l = v->lapic;

    l->svr = LAPIC_SVR_ENABLED | 0xff;
    l->lvt[LVT_LINT0] = IPI_EXTINT << 8;
    l->lvt[LVT_LINT1] = IPI_NMI << 8;
    apic_map_update(v);
}

/* --- Vector bitmaps
 * -------------------------------------------------------------------------------- */

static int highest(const u32 bitmap[8])
{
    for (int i = 7; i >= 0; i--)
        if (bitmap[i])
            return i * 32 + 31 - __builtin_clz(bitmap[i]);
    return -1;
}

static void set_bit(u32 bitmap[8], u8 n)
{
    bitmap[n / 32] |= 1u << n % 32;
}

static void clear_bit(u32 bitmap[8], u8 n)
{
    bitmap[n / 32] &= ~(1u << n % 32);
}

static bool has_bit(const u32 bitmap[8], u8 n)
{
    return bitmap[n / 32] >> n % 32 & 1;
}

/* --- Accepting
 * ------------------------------------------------------------------------------------- */

void lapic_raise_error(struct vcpu *v, u32 bit)
{
    struct lapic *l = v->lapic;
    bool is_news = !(l->errors & bit);

    l->errors |= bit;
    if (is_news)
        lapic_raise_lvt(v, LVT_ERROR);
}

static void accept_fixed(struct vcpu *v, u8 vector, bool level)
{
    struct lapic *l = v->lapic;

    if (!lapic_is_enabled(v) || !(l->svr & LAPIC_SVR_ENABLED))
        return;
    if (vector < 16) {
        /* The error entry itself may hold a bad vector: no error about an error. */
        if (vector != (u8)l->lvt[LVT_ERROR])
            lapic_raise_error(v, ESR_RECEIVE_ILLEGAL);
        else
            l->errors |= ESR_RECEIVE_ILLEGAL;
        return;
    }
    set_bit(l->irr, vector);
    if (level)
        set_bit(l->tmr, vector);
    else
        clear_bit(l->tmr, vector);
}

void lapic_raise_lvt(struct vcpu *v, enum lapic_lvt n)
{
    struct lapic *l = v->lapic;
    u32 entry = l->lvt[n];

    if (entry & LVT_MASKED)
        return;
    if (n == LVT_PERF) /* is masked by its own delivery */
        l->lvt[n] |= LVT_MASKED;
    if (n == LVT_TIMER || n == LVT_ERROR) {
        accept_fixed(v, (u8)entry, false);
        return;
    }
    switch (entry >> 8 & 7) {
    case IPI_FIXED: accept_fixed(v, (u8)entry, n == LVT_LINT0 && (entry & LVT_LEVEL)); break;
    case IPI_NMI: v->nmi_pending = true; break;
    case IPI_INIT: v->init_pending = true; break;
    default: break; /* ExtINT is looked up when it is asked for; SMI has nowhere to go */
    }
}

static void accept_intr(struct vcpu *v, bool level)
{
    struct lapic *l = v->lapic;
    bool rises = level && !l->lint0;

    l->lint0 = level;
    if (rises && lapic_is_enabled(v))
        lapic_raise_lvt(v, LVT_LINT0);
}

/* SIPI counts only for a CPU that waits for it, or is about to. */
static void accept_sipi(struct vcpu *v, u8 vector)
{
    if (v->activity != CPU_WAIT_SIPI && !v->init_pending)
        return;
    v->sipi_pending = true;
    v->sipi_vector = vector;
}

void lapic_accept(struct vcpu *v, const struct ipi *msg)
{
    switch (msg->mode) {
    case IPI_FIXED:
    case IPI_LOWEST: accept_fixed(v, msg->vector, msg->level); break;
    case IPI_NMI: v->nmi_pending = true; break;
    case IPI_INIT:
        v->init_pending = true;
        v->sipi_pending = false;
        break;
    case IPI_SIPI: accept_sipi(v, msg->vector); break;
    case IPI_EXTINT:
        if (msg->level)
            accept_intr(v, true);
        else
            v->lapic->extint = true;
        break;
    case IPI_EXTINT_LOW: accept_intr(v, false); break;
    default: break; /* SMI, INIT de-assert; a reset is not the APIC's business */
    }
}

u8 lapic_processor_priority(const struct lapic *l)
{
    int serving = highest(l->isr);
    unsigned in_service = serving < 0 ? 0 : (unsigned)serving & 0xf0;

    return (u8)((l->tpr & 0xf0u) >= in_service ? l->tpr : in_service);
}

static bool takes_extint(const struct vcpu *v)
{
    const struct lapic *l = v->lapic;
    u32 lint0 = l->lvt[LVT_LINT0];

    if (!lapic_is_enabled(v))
        return l->lint0;
    return l->extint || (l->lint0 && !(lint0 & LVT_MASKED) && (lint0 >> 8 & 7) == IPI_EXTINT);
}

int lapic_pending(const struct vcpu *v)
{
    const struct lapic *l = v->lapic;
    int vector;

    if (unlikely(l->lint0 | l->extint) && takes_extint(v))
        return LAPIC_EXTINT;
    vector = highest(l->irr);
    if (vector < 0 || !lapic_is_enabled(v))
        return LAPIC_NONE;
    return (vector & 0xf0) > (lapic_processor_priority(l) & 0xf0) ? vector : LAPIC_NONE;
}

void lapic_begin_service(struct vcpu *v, u8 vector)
{
    clear_bit(v->lapic->irr, vector);
    set_bit(v->lapic->isr, vector);
}

/* The 8259 lets INTR fall at its acknowledge, and raises it again by a message if there is more. */
void lapic_begin_extint(struct vcpu *v)
{
    v->lapic->extint = false;
    v->lapic->lint0 = false;
}

bool lapic_eoi_is_level(const struct vcpu *v)
{
    int vector = highest(v->lapic->isr);

    return vector >= 0 && has_bit(v->lapic->tmr, (u8)vector);
}

void lapic_end_of_interrupt(struct vcpu *v)
{
    struct lapic *l = v->lapic;
    int vector = highest(l->isr);

    if (vector < 0)
        return;
    clear_bit(l->isr, (u8)vector);
    if (has_bit(l->tmr, (u8)vector) && l->eoi_broadcast)
        l->eoi_broadcast(l->opaque, &v->p, (u8)vector);
}

/* --- Sending
 * --------------------------------------------------------------------------------------- */

static pmask_t icr_targets(const struct vcpu *v, u64 icr)
{
    const struct lapic *l = v->lapic;
    bool wide = lapic_is_x2apic(v);
    u32 dest = wide ? (u32)(icr >> 32) : (u32)(icr >> 56);

    switch (icr >> 18 & 3) {
    case 1: return PMASK(v->id);
    case 2: return apic_map_all(l->map);
    case 3: return apic_map_all(l->map) & ~PMASK(v->id);
    }
    return apic_map_match(l->map, dest, icr & BIT(11), wide);
}

void lapic_send_ipi(struct vcpu *v, u64 icr)
{
    struct lapic *l = v->lapic;
    struct ipi msg = {.mode = icr >> 8 & 7, .vector = (u8)icr};
    bool is_fixed = msg.mode == IPI_FIXED || msg.mode == IPI_LOWEST;
    pmask_t targets;

    /* Remote read and ExtINT cannot be sent; INIT level de-assert sends nothing any more. */
    if (msg.mode == 3 || msg.mode == IPI_EXTINT || msg.mode == IPI_SMI)
        return;
    if (msg.mode == IPI_INIT && !(icr & BIT(14)) && (icr & BIT(15)))
        return;
    if (is_fixed && msg.vector < 16) {
        lapic_raise_error(v, ESR_SEND_ILLEGAL);
        return;
    }
    targets = icr_targets(v, icr);
    if (msg.mode == IPI_LOWEST) {
        targets = apic_map_arbitrate(l->map, targets, msg.vector);
        msg.mode = IPI_FIXED;
    }
    apic_map_send(l->map, &v->p, targets & ~PMASK(v->id), &msg);
    if (targets & PMASK(v->id))
        lapic_accept(v, &msg);
}

/* ---- Digest ---------------------------------------------------------------------------------------------------------- */

u64 lapic_digest(const struct vcpu *v, u64 seed)
{
    const struct lapic *l = v->lapic;

    for (unsigned i = 0; i < 8; i++)
        seed = digest_fold(digest_fold(seed, l->irr[i] | (u64)l->isr[i] << 32), l->tmr[i]);
    for (unsigned i = 0; i < LVT_COUNT; i++)
        seed = digest_fold(seed, l->lvt[i]);
    seed = digest_fold(digest_fold(seed, l->icr), l->svr | (u64)l->dfr << 32);
    seed =
        digest_fold(seed, l->ldr | (u64)l->tpr << 8 | (u64)l->lint0 << 16 | (u64)l->extint << 17);
    seed = digest_fold(digest_fold(seed, l->esr | (u64)l->errors << 32),
                       l->divide | (u64)l->initial << 32);
    return digest_fold(digest_fold(digest_fold(seed, l->deadline), v->tsc_deadline), v->apic_base);
}
