/* SPDX-License-Identifier: MIT */
/*
 * The local APIC: registers in both modes, priorities, EOI, sending to every kind of destination,
 * timer modes, errors.
 */
#include "cpu/cpuid.h"
#include "cpu/lapic.h"
#include "cpu/lapic_internal.h"
#include "tests/device/vcpus.h"
#include "tests/lib/suite.h"

enum {
    ID = 0x20,
    VERSION = 0x30,
    TPR = 0x80,
    PPR = 0xa0,
    EOI = 0xb0,
    LDR = 0xd0,
    DFR = 0xe0,
    SVR = 0xf0,
    ISR = 0x100,
    TMR = 0x180,
    IRR = 0x200,
    ESR = 0x280,
    ICR = 0x300,
    ICR_HIGH = 0x310,
    LVT_T = 0x320,
    LVT_P = 0x340,
    LINT0 = 0x350,
    LVT_E = 0x370,
    INITIAL = 0x380,
    CURRENT = 0x390,
    DIVIDE = 0x3e0,
};

static struct fixture f;
static struct vcpus s;
static struct apic_map map;
static struct vcpu *v; /* number 0 */
static u8 eoi_vector;
static unsigned eois;

static void note_eoi(void *opaque, struct participant *by, u8 vector)
{
    (void)opaque;
    CU_ASSERT_PTR_EQUAL(by, &v->p);
    eoi_vector = vector;
    eois++;
}

static u32 get(unsigned i, u32 reg)
{
    return (u32)lapic_mmio_read(s.v[i], reg, 4);
}

static void put(unsigned i, u32 reg, u32 value)
{
    lapic_mmio_write(s.v[i], reg, 4, value);
}

static void begin(unsigned n)
{
    fixture_begin(&f);
    vcpus_begin(&s, &f, n);
    memset(&map, 0, sizeof(map));
    eois = 0;
    for (unsigned i = 0; i < n; i++) {
        CU_ASSERT_EQUAL(lapic_create(s.v[i], &map), 0);
        lapic_reset(s.v[i], i == 0);
        put(i, SVR, 0x1ff);
    }
    v = s.v[0];
    v->lapic->eoi_broadcast = note_eoi;
}

static void end(void)
{
    for (unsigned i = 0; i < s.n; i++)
        lapic_destroy(s.v[i]);
    vcpus_end(&s);
    fixture_end(&f);
}

static bool is_gp(void)
{
    return v->exc.vector == VEC_GP && v->exc.has_error && !v->exc.error;
}

/* Does the access raise #GP(0)? */
static bool refuses_read(u32 msr)
{
    if (setjmp(v->escape))
        return is_gp();
    lapic_msr_read(v, msr);
    return false;
}

static bool refuses_write(u32 msr, u64 value)
{
    if (setjmp(v->escape))
        return is_gp();
    lapic_msr_write(v, msr, value);
    return false;
}

static void fixed(unsigned i, u8 vector, bool level)
{
    lapic_accept(s.v[i], &(struct ipi){.mode = IPI_FIXED, .vector = vector, .level = level});
}

static void reset_values(void)
{
    begin(3);
    lapic_reset(v, true);
    CU_ASSERT_EQUAL(v->apic_base, 0xfee00900);
    CU_ASSERT_EQUAL(s.v[2]->apic_base, 0xfee00800);
    CU_ASSERT_EQUAL(v->mmu.local_gpa, 0xfee00000);
    CU_ASSERT_EQUAL(get(2, ID), 0x02000000);
    CU_ASSERT_EQUAL(get(0, VERSION), 0x00050014);
    CU_ASSERT_EQUAL(get(0, SVR), 0xff);
    CU_ASSERT_EQUAL(get(0, DFR), 0xffffffff);
    CU_ASSERT_EQUAL(get(0, LDR), 0);
    for (u32 reg = LVT_T; reg <= LVT_E; reg += 16)
        CU_ASSERT_EQUAL(get(0, reg), 0x10000);
    CU_ASSERT_EQUAL(get(0, INITIAL) | get(0, CURRENT) | get(0, DIVIDE) | get(0, TPR) | get(0, ICR),
                    0);
    CU_ASSERT_EQUAL(lapic_pending(v), LAPIC_NONE);
    end();
}

