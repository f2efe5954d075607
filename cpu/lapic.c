/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's registers and its acceptance of interrupts (Intel SDM vol. 3 ch. 11: §11.4 registers, §11.5 LVT and
 * errors, §11.6 ICR, §11.8 priorities and EOI, §11.9 spurious, §11.12 x2APIC).
 *
 * One set of registers serves both modes; an xAPIC offset is an x2APIC MSR number times 16. Only the owner changes
 * anything here. A message to itself (self IPI, or an ICR destination that includes the sender) is accepted at
 * once; one to another goes through its mailbox (trace/ipi.h).
 *
 * Limits: no CMCI entry (max LVT entry 5), no EOI broadcast suppression, SMI has nowhere to go and is dropped, the
 * APIC id is read-only. DEVIATION: IPIs are always edge-triggered, as on all processors since the Pentium 4; INIT
 * level de-assert does nothing.
 */
#include "cpu/lapic.h"

#include <errno.h>
#include <stdlib.h>

#define LVT_MASKED 0x10000u
#define LVT_LEVEL 0x8000u
#define VERSION (0x14u | (LVT_COUNT - 1) << 16)

/* Registers by number: xAPIC offset / 16 = x2APIC MSR - 0x800. */
enum {
    REG_ID = 0x02, REG_VERSION = 0x03, REG_TPR = 0x08, REG_APR = 0x09, REG_PPR = 0x0a, REG_EOI = 0x0b, REG_RRD = 0x0c,
    REG_LDR = 0x0d, REG_DFR = 0x0e, REG_SVR = 0x0f, REG_ISR = 0x10, REG_TMR = 0x18, REG_IRR = 0x20, REG_ESR = 0x28,
    REG_ICR = 0x30, REG_ICR_HIGH = 0x31, REG_LVT = 0x32, REG_LVT_ERROR = 0x37, REG_INITIAL = 0x38, REG_CURRENT = 0x39,
    REG_DIVIDE = 0x3e, REG_SELF_IPI = 0x3f,
};
enum { ESR_SEND_ILLEGAL = 1 << 5, ESR_RECEIVE_ILLEGAL = 1 << 6, ESR_ILLEGAL_REGISTER = 1 << 7 };

/* Writable bits of the LVT entries, in register order. */
static const u32 lvt_writable[LVT_COUNT] = {0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff};

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

static void reset_registers(struct vcpu *v)
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
static void place_page(struct vcpu *v)
{
    u64 at = lapic_is_enabled(v) && !lapic_is_x2apic(v) ? v->apic_base & MMU_PAGE_MASK : ~0ull;

    if (v->mmu.local_gpa == at)
        return;
    v->mmu.local_gpa = at;
    if (v->mmu.tlb)
        mmu_flush_all(&v->mmu);
}

void lapic_reset(struct vcpu *v, bool bsp)
{
    v->apic_base = LAPIC_BASE_DEFAULT | APIC_BASE_ENABLE | (bsp ? APIC_BASE_BSP : 0);
    v->lapic->lint0 = false;
    reset_registers(v);
    place_page(v);
}

void lapic_init_signal(struct vcpu *v)
{
    reset_registers(v);
}

void lapic_set_virtual_wire(struct vcpu *v)
{
    struct lapic *l = v->lapic;

    l->svr = LAPIC_SVR_ENABLED | 0xff;
    l->lvt[LVT_LINT0] = IPI_EXTINT << 8;
    l->lvt[LVT_LINT1] = IPI_NMI << 8;
    apic_map_update(v);
}

/* --- Vector bitmaps -------------------------------------------------------------------------------- */

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

/* --- Accepting ------------------------------------------------------------------------------------- */

static void raise_error(struct vcpu *v, u32 bit)
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
            raise_error(v, ESR_RECEIVE_ILLEGAL);
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

static u8 processor_priority(const struct lapic *l)
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
    return (vector & 0xf0) > (processor_priority(l) & 0xf0) ? vector : LAPIC_NONE;
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

static void end_of_interrupt(struct vcpu *v)
{
    struct lapic *l = v->lapic;
    int vector = highest(l->isr);

    if (vector < 0)
        return;
    clear_bit(l->isr, (u8)vector);
    if (has_bit(l->tmr, (u8)vector) && l->eoi_broadcast)
        l->eoi_broadcast(l->opaque, &v->p, (u8)vector);
}

/* --- Sending --------------------------------------------------------------------------------------- */

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

static void send_ipi(struct vcpu *v, u64 icr)
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
        raise_error(v, ESR_SEND_ILLEGAL);
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

/* --- Registers ------------------------------------------------------------------------------------- */

static void set_tpr(struct vcpu *v, u8 tpr)
{
    v->lapic->tpr = tpr;
    v->cr8 = tpr >> 4;
}

