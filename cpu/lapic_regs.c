/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's registers as the guest reaches them: the xAPIC page (Intel SDM vol. 3 §11.4.1),
 * the x2APIC MSRs (§11.12) and IA32_APIC_BASE (§11.4.4, §11.12.1).
 *
 * One set of registers serves both modes: an xAPIC offset is an x2APIC MSR's number above 0x800
 * times 16. What the modes forbid differs: an xAPIC access to nothing is an error in ESR, an x2APIC
 * one raises #GP(0) and changes nothing.
 */
#include "cpu/cpuid.h"
#include "cpu/lapic.h"
#include "cpu/lapic_internal.h"

#define VERSION (0x14u | (LVT_COUNT - 1) << 16)

/* Registers by number: xAPIC offset / 16 = x2APIC MSR - 0x800. */
enum {
    REG_ID = 0x02,
    REG_VERSION = 0x03,
    REG_TPR = 0x08,
    REG_APR = 0x09,
    REG_PPR = 0x0a,
    REG_EOI = 0x0b,
    REG_RRD = 0x0c,
    REG_LDR = 0x0d,
    REG_DFR = 0x0e,
    REG_SVR = 0x0f,
    REG_ISR = 0x10,
    REG_TMR = 0x18,
    REG_IRR = 0x20,
    REG_ESR = 0x28,
    REG_ICR = 0x30,
    REG_ICR_HIGH = 0x31,
    REG_LVT = 0x32,
    REG_LVT_ERROR = 0x37,
    REG_INITIAL = 0x38,
    REG_CURRENT = 0x39,
    REG_DIVIDE = 0x3e,
    REG_SELF_IPI = 0x3f,
};

/* Writable bits of the LVT entries, in register order. */
static const u32 lvt_writable[LVT_COUNT] = {0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff};

/* --- Registers
 * ------------------------------------------------------------------------------------- */

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
    case REG_PPR: return lapic_processor_priority(l);
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
    case REG_EOI: lapic_end_of_interrupt(v); break;
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
        lapic_raise_error(v, ESR_ILLEGAL_REGISTER);
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
        lapic_raise_error(v, ESR_ILLEGAL_REGISTER);
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
        lapic_send_ipi(v, l->icr);
        break;
    case REG_ICR_HIGH: l->icr = (u32)l->icr | (u64)(value32 & 0xff000000) << 32; break;
    default: write_register(v, reg, value32); break;
    }
}

static _Noreturn void refuse(struct vcpu *v)
{
    vcpu_raise_err(v, VEC_GP, 0);
}

static void write_apic_base(struct vcpu *v, u64 value)
{
    u64 modes = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
    u64 old = v->apic_base & modes, now = value & modes;
    u64 reserved = ~(mask64(CPUID_PHYS_BITS) & MMU_PAGE_MASK) & ~(modes | APIC_BASE_BSP);

    if (!cpu_has(v->model, FEAT_X2APIC))
        reserved |= APIC_BASE_X2APIC;
    /* x2APIC mode without the enable bit is invalid; it is entered from xAPIC mode, and left by
     * disabling. */
    if ((value & reserved) || now == APIC_BASE_X2APIC || (now == modes && !old) ||
        (old == modes && now == APIC_BASE_ENABLE))
        refuse(v);
    v->apic_base = value;
    if (old && !now)
        lapic_reset_registers(v);
    apic_map_update(v);
    lapic_place_page(v);
}

static bool exists_in_x2apic(unsigned reg)
{
    return exists_in_xapic(reg) && reg != REG_APR && reg != REG_RRD && reg != REG_DFR &&
           reg != REG_ICR_HIGH;
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

/* Bits that a write may have set, of which delivery status and remote IRR are read-only (kernels that hand the machine on, Xen and
 * Linux among them, write them as ones); 0: EOI, ESR take nothing but 0; ~0 for what is refused before. */
static u64 x2apic_writable(unsigned reg)
{
    switch (reg) {
    case REG_TPR:
    case REG_SELF_IPI: return 0xff;
    case REG_SVR: return 0x3ff;
    case REG_ICR: return 0xffffffff000ccfffu;
    case REG_LVT + LVT_LINT0:
    case REG_LVT + LVT_LINT1: return lvt_writable[LVT_LINT0] | 0x5000;
    case REG_LVT ... REG_LVT + LVT_LINT0 - 1:
    case REG_LVT_ERROR: return lvt_writable[reg - REG_LVT] | 0x1000;
    case REG_INITIAL: return 0xffffffff;
    case REG_DIVIDE: return 11;
    }
    return 0;
}

static bool is_read_only(unsigned reg)
{
    return reg == REG_ID || reg == REG_VERSION || reg == REG_PPR || reg == REG_LDR ||
           reg == REG_CURRENT || (reg >= REG_ISR && reg < REG_ESR);
}

static void write_x2apic(struct vcpu *v, unsigned reg, u64 value)
{
    bool exists = exists_in_x2apic(reg) || reg == REG_SELF_IPI;

    if (!lapic_is_x2apic(v) || !exists || is_read_only(reg) || (value & ~x2apic_writable(reg)))
        refuse(v);
    switch (reg) {
    case REG_ICR:
        v->lapic->icr = value & ~BIT(12);
        lapic_send_ipi(v, value);
        break;
    case REG_SELF_IPI: lapic_send_ipi(v, 1u << 18 | (u8)value); break;
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