static void priorities_decide_what_is_delivered(void)
{
    begin(1);
    fixed(0, 0x31, false);
    fixed(0, 0x52, false);
    fixed(0, 0x58, false);
    CU_ASSERT_EQUAL(lapic_pending(v), 0x58);
    put(0, TPR, 0x50);
    CU_ASSERT_EQUAL(lapic_pending(v), LAPIC_NONE); /* the same class is not above */
    CU_ASSERT_EQUAL(v->cr8, 5);
    lapic_set_cr8(v, 4);
    CU_ASSERT_EQUAL(get(0, TPR), 0x40);
    CU_ASSERT_EQUAL(lapic_pending(v), 0x58);
    lapic_begin_service(v, 0x58);
    CU_ASSERT_EQUAL(get(0, PPR), 0x50);
    CU_ASSERT_EQUAL(get(0, ISR + 0x20), 1u << 24);
    CU_ASSERT_EQUAL(get(0, IRR + 0x20), 1u << 18);
    CU_ASSERT_EQUAL(lapic_pending(v), LAPIC_NONE); /* 0x52 waits for 0x58 */
    put(0, TPR, 0x53);
    CU_ASSERT_EQUAL(get(0, PPR), 0x53); /* equal classes: TPR's sub-class shows */
    put(0, TPR, 0x40);
    fixed(0, 0x60, false);
    CU_ASSERT_EQUAL(lapic_pending(v), 0x60);
    lapic_begin_service(v, 0x60);
    put(0, EOI, 0);
    CU_ASSERT_EQUAL(get(0, PPR), 0x50);
    put(0, EOI, 0);
    CU_ASSERT_EQUAL(get(0, PPR), 0x40);
    CU_ASSERT_EQUAL(lapic_pending(v), 0x52);
    put(0, TPR, 0x5f); /* the whole of TPR shows in PPR */
    CU_ASSERT_EQUAL(get(0, PPR), 0x5f);
    end();
}

static void eoi_of_a_level_is_broadcast(void)
{
    begin(1);
    fixed(0, 0x40, true);
    CU_ASSERT_EQUAL(get(0, TMR + 0x20), 1);
    CU_ASSERT_FALSE(lapic_eoi_is_level(v));
    lapic_begin_service(v, 0x40);
    CU_ASSERT_TRUE(lapic_eoi_is_level(v));
    put(0, EOI, 0);
    CU_ASSERT_EQUAL(eois, 1);
    CU_ASSERT_EQUAL(eoi_vector, 0x40);
    put(0, EOI, 0); /* nothing in service */
    fixed(0, 0x40, false);
    CU_ASSERT_EQUAL(get(0, TMR + 0x20), 0);
    lapic_begin_service(v, 0x40);
    CU_ASSERT_FALSE(lapic_eoi_is_level(v));
    put(0, EOI, 0);
    CU_ASSERT_EQUAL(eois, 1);
    end();
}

static void software_disabled_takes_nmi_and_init_only(void)
{
    begin(1);
    put(0, LINT0, 0x700);
    put(0, SVR, 0xff);
    CU_ASSERT_EQUAL(get(0, LINT0), 0x10700);
    put(0, LINT0, 0x700);
    CU_ASSERT_EQUAL(get(0, LINT0), 0x10700); /* stays masked */
    fixed(0, 0x40, false);
    CU_ASSERT_EQUAL(lapic_pending(v), LAPIC_NONE);
    lapic_accept(v, &(struct ipi){.mode = IPI_NMI});
    CU_ASSERT_TRUE(v->nmi_pending);
    lapic_accept(v, &(struct ipi){.mode = IPI_INIT});
    CU_ASSERT_TRUE(v->init_pending);
    end();
}

static void sipi_counts_after_init_only(void)
{
    begin(1);
    v->activity = CPU_RUNNING;
    lapic_accept(v, &(struct ipi){.mode = IPI_SIPI, .vector = 0x9a});
    CU_ASSERT_FALSE(v->sipi_pending);
    lapic_accept(v, &(struct ipi){.mode = IPI_INIT});
    lapic_accept(v, &(struct ipi){.mode = IPI_SIPI, .vector = 0x9a});
    CU_ASSERT_TRUE(v->sipi_pending);
    CU_ASSERT_EQUAL(v->sipi_vector, 0x9a);
    v->init_pending = v->sipi_pending = false;
    v->activity = CPU_WAIT_SIPI;
    lapic_accept(v, &(struct ipi){.mode = IPI_SIPI, .vector = 0x08});
    CU_ASSERT_EQUAL(v->sipi_vector, 8);
    end();
}