void lapic_set_cr8(struct vcpu *v, u64 cr8)
{
    set_tpr(v, (u8)(cr8 << 4));
}

static void write_svr(struct vcpu *v, u32 value)
{
    struct lapic *l = v->lapic;

    l->svr = value & 0x3ff;
    if (!(l->svr & LAPIC_SVR_ENABLED))
        for (unsigned i = 0; i < LVT_COUNT; i++)
            l->lvt[i] |= LVT_MASKED;
    apic_map_update(v);
}

static void write_lvt(struct vcpu *v, unsigned n, u32 value)
{
    struct lapic *l = v->lapic;

    value &= lvt_writable[n];
    if (!(l->svr & LAPIC_SVR_ENABLED))
        value |= LVT_MASKED;
    if (n == LVT_TIMER)
        lapic_timer_write_lvt(v, value);
    else
        l->lvt[n] = value;
}

static void write_esr(struct lapic *l)
{
    l->esr = l->errors;
    l->errors = 0;
}

/* A register that both modes share. */
static u32 read_register(struct vcpu *v, unsigned reg)
{
    const struct lapic *l = v->lapic;

    switch (reg) {
    case REG_VERSION: return VERSION;
    case REG_TPR: return l->tpr;
    case REG_PPR: return processor_priority(l);
    case REG_SVR: return l->svr;
    case REG_ISR ... REG_ISR + 7: return l->isr[reg - REG_ISR];
    case REG_TMR ... REG_TMR + 7: return l->tmr[reg - REG_TMR];
    case REG_IRR ... REG_IRR + 7: return l->irr[reg - REG_IRR];
    case REG_ESR: return l->esr;
    case REG_LVT ... REG_LVT_ERROR: return l->lvt[reg - REG_LVT];
    case REG_INITIAL: return l->initial;
    case REG_CURRENT: return lapic_timer_current(v);
    case REG_DIVIDE: return l->divide;
    }
    return 0;
}

static void write_register(struct vcpu *v, unsigned reg, u32 value)
{
    switch (reg) {
    case REG_TPR: set_tpr(v, (u8)value); break;
    case REG_EOI: end_of_interrupt(v); break;
    case REG_SVR: write_svr(v, value); break;
    case REG_ESR: write_esr(v->lapic); break;
    case REG_LVT ... REG_LVT_ERROR: write_lvt(v, reg - REG_LVT, value); break;
    case REG_INITIAL: lapic_timer_write_initial(v, value); break;
    case REG_DIVIDE: lapic_timer_write_divide(v, value); break;
    default: break; /* read-only */
    }
}

/* Does an xAPIC have something at this register? Others are illegal addresses (ESR bit 7). */
static bool exists_in_xapic(unsigned reg)
{
    switch (reg) {
    case REG_ID:
    case REG_VERSION:
    case REG_TPR ... REG_ESR:
    case REG_ICR ... REG_CURRENT:
    case REG_DIVIDE: return true;
    }
    return false;
}

u64 lapic_mmio_read(struct vcpu *v, u32 offset, unsigned size)
{
    const struct lapic *l = v->lapic;
    unsigned reg = offset >> 4;

    if (size != 4 || (offset & 15))
        return 0;
    if (!exists_in_xapic(reg)) {
        raise_error(v, ESR_ILLEGAL_REGISTER);
        return 0;
    }
    switch (reg) {
    case REG_ID: return v->id << 24;
    case REG_LDR: return (u32)l->ldr << 24;
    case REG_DFR: return l->dfr;
    case REG_ICR: return (u32)l->icr;
    case REG_ICR_HIGH: return l->icr >> 32;
    }
    return read_register(v, reg);
}

void lapic_mmio_write(struct vcpu *v, u32 offset, unsigned size, u64 value)
{
    struct lapic *l = v->lapic;
    unsigned reg = offset >> 4;
    u32 value32 = (u32)value;

    if (size != 4 || (offset & 15))
        return;
    if (!exists_in_xapic(reg)) {
        raise_error(v, ESR_ILLEGAL_REGISTER);
        return;
    }
    switch (reg) {
    case REG_LDR:
        l->ldr = value32 >> 24;
        apic_map_update(v);
        break;
    case REG_DFR:
        l->dfr = value32 | 0x0fffffff;
        apic_map_update(v);
        break;
    case REG_ICR:
        l->icr = (l->icr & ~0xffffffffull) | (value32 & 0xccfff);
        send_ipi(v, l->icr);
        break;
    case REG_ICR_HIGH: l->icr = (u32)l->icr | (u64)(value32 & 0xff000000) << 32; break;
    default: write_register(v, reg, value32); break;
    }
}