/* The set of vCPUs with vector 0x55 in IRR; clears it. */
static u32 reached(void)
{
    u32 set = 0;

    for (unsigned i = 0; i < s.n; i++) {
        vcpus_deliver(&s, i);
        if (s.v[i]->lapic->irr[2] & (1u << 0x15))
            set |= 1u << i;
        s.v[i]->lapic->irr[2] = 0;
    }
    return set;
}

static u32 send(u8 dest, u32 icr)
{
    put(0, ICR_HIGH, (u32)dest << 24);
    put(0, ICR, icr | 0x55);
    return reached();
}

static void physical_destinations_and_shorthands(void)
{
    begin(5);
    CU_ASSERT_EQUAL(send(3, 0x4000), 0x08);
    CU_ASSERT_EQUAL(send(0, 0x4000), 0x01);
    CU_ASSERT_EQUAL(send(9, 0x4000), 0);
    CU_ASSERT_EQUAL(send(0xff, 0x4000), 0x1f);
    CU_ASSERT_EQUAL(send(3, 0x44000), 0x01);
    CU_ASSERT_EQUAL(send(3, 0x84000), 0x1f);
    CU_ASSERT_EQUAL(send(3, 0xc4000), 0x1e);
    CU_ASSERT_EQUAL(get(0, ICR), 0xc4055); /* delivery status idle */
    end();
}

static void logical_flat_and_cluster(void)
{
    begin(5);
    for (unsigned i = 0; i < 5; i++)
        put(i, LDR, 1u << (24 + i));
    CU_ASSERT_EQUAL(send(0x16, 0x4800), 0x16);
    CU_ASSERT_EQUAL(send(0xff, 0x4800), 0x1f);
    /* Clusters: 0 and 1 in cluster 1, 2 to 4 in cluster 2. */
    for (unsigned i = 0; i < 5; i++) {
        put(i, DFR, 0x0fffffff);
        put(i, LDR, (i < 2 ? 0x10u | 1u << i : 0x20u | 1u << (i - 2)) << 24);
    }
    CU_ASSERT_EQUAL(send(0x13, 0x4800), 0x03);
    CU_ASSERT_EQUAL(send(0x25, 0x4800), 0x14);
    CU_ASSERT_EQUAL(send(0x33, 0x4800), 0);
    CU_ASSERT_EQUAL(send(0xf1, 0x4800), 0x05); /* member 1 of every cluster */
    CU_ASSERT_EQUAL(send(0xff, 0x4800), 0x1f);
    end();
}

static void lowest_priority_picks_one_by_vector(void)
{
    u32 first, seen = 0;

    begin(4);
    for (unsigned i = 0; i < 4; i++)
        put(i, LDR, 1u << (24 + i));
    first = send(0x0e, 0x4900);
    CU_ASSERT_EQUAL(__builtin_popcount(first), 1);
    CU_ASSERT_NOT_EQUAL(first & 0x0e, 0);
    fixed(1, 0xf0, false); /* the live state of others has no say */
    CU_ASSERT_EQUAL(send(0x0e, 0x4900), first);
    for (u8 vector = 0x60; vector < 0x63; vector++)
        seen |= (u32)apic_map_arbitrate(&map, 0x0e, vector);
    CU_ASSERT_EQUAL(seen, 0x0e);
    put(1, SVR, 0xff); /* software disabled: not a candidate */
    for (u8 vector = 0x60; vector < 0x68; vector++)
        CU_ASSERT_EQUAL((u32)apic_map_arbitrate(&map, 0x0e, vector) & 0x02, 0);
    CU_ASSERT(apic_map_arbitrate(&map, 0, 0x60) == 0);
    end();
}

static void init_sipi_nmi_travel_and_deassert_does_not(void)
{
    begin(3);
    for (unsigned i = 0; i < 3; i++)
        s.v[i]->activity = CPU_RUNNING;
    put(0, ICR_HIGH, 2u << 24);
    put(0, ICR, 0x8500); /* INIT level de-assert */
    CU_ASSERT_EQUAL(vcpus_deliver(&s, 2), 0);
    put(0, ICR, 0xc500);
    CU_ASSERT_EQUAL(vcpus_deliver(&s, 2), 1);
    CU_ASSERT_TRUE(s.v[2]->init_pending);
    put(0, ICR, 0x4608);
    vcpus_deliver(&s, 2);
    CU_ASSERT_EQUAL(s.v[2]->sipi_vector, 8);
    put(0, ICR, 0xc4400);
    CU_ASSERT_EQUAL(vcpus_deliver(&s, 1), 1);
    CU_ASSERT_TRUE(s.v[1]->nmi_pending);
    CU_ASSERT_FALSE(v->nmi_pending);
    end();
}

static void bad_vectors_are_errors(void)
{
    begin(2);
    put(0, LVT_E, 0x77);
    put(0, ICR_HIGH, 1u << 24);
    put(0, ICR, 0x4005);
    CU_ASSERT_EQUAL(vcpus_deliver(&s, 1), 0);
    CU_ASSERT_EQUAL(get(0, ESR), 0);
    put(0, ESR, 0);
    CU_ASSERT_EQUAL(get(0, ESR), 0x20);
    CU_ASSERT_EQUAL(lapic_pending(v), 0x77);
    put(0, ESR, 0);
    CU_ASSERT_EQUAL(get(0, ESR), 0);
    fixed(0, 3, false);
    put(0, ESR, 0);
    CU_ASSERT_EQUAL(get(0, ESR), 0x40);
    get(0, 0x40); /* no register here */
    put(0, ESR, 0);
    CU_ASSERT_EQUAL(get(0, ESR), 0x80);
    end();
}

static void timer_one_shot(void)
{
    begin(1);
    put(0, DIVIDE, 0x0b); /* by 1 */
    put(0, LVT_T, 0x40);
    put(0, INITIAL, 1000000);
    CU_ASSERT_EQUAL(lapic_next_deadline(v), f.now + MS);
    fixture_skip(&f, 400 * US);
    CU_ASSERT_EQUAL(get(0, CURRENT), 600000);
    lapic_timer_expire(v, journal_clock_ns(&v->p)); /* not yet */
    CU_ASSERT_EQUAL(lapic_pending(v), LAPIC_NONE);
    fixture_skip(&f, 600 * US);
    lapic_timer_expire(v, journal_clock_ns(&v->p));
    CU_ASSERT_EQUAL(lapic_pending(v), 0x40);
    CU_ASSERT_EQUAL(get(0, CURRENT), 0);
    CU_ASSERT_EQUAL(lapic_next_deadline(v), ~0ull);
    CU_ASSERT_EQUAL(get(0, INITIAL), 1000000);
    put(0, INITIAL, 5000);
    put(0, INITIAL, 0); /* stops it */
    CU_ASSERT_EQUAL(lapic_next_deadline(v), ~0ull);
    end();
}

static void timer_divisors(void)
{
    static const struct {
        u8 code, divisor;
    } cases[] = {{0, 2}, {1, 4}, {2, 8}, {3, 16}, {8, 32}, {9, 64}, {10, 128}, {11, 1}};

    begin(1);
    put(0, LVT_T, 0x40);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        put(0, INITIAL, 0);
        put(0, DIVIDE, cases[i].code);
        CU_ASSERT_EQUAL(get(0, DIVIDE), cases[i].code);
        put(0, INITIAL, 1000);
        CU_ASSERT_EQUAL(lapic_next_deadline(v), f.now + 1000u * cases[i].divisor);
    }
    /* A change while it runs keeps the count. */
    fixture_skip(&f, 400);
    CU_ASSERT_EQUAL(get(0, CURRENT), 600);
    put(0, DIVIDE, 0);
    CU_ASSERT_EQUAL(get(0, CURRENT), 600);
    CU_ASSERT_EQUAL(lapic_next_deadline(v), f.now + 1200);
    end();
}

static void timer_periodic_keeps_phase(void)
{
    u64 start;

    begin(1);
    put(0, DIVIDE, 0x0b);
    put(0, LVT_T, 0x20041);
    put(0, INITIAL, 1000);
    start = f.now;
    fixture_skip(&f, 1000);
    lapic_timer_expire(v, journal_clock_ns(&v->p));
    CU_ASSERT_EQUAL(lapic_pending(v), 0x41);
    CU_ASSERT_EQUAL(lapic_next_deadline(v), start + 2000);
    fixture_skip(&f, 7300); /* late: the missed ones are one interrupt */
    lapic_timer_expire(v, journal_clock_ns(&v->p));
    CU_ASSERT_EQUAL(lapic_next_deadline(v), start + 9000);
    CU_ASSERT_EQUAL(get(0, CURRENT), 700);
    end();
}