/* --- MSRs ------------------------------------------------------------------------------------------ */

static _Noreturn void refuse(struct vcpu *v)
{
    vcpu_raise_err(v, VEC_GP, 0);
}

static void write_apic_base(struct vcpu *v, u64 value)
{
    u64 modes = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
    u64 old = v->apic_base & modes, now = value & modes;
    u64 reserved = ~(mask64(LAPIC_PHYS_BITS) & MMU_PAGE_MASK) & ~(modes | APIC_BASE_BSP);

    /* x2APIC mode without the enable bit is invalid; it is entered from xAPIC mode, and left by disabling. */
    if ((value & reserved) || now == APIC_BASE_X2APIC || (now == modes && !old) ||
        (old == modes && now == APIC_BASE_ENABLE))
        refuse(v);
    v->apic_base = value;
    if (old && !now)
        reset_registers(v);
    apic_map_update(v);
    place_page(v);
}

static bool exists_in_x2apic(unsigned reg)
{
    return exists_in_xapic(reg) && reg != REG_APR && reg != REG_RRD && reg != REG_DFR && reg != REG_ICR_HIGH;
}

static u64 read_x2apic(struct vcpu *v, unsigned reg)
{
    if (!lapic_is_x2apic(v) || !exists_in_x2apic(reg) || reg == REG_EOI)
        refuse(v);
    switch (reg) {
    case REG_ID: return v->id;
    case REG_LDR: return lapic_x2apic_ldr(v->id);
    case REG_ICR: return v->lapic->icr;
    }
    return read_register(v, reg);
}

/* Bits that a write may have set; 0: EOI, ESR take nothing but 0; ~0 for what is refused before. */
static u64 x2apic_writable(unsigned reg)
{
    switch (reg) {
    case REG_TPR:
    case REG_SELF_IPI: return 0xff;
    case REG_SVR: return 0x3ff;
    case REG_ICR: return 0xffffffff000ccfffu;
    case REG_LVT ... REG_LVT_ERROR: return lvt_writable[reg - REG_LVT] | 0x1000;
    case REG_INITIAL: return 0xffffffff;
    case REG_DIVIDE: return 11;
    }
    return 0;
}

static bool is_read_only(unsigned reg)
{
    return reg == REG_ID || reg == REG_VERSION || reg == REG_PPR || reg == REG_LDR || reg == REG_CURRENT ||
           (reg >= REG_ISR && reg < REG_ESR);
}

static void write_x2apic(struct vcpu *v, unsigned reg, u64 value)
{
    bool exists = exists_in_x2apic(reg) || reg == REG_SELF_IPI;

    if (!lapic_is_x2apic(v) || !exists || is_read_only(reg) || (value & ~x2apic_writable(reg)))
        refuse(v);
    switch (reg) {
    case REG_ICR:
        v->lapic->icr = value & ~BIT(12);
        send_ipi(v, value);
        break;
    case REG_SELF_IPI: send_ipi(v, 1u << 18 | (u8)value); break;
    default: write_register(v, reg, (u32)value); break;
    }
}

u64 lapic_msr_read(struct vcpu *v, u32 msr)
{
    switch (msr) {
    case 0x1b: return v->apic_base;
    case 0x6e0: return lapic_timer_read_tsc_deadline(v);
    }
    return read_x2apic(v, msr - 0x800);
}

void lapic_msr_write(struct vcpu *v, u32 msr, u64 value)
{
    switch (msr) {
    case 0x1b: write_apic_base(v, value); break;
    case 0x6e0: lapic_timer_write_tsc_deadline(v, value); break;
    default: write_x2apic(v, msr - 0x800, value); break;
    }
}

/* --- Digest ---------------------------------------------------------------------------------------- */

static u64 fold(u64 digest, u64 value)
{
    digest = (digest ^ value) * 0x9e3779b97f4a7c15u;
    return digest ^ digest >> 29;
}

u64 lapic_digest(const struct vcpu *v, u64 seed)
{
    const struct lapic *l = v->lapic;

    for (unsigned i = 0; i < 8; i++)
        seed = fold(fold(seed, l->irr[i] | (u64)l->isr[i] << 32), l->tmr[i]);
    for (unsigned i = 0; i < LVT_COUNT; i++)
        seed = fold(seed, l->lvt[i]);
    seed = fold(fold(seed, l->icr), l->svr | (u64)l->dfr << 32);
    seed = fold(seed, l->ldr | (u64)l->tpr << 8 | (u64)l->lint0 << 16 | (u64)l->extint << 17);
    seed = fold(fold(seed, l->esr | (u64)l->errors << 32), l->divide | (u64)l->initial << 32);
    return fold(fold(fold(seed, l->deadline), v->tsc_deadline), v->apic_base);
}