static void masked_timer_counts_in_silence(void)
{
    begin(1);
    put(0, DIVIDE, 0x0b);
    put(0, LVT_T, 0x10040);
    put(0, INITIAL, 1000);
    CU_ASSERT_EQUAL(lapic_next_deadline(v), ~0ull);
    fixture_skip(&f, 500);
    CU_ASSERT_EQUAL(get(0, CURRENT), 500);
    fixture_skip(&f, 600);
    put(0, LVT_T, 0x40); /* it expired while masked: nothing comes */
    CU_ASSERT_EQUAL(lapic_pending(v), LAPIC_NONE);
    CU_ASSERT_EQUAL(lapic_next_deadline(v), ~0ull);
    end();
}

static void timer_tsc_deadline(void)
{
    begin(1);
    v->tsc_offset = 5000;
    lapic_msr_write(v, 0x6e0, 123); /* another mode: ignored */
    CU_ASSERT_EQUAL(lapic_msr_read(v, 0x6e0), 0);
    put(0, INITIAL, 77);
    put(0, LVT_T, 0x40042);
    CU_ASSERT_EQUAL(get(0, INITIAL), 0);
    lapic_msr_write(v, 0x6e0, f.now + 5000 + 700);
    CU_ASSERT_EQUAL(lapic_next_deadline(v), f.now + 700);
    CU_ASSERT_EQUAL(lapic_msr_read(v, 0x6e0), f.now + 5700);
    CU_ASSERT_EQUAL(get(0, CURRENT), 0);
    put(0, INITIAL, 1000); /* no effect in this mode */
    CU_ASSERT_EQUAL(lapic_next_deadline(v), f.now + 700);
    fixture_skip(&f, 700);
    lapic_timer_expire(v, journal_clock_ns(&v->p));
    CU_ASSERT_EQUAL(lapic_pending(v), 0x42);
    CU_ASSERT_EQUAL(lapic_msr_read(v, 0x6e0), 0);
    lapic_msr_write(v, 0x6e0, 1); /* long ago: at once */
    CU_ASSERT_EQUAL(lapic_next_deadline(v), 0);
    lapic_msr_write(v, 0x6e0, 0);
    CU_ASSERT_EQUAL(lapic_next_deadline(v), ~0ull);
    lapic_msr_write(v, 0x6e0, 1u << 30);
    put(0, LVT_T, 0x42); /* leaving the mode disarms */
    CU_ASSERT_EQUAL(lapic_next_deadline(v), ~0ull);
    end();
}

static void extint_through_lint0(void)
{
    static const struct ipi high = {.mode = IPI_EXTINT, .level = true},
                            low = {.mode = IPI_EXTINT_LOW}, message = {.mode = IPI_EXTINT};

    begin(1);
    lapic_accept(v, &high);
    CU_ASSERT_EQUAL(lapic_pending(v), LAPIC_NONE); /* LINT0 is masked */
    lapic_set_virtual_wire(v);
    CU_ASSERT_EQUAL(lapic_pending(v), LAPIC_EXTINT);
    put(0, TPR, 0xf0); /* priorities have no say */
    CU_ASSERT_EQUAL(lapic_pending(v), LAPIC_EXTINT);
    lapic_accept(v, &low);
    CU_ASSERT_EQUAL(lapic_pending(v), LAPIC_NONE);
    lapic_accept(v, &high);
    lapic_begin_extint(v);
    CU_ASSERT_EQUAL(lapic_pending(v), LAPIC_NONE);
    put(0, LINT0, 0x10700);
    lapic_accept(v, &message); /* of the I/O APIC: LINT0 does not matter */
    CU_ASSERT_EQUAL(lapic_pending(v), LAPIC_EXTINT);
    lapic_begin_extint(v);
    put(0, TPR, 0);
    put(0, LINT0, 0x00045); /* fixed: the edge counts */
    lapic_accept(v, &high);
    CU_ASSERT_EQUAL(lapic_pending(v), 0x45);
    end();
}

static void disabled_apic_wires_intr_through(void)
{
    begin(1);
    lapic_msr_write(v, 0x1b, 0xfee00100);
    CU_ASSERT_EQUAL(v->mmu.local_gpa, ~0ull);
    fixed(0, 0x40, false);
    CU_ASSERT_EQUAL(lapic_pending(v), LAPIC_NONE);
    lapic_accept(v, &(struct ipi){.mode = IPI_EXTINT, .level = true});
    CU_ASSERT_EQUAL(lapic_pending(v), LAPIC_EXTINT);
    CU_ASSERT(apic_map_match(&map, 0, false, false) == 0);
    lapic_msr_write(v, 0x1b, 0xfee00900);
    CU_ASSERT_EQUAL(get(0, SVR), 0xff); /* what was set up is lost */
    lapic_msr_write(v, 0x1b, 0x80000900);
    CU_ASSERT_EQUAL(v->mmu.local_gpa, 0x80000000);
    end();
}

static void apic_base_transitions(void)
{
    begin(1);
    CU_ASSERT_TRUE(refuses_write(0x1b, 0xfee00901));
    CU_ASSERT_TRUE(refuses_write(0x1b, BIT(50) | 0xfee00900));
    CU_ASSERT_TRUE(refuses_write(0x1b, 0xfee00500));
    v->model = cpu_model_find("x86-64"); /* which has no x2APIC */
    CU_ASSERT_TRUE(refuses_write(0x1b, 0xfee00d00));
    v->model = cpu_model_find("x86-64-v2");
    CU_ASSERT_FALSE(refuses_write(0x1b, 0xfee00d00));
    CU_ASSERT_TRUE(refuses_write(0x1b, 0xfee00900));
    CU_ASSERT_EQUAL(v->apic_base, 0xfee00d00);
    CU_ASSERT_FALSE(refuses_write(0x1b, 0xfee00100));
    CU_ASSERT_TRUE(refuses_write(0x1b, 0xfee00d00));
    end();
}

static void x2apic_registers(void)
{
    static const u16 absent[] = {0x80e, 0x831, 0x82f, 0x804, 0x83a, 0x840, 0x8ff};
    static const u16 read_only[] = {0x802, 0x803, 0x80a, 0x80d, 0x810, 0x818, 0x827, 0x839};

    begin(20);
    v = s.v[17];
    CU_ASSERT_TRUE(refuses_read(0x802)); /* not in xAPIC mode */
    lapic_msr_write(v, 0x1b, 0xfee00c00);
    CU_ASSERT_EQUAL(v->mmu.local_gpa, ~0ull);
    CU_ASSERT_EQUAL(lapic_msr_read(v, 0x802), 17);
    CU_ASSERT_EQUAL(lapic_msr_read(v, 0x80d), 0x00010002);
    CU_ASSERT_EQUAL(lapic_msr_read(v, 0x803), 0x00050014);
    for (unsigned i = 0; i < ARRAY_SIZE(absent); i++) {
        CU_ASSERT_TRUE(refuses_read(absent[i]));
        CU_ASSERT_TRUE(refuses_write(absent[i], 0));
    }
    for (unsigned i = 0; i < ARRAY_SIZE(read_only); i++) {
        CU_ASSERT_FALSE(refuses_read(read_only[i]));
        CU_ASSERT_TRUE(refuses_write(read_only[i], 0));
    }
    CU_ASSERT_TRUE(refuses_read(0x80b));
    CU_ASSERT_TRUE(refuses_write(0x80b, 1));
    CU_ASSERT_FALSE(refuses_write(0x80b, 0));
    CU_ASSERT_TRUE(refuses_write(0x828, 1));
    CU_ASSERT_TRUE(refuses_write(0x808, 0x100));
    CU_ASSERT_TRUE(refuses_write(0x80f, 0x400));
    CU_ASSERT_TRUE(refuses_write(0x832, BIT(32)));
    CU_ASSERT_FALSE(refuses_write(0x835, 0x5700)); /* read-only bits are no reserved ones */
    CU_ASSERT_EQUAL(lapic_msr_read(v, 0x835), 0x700);
    CU_ASSERT_TRUE(refuses_write(0x835, 0x20700));
    CU_ASSERT_TRUE(refuses_write(0x832, 0x4000));
    CU_ASSERT_TRUE(refuses_read(0x83f));
    CU_ASSERT_FALSE(refuses_write(0x83f, 0x66));
    CU_ASSERT_EQUAL(lapic_pending(v), 0x66);
    end();
}

static void x2apic_destinations(void)
{
    begin(20);
    for (unsigned i = 0; i < 20; i++)
        lapic_msr_write(s.v[i], 0x1b, s.v[i]->apic_base | 0x400);
    lapic_msr_write(v, 0x830, 18ull << 32 | 0x4055);
    CU_ASSERT_EQUAL(reached(), 1u << 18);
    CU_ASSERT_EQUAL(lapic_msr_read(v, 0x830), 18ull << 32 | 0x4055);
    lapic_msr_write(v, 0x830, 0xffffffffull << 32 | 0x4055);
    CU_ASSERT_EQUAL(reached(), 0xfffff);
    lapic_msr_write(v, 0x830, 0xffull << 32 | 0x4055); /* an id, no broadcast */
    CU_ASSERT_EQUAL(reached(), 0);
    lapic_msr_write(v, 0x830, 0x00010005ull << 32 | 0x4855); /* cluster 1, members 0 and 2 */
    CU_ASSERT_EQUAL(reached(), 1u << 16 | 1u << 18);
    lapic_msr_write(v, 0x830, 0x00000005ull << 32 | 0x4855);
    CU_ASSERT_EQUAL(reached(), 5);
    lapic_msr_write(v, 0x830, 0xc4055);
    CU_ASSERT_EQUAL(reached(), 0xffffe);
    /* The I/O APIC has 8 bits, and 0xff means everyone. */
    CU_ASSERT((u32)apic_map_match(&map, 19, false, false) == 1u << 19);
    CU_ASSERT((u32)apic_map_match(&map, 0xff, false, false) == 0xfffff);
    CU_ASSERT_TRUE(refuses_write(0x830, BIT(20)));
    end();
}

static void init_keeps_base_and_drops_the_rest(void)
{
    u64 before;

    begin(1);
    put(0, LDR, 1u << 24);
    put(0, LVT_T, 0x40);
    put(0, INITIAL, 1000);
    fixed(0, 0x50, false);
    before = lapic_digest(v, 0);
    lapic_init_signal(v);
    CU_ASSERT_NOT_EQUAL(lapic_digest(v, 0), before);
    CU_ASSERT_EQUAL(v->apic_base, 0xfee00900);
    CU_ASSERT_EQUAL(get(0, LDR), 0);
    CU_ASSERT_EQUAL(get(0, LVT_T), 0x10000);
    CU_ASSERT_EQUAL(lapic_pending(v), LAPIC_NONE);
    CU_ASSERT_EQUAL(lapic_next_deadline(v), ~0ull);
    CU_ASSERT_PTR_NOT_NULL(map.p[0]);
    end();
}

static void perf_entry_masks_itself_and_odd_accesses_do_nothing(void)
{
    begin(1);
    put(0, LVT_P, 0x400);
    lapic_raise_lvt(v, LVT_PERF);
    CU_ASSERT_TRUE(v->nmi_pending);
    CU_ASSERT_EQUAL(get(0, LVT_P), 0x10400);
    lapic_mmio_write(v, TPR, 1, 0x30);
    lapic_mmio_write(v, TPR + 4, 4, 0x30);
    CU_ASSERT_EQUAL(get(0, TPR), 0);
    CU_ASSERT_EQUAL(lapic_mmio_read(v, ID + 4, 4), 0);
    put(0, VERSION, 0);
    CU_ASSERT_EQUAL(get(0, VERSION), 0x00050014);
    end();
}

TEST_SUITE(lapic, TEST(reset_values), TEST(priorities_decide_what_is_delivered),
           TEST(eoi_of_a_level_is_broadcast), TEST(software_disabled_takes_nmi_and_init_only),
           TEST(sipi_counts_after_init_only), TEST(physical_destinations_and_shorthands),
           TEST(logical_flat_and_cluster), TEST(lowest_priority_picks_one_by_vector),
           TEST(init_sipi_nmi_travel_and_deassert_does_not), TEST(bad_vectors_are_errors),
           TEST(timer_one_shot), TEST(timer_divisors), TEST(timer_periodic_keeps_phase),
           TEST(masked_timer_counts_in_silence), TEST(timer_tsc_deadline),
           TEST(extint_through_lint0), TEST(disabled_apic_wires_intr_through),
           TEST(apic_base_transitions), TEST(x2apic_registers), TEST(x2apic_destinations),
           TEST(init_keeps_base_and_drops_the_rest),
           TEST(perf_entry_masks_itself_and_odd_accesses_do_nothing));
