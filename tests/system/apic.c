/* SPDX-License-Identifier: MIT */
/*
 * The local APIC from its own CPU: registers and what they refuse, self-IPIs by every addressing, IRR, ISR, TPR, PPR and CR8,
 * nesting and order, EOI, errors, software and global disable, the timer in its three modes, ExtINT from the 8259, NMI and its
 * blocking, the shadows of STI and MOV SS, HLT; xAPIC and x2APIC (Intel SDM vol. 3 ch. 11; §6.7.1 NMI, §6.8).
 */
#include "tests/system/kit/machine64.h"

enum {
    ID = 2,
    VERSION = 3,
    TPR = 8,
    PPR = 10,
    EOI = 11,
    LDR = 13,
    DFR = 14,
    SVR = 15,
    ISR = 16,
    TMR = 24,
    IRR = 32,
    ESR = 40,
    ICR = 48,
    ICR_HIGH = 49,
    LVT_TIMER = 50,
    LVT_PERF = 52,
    LVT_LINT0 = 53,
    LVT_LINT1 = 54,
    LVT_ERROR = 55,
    INITIAL = 56,
    CURRENT = 57,
    DIVIDE = 62
};

#define APIC_BASE 0xfee00000ul
#define MSR_APIC_BASE 0x1b
#define MSR_X2APIC 0x800
#define MSR_TSC_DEADLINE 0x6e0
#define BASE_ENABLE 0x800u
#define BASE_X2 0x400u
#define MASKED 0x10000u
#define SELF 0x40000u
#define ALL 0x80000u
#define OTHERS 0xc0000u
#define NMI 0x400u
#define LOGICAL 0x800u
#define LOWEST 0x100u
#define ASSERT 0x4000u

static bool x2;

static uint32_t get(unsigned reg)
{
    return x2 ? (uint32_t)rdmsr(MSR_X2APIC + reg) : *(volatile uint32_t *)(APIC_BASE + reg * 16ul);
}

static void set(unsigned reg, uint32_t value)
{
    if (x2)
        wrmsr(MSR_X2APIC + reg, value);
    else
        *(volatile uint32_t *)(APIC_BASE + reg * 16ul) = value;
}

static void send(uint32_t to, uint32_t low)
{
    if (x2) {
        wrmsr(MSR_X2APIC + ICR, (uint64_t)to << 32 | low);
        return;
    }
    set(ICR_HIGH, to << 24);
    set(ICR, low);
    while (get(ICR) & 0x1000)
        cpu_pause();
}

static bool bit(unsigned reg, unsigned vector)
{
    return get(reg + vector / 32) >> (vector % 32) & 1;
}

static bool any(unsigned reg)
{
    for (unsigned i = 0; i < 8; i++)
        if (get(reg + i))
            return true;
    return false;
}

/* --- What is delivered ---------------------------------------------------------------------------------- */

static unsigned seen[32], n_seen;
static word where[32];
static uint32_t ppr_seen[32];
static bool no_eoi;
static unsigned stop_at; /* interrupts after which the case ends */

static bool note(struct context *c)
{
    if (c->vector < 0x20 && c->vector != V_NMI)
        return false;
    if (c->vector == DONE || n_seen >= 32)
        return false;
    where[n_seen] = c->ip;
    if (c->vector >= 0x40) {
        ppr_seen[n_seen] = get(PPR);
        if (!bit(ISR, (unsigned)c->vector) && c->vector != 0xff)
            ppr_seen[n_seen] = 0xbad;
        if (!no_eoi && c->vector != 0xff)
            set(EOI, 0);
    }
    seen[n_seen++] = (unsigned)c->vector;
    return n_seen != stop_at;
}

CODE(window, "sti\n nop\n nop\n nop\n window_end: cli\n int $0x30");
CODE(window_cli, "sti\n cli\n int $0x30");
CODE(window_hlt, "sti\n hlt\n window_hlt_end: cli\n int $0x30");
CODE(window_ss, "mov %ss, %eax\n sti\n nop\n cli\n int $0x30");
CODE(window_popf, "pushq $0x202\n popfq\n window_popf_end: nop\n cli\n int $0x30");
CODE(wait_hlt, "1: sti\n hlt\n cli\n jmp 1b");
extern const uint8_t window_end[], window_hlt_end[], window_popf_end[];

static struct context run(const uint8_t *code)
{
    struct context c;

    n_seen = 0;
    sys_kernel(&c, (uintptr_t)code);
    sys_hook = note;
    sys_go(&c);
    sys_hook = NULL;
    return c;
}

static bool saw(unsigned n, unsigned a, unsigned b, unsigned c, unsigned d)
{
    const unsigned want[] = {a, b, c, d};

    for (unsigned i = 0; i < n; i++)
        if (seen[i] != want[i])
            return false;
    return n_seen == n;
}

static void self(unsigned vector)
{
    send(0, SELF | ASSERT | vector);
}

/* --- Self-IPIs, order, priority --------------------------------------------------------------------------- */

static void every_vector(void)
{
    for (unsigned v = 0x40; v < 0x100; v++) {
        struct context c;

        self(v);
        check(bit(IRR, v) && !bit(ISR, v) && !bit(TMR, v), "vector %x is requested", v);
        c = run(window);
        check(saw(1, v, 0, 0, 0) && where[0] == (uintptr_t)window + 2 && c.vector == DONE,
              "vector %x: %u seen, the first at +%lx", v, n_seen, where[0] - (uintptr_t)window);
        check(v == 0xff || ppr_seen[0] == (v & 0xf0), "PPR in the handler of %x: %x", v,
              ppr_seen[0]);
        if (v == 0xff) /* the hook takes it for a spurious one */
            set(EOI, 0);
        check(!bit(IRR, v) && !bit(ISR, v), "vector %x is done with", v);
    }
}

static void order(void)
{
    static const uint8_t vectors[] = {0x45, 0x91, 0x73, 0x72, 0x91};

    for (unsigned i = 0; i < sizeof vectors; i++)
        self(vectors[i]);
    run(window);
    check(saw(4, 0x91, 0x73, 0x72, 0x45), "order: %u seen: %x %x %x %x", n_seen, seen[0], seen[1],
          seen[2], seen[3]);

    /* In service: only a higher class comes in between. */
    no_eoi = true;
    self(0x50);
    run(window);
    self(0x5f);
    self(0x4f);
    run(window);
    check(n_seen == 0, "the same class waits for EOI: %u", n_seen);
    check(get(PPR) == 0x50, "PPR with 50 in service: %x", get(PPR));
    self(0x60);
    run(window);
    check(saw(1, 0x60, 0, 0, 0) && bit(ISR, 0x60) && bit(ISR, 0x50), "a higher class nests");
    set(EOI, 0);
    check(!bit(ISR, 0x60) && bit(ISR, 0x50), "EOI ends the highest");
    no_eoi = false;
    set(EOI, 0);
    run(window);
    check(saw(2, 0x5f, 0x4f, 0, 0), "then the rest: %u: %x %x", n_seen, seen[0], seen[1]);
    set(EOI, 0);
    check(!any(ISR) && !any(IRR), "EOI with nothing in service does nothing");

    /* Again while in service: requested once more. */
    no_eoi = true;
    self(0x50);
    run(window);
    self(0x50);
    self(0x50);
    check(bit(IRR, 0x50) && bit(ISR, 0x50), "a vector is in service and requested");
    no_eoi = false;
    set(EOI, 0);
    run(window);
    check(saw(1, 0x50, 0, 0, 0), "it comes once more: %u", n_seen);
}

static void priority(void)
{
    for (unsigned tpr = 0; tpr < 0x100; tpr += 5) {
        bool passes = 0x73 >> 4 > tpr >> 4;

        set(TPR, tpr);
        check(get(TPR) == tpr && get(PPR) == tpr, "TPR %x: PPR %x", get(TPR), get(PPR));
        word cr8;
        __asm__ volatile("mov %%cr8, %0" : "=r"(cr8));
        check(cr8 == tpr >> 4, "CR8 for TPR %x: %lx", tpr, cr8);
        self(0x73);
        run(window);
        check(n_seen == passes, "vector 73 with TPR %x: %u", tpr, n_seen);
        if (passes)
            check(ppr_seen[0] == 0x70, "PPR with TPR %x: %x", tpr, ppr_seen[0]);
        set(TPR, 0);
        run(window);
        check(n_seen == !passes, "and then with TPR 0: %u", n_seen);
    }
    for (word cr8 = 0; cr8 < 16; cr8++) {
        __asm__ volatile("mov %0, %%cr8" : : "r"(cr8));
        check(get(TPR) == cr8 << 4, "TPR for CR8 %lx: %x", cr8, get(TPR));
        self(0x83);
        run(window);
        check(n_seen == (8 > cr8), "vector 83 with CR8 %lx: %u", cr8, n_seen);
        __asm__ volatile("mov %0, %%cr8" : : "r"(0ul));
        run(window);
    }
    /* PPR is the higher of TPR and what is in service; its low half is TPR's only if TPR's class is not lower. */
    no_eoi = true;
    self(0x63);
    run(window);
    for (unsigned tpr = 0; tpr < 0x100; tpr += 7) {
        set(TPR, tpr);
        check(get(PPR) == (tpr >> 4 >= 6 ? tpr : 0x60), "PPR with 63 in service and TPR %x: %x",
              tpr, get(PPR));
    }
    set(TPR, 0);
    set(EOI, 0);
    no_eoi = false;
}

static void shadows(void)
{
    self(0x50);
    run(window_cli);
    check(n_seen == 0, "STI, CLI: nothing in between: %u", n_seen);
    run(window_popf);
    check(n_seen == 1 && where[0] == (uintptr_t)window_popf_end, "POPF has no shadow: %u at %lx",
          n_seen, where[0]);
    self(0x50);
    run(window_hlt);
    check(n_seen == 1 && where[0] == (uintptr_t)window_hlt_end, "STI, HLT: %u at %lx", n_seen,
          where[0]);
    self(0x50);
    run(window_ss);
    check(n_seen == 1 && where[0] == (uintptr_t)window_ss + 4, "STI behind MOV SS: %u at +%lx",
          n_seen, where[0] - (uintptr_t)window_ss);
}

/* --- Addressing ------------------------------------------------------------------------------------------- */

static void addressing(void)
{
    uint32_t id = x2 ? get(ID) : get(ID) >> 24, ldr, to;
    const struct {
        const char *name;
        uint32_t to, low;
        bool arrives;
    } cases[] = {
        {"physical", id, 0, true},
        {"physical, another", id + 5, 0, false},
        {"physical, broadcast", x2 ? 0xffffffff : 0xff, 0, true},
        {"all", 0, ALL, true},
        {"others", 0, OTHERS, false},
        {"lowest priority", id, LOWEST, true},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        send(cases[i].to, cases[i].low | ASSERT | 0x77);
        check(bit(IRR, 0x77) == cases[i].arrives, "%s: %u", cases[i].name, bit(IRR, 0x77));
        run(window);
        check(n_seen == cases[i].arrives, "%s: %u delivered", cases[i].name, n_seen);
    }
    if (x2) {
        ldr = get(LDR);
        check(ldr == (id >> 4 << 16 | 1u << (id & 15)), "x2APIC LDR: %x", ldr);
        send(ldr, LOGICAL | ASSERT | 0x77);
        check(bit(IRR, 0x77), "logical, x2APIC");
        run(window);
        send((ldr & 0xffff0000) | (~ldr & 0xffff), LOGICAL | ASSERT | 0x77);
        check(!bit(IRR, 0x77), "logical, x2APIC, others of the cluster");
        return;
    }
    for (unsigned cluster = 0; cluster < 2; cluster++)
        for (ldr = 1; ldr < 256; ldr += cluster ? 17 : 1)
            for (to = 0; to < 256; to += 3) {
                bool match =
                    cluster ? (to == 0xff || to >> 4 == ldr >> 4) && (to & ldr & 15) : to & ldr;

                if (cluster && to >> 4 == 15 && to != 0xff)
                    continue; /* the manual says what all ones are, no more */

                set(DFR, cluster ? 0x0fffffff : 0xffffffff);
                set(LDR, ldr << 24);
                send(to, LOGICAL | ASSERT | 0x77);
                check_but(cluster && to == 0xff ? ON_TCG : 0,
                          "SDM vol. 3 11.6.2.2 (all ones are everybody)", bit(IRR, 0x77) == match,
                          "logical, cluster %u, LDR %x, to %x: %u", cluster, ldr, to,
                          bit(IRR, 0x77));
                if (bit(IRR, 0x77))
                    run(window);
            }
    set(DFR, 0xffffffff);
    set(LDR, 0);
}

/* --- NMI -------------------------------------------------------------------------------------------------- */

static unsigned nmis, depth, deepest;

static bool on_nmi(struct context *c)
{
    if (c->vector != V_NMI)
        return false;
    if (++depth > deepest)
        deepest = depth;
    if (nmis++ == 0) {
        send(0, SELF | NMI | ASSERT);
        send(0, SELF | NMI | ASSERT); /* one more, and one is what is kept */
        __asm__ volatile("nop; nop; nop");
    }
    depth--;
    return true;
}

/* Sends from within the case: an NMI does not wait for it. */
CODE(icr_mmio, "mov %eax, (%rdi)\n nop\n nop\n int $0x30");
CODE(icr_msr, "wrmsr\n nop\n nop\n int $0x30");

static struct context send_from_case(uint32_t low, bool (*hook)(struct context *c))
{
    struct context c;

    n_seen = 0;
    sys_kernel(&c, (uintptr_t)(x2 ? icr_msr : icr_mmio));
    c.r[RAX] = low;
    c.r[RCX] = MSR_X2APIC + ICR;
    c.r[RDI] = APIC_BASE + ICR * 16ul;
    sys_hook = hook;
    sys_go(&c);
    sys_hook = NULL;
    return c;
}

/* Another IRET, an exception's, unblocks. */
CODE(nested_iret, "mov %ss, %eax\n mov %rsp, %rdx\n push %rax\n push %rdx\n pushfq\n mov %cs, "
                  "%eax\n push %rax\n lea 1f(%rip), %rax\n push %rax\n iretq\n"
                  "1: nop\n ret");

static bool on_nmi_iret(struct context *c)
{
    if (c->vector != V_NMI)
        return false;
    if (++depth > deepest)
        deepest = depth;
    if (nmis++ == 0) {
        send(0, SELF | NMI | ASSERT);
        __asm__ volatile("call nested_iret" : : : "rax", "rdx", "memory", "cc");
    }
    depth--;
    return true;
}

static void non_maskable(void)
{
    struct context c;

    nmis = depth = deepest = 0;
    c = send_from_case(SELF | NMI | ASSERT, on_nmi);
    check(c.vector == DONE && nmis == 2 && deepest == 1,
          "NMI within NMI waits for IRET: %u, depth %u", nmis, deepest);
    nmis = depth = deepest = 0;
    c = send_from_case(SELF | NMI | ASSERT, on_nmi_iret);
    check(c.vector == DONE && nmis == 2 && deepest == 2, "any IRET unblocks NMI: %u, depth %u",
          nmis, deepest);
}

/* --- Registers, errors ------------------------------------------------------------------------------------ */

static uint32_t errors(void)
{
    set(ESR, 0);
    return get(ESR);
}

static void registers(void)
{
    static const struct {
        uint8_t reg;
        uint32_t may, fixed; /* bits that keep what is written */
        const char *name;
    } cases[] = {
        {LVT_TIMER, 0x300ff | MASKED, 0, "LVT timer"},
        {LVT_LINT0, 0x1a7ff, 0, "LVT LINT0"},
        {LVT_LINT1, 0x1a7ff, 0, "LVT LINT1"},
        {LVT_ERROR, 0x100ff, 0, "LVT error"},
        {DIVIDE, 0xb, 0, "divide"},
    };

    check((get(VERSION) & 0xff) >= 0x10 && (get(VERSION) >> 16 & 0xff) >= 3, "version %x",
          get(VERSION));
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned b = 0; b < 32; b++) {
            uint32_t before = get(cases[i].reg),
                     value = (1u << b) |
                             (cases[i].reg >= LVT_TIMER && cases[i].reg <= LVT_ERROR ? MASKED : 0);

            if (cases[i].reg == LVT_TIMER && (b == 18 || b == 17))
                continue; /* modes: below */
            if (x2 && (value & ~cases[i].may))
                continue; /* refused */
            if (!x2 && (cases[i].reg == LVT_LINT0 || cases[i].reg == LVT_LINT1) &&
                (b == 12 || b == 14))
                continue; /* read-only */
            set(cases[i].reg, value);
            check_but(ON_TCG, "SDM vol. 3 11.5.1 (reserved bits)",
                      (get(cases[i].reg) & ~0x5000u) == (value & cases[i].may),
                      "%s: wrote %x, reads %x", cases[i].name, value, get(cases[i].reg));
            set(cases[i].reg, before);
        }
    errors();
    check(errors() == 0, "no errors: %x", errors());
    /* A vector below 16 cannot be sent. */
    send(0, SELF | ASSERT | 5);
    check_but(ON_TCG, "SDM vol. 3 11.5.3 (send illegal vector)", errors() & 0x20,
              "ESR after an illegal vector: %x", get(ESR));
    check_but(ON_TCG, "SDM vol. 3 11.5.3", !any(IRR), "which does not arrive");
    errors();
    set(LVT_ERROR, 0x66);
    send(0, SELF | ASSERT | 5);
    run(window);
    check_but(ON_TCG, "SDM vol. 3 11.5.3", saw(1, 0x66, 0, 0, 0), "the error's own interrupt: %u",
              n_seen);
    set(LVT_ERROR, MASKED | 0x66);
    errors();
    errors();
    check(get(ESR) == 0, "ESR is cleared by a second write: %x", get(ESR));
    if (x2)
        return;
    (void)get(4); /* no register there */
    check_but(ON_TCG, "SDM vol. 3 11.5.3 (illegal register address)", errors() == 0x80,
              "ESR after an illegal address: %x", get(ESR));
    errors();
}

static void software_disable(void)
{
    set(LVT_LINT0, 0x700);
    set(LVT_ERROR, 0x66);
    self(0x50);
    set(SVR, 0xff);
    check_but(ON_TCG, "SDM vol. 3 11.4.7.2",
              get(LVT_LINT0) & MASKED && get(LVT_ERROR) & MASKED && get(LVT_TIMER) & MASKED,
              "software disable masks the LVT");
    set(LVT_ERROR, 0x66);
    check_but(ON_TCG, "SDM vol. 3 11.4.7.2", get(LVT_ERROR) & MASKED, "and keeps it so: %x",
              get(LVT_ERROR));
    check(bit(IRR, 0x50), "what is requested stays");
    self(0x51);
    check_but(ON_TCG, "SDM vol. 3 11.4.7.2", !bit(IRR, 0x51), "and nothing new comes");
    send_from_case(SELF | NMI | ASSERT, note);
    check_but(ON_TCG, "SDM vol. 3 11.4.7.2", n_seen == 1 && seen[0] == V_NMI, "but NMI: %u",
              n_seen);
    set(SVR, 0x1ff);
    set(LVT_ERROR, MASKED);
    set(LVT_LINT0, MASKED);
    run(window);
    check_but(ON_TCG, "SDM vol. 3 11.4.7.2", saw(1, 0x50, 0, 0, 0), "after enabling: %u: %x",
              n_seen, seen[0]);
}

/* --- The timer -------------------------------------------------------------------------------------------- */

/* The count and the time, read together. */
static uint32_t sample(uint64_t *tsc)
{
    for (;;) {
        uint64_t before = rdtsc();
        uint32_t count = get(CURRENT);

        *tsc = rdtsc();
        if (*tsc - before < 100000)
            return count;
    }
}

/* How much faster the timer counts by divisor 1 than by each other one. */
static void divisors(void)
{
    static const uint32_t divide[] = {0xb, 0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa};
    uint64_t one = 0;

    set(LVT_TIMER, 0x61 | MASKED);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t from, to, per;
        uint32_t a, b;

        set(DIVIDE, divide[i]);
        set(INITIAL, 0xffffffff);
        a = sample(&from);
        do
            b = sample(&to);
        while (to - from < 2000000);        /* long against what lies between the readings */
        per = ((to - from) << 8) / (a - b); /* cycles for 256 counts */
        if (i == 0)
            one = per;
        check(per * 4 > (one << i) * 3 && per * 4 < (one << i) * 5,
              "divisor %u: %lu cycles for 256 counts, 1: %lu", 1u << i, per, one);
    }
    set(INITIAL, 0);
}

static void timer(void)
{
    static const uint32_t divide[] = {0xb, 0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa};
    uint32_t a, b;

    stop_at = 1;
    for (unsigned i = 0; i < 8; i++) { /* one shot, each divisor */
        set(DIVIDE, divide[i]);
        set(LVT_TIMER, 0x61);
        set(INITIAL, 20000 >> i);
        run(wait_hlt);
        check(n_seen == 1 && seen[0] == 0x61 && get(CURRENT) == 0 && get(INITIAL) == (20000u >> i),
              "one shot by divisor %x: %u", divide[i], n_seen);
        set(EOI, 0);
    }
    set(DIVIDE, 0xb);
    set(INITIAL, 0xffffffff);
    a = get(CURRENT);
    for (unsigned i = 0; i < 1000; i++)
        cpu_pause();
    b = get(CURRENT);
    check(a > b && b != 0, "the count goes down: %x %x", a, b);
    set(INITIAL, 0);
    check(get(CURRENT) == 0, "0 stops it: %x", get(CURRENT));

    set(LVT_TIMER, 0x61 | 0x20000); /* periodic */
    stop_at = 5;
    set(INITIAL, 200000);
    run(wait_hlt);
    check(n_seen == 5 && seen[4] == 0x61 && get(CURRENT) <= 200000, "periodic: %u", n_seen);
    set(INITIAL, 0);
    if (bit(ISR, 0x61))
        set(EOI, 0);
    stop_at = 0;
    run(window);
    run(window);
    check(n_seen == 0, "stopped: %u", n_seen);

    /* Masked: it counts, and nobody hears. */
    set(LVT_TIMER, 0x61 | MASKED);
    set(INITIAL, 1000);
    while (get(CURRENT))
        cpu_pause();
    check(!bit(IRR, 0x61), "a masked timer");
    set(LVT_TIMER, 0x61);
    run(window);
    check(n_seen == 0, "is not made up for: %u", n_seen);

    if (!(sys_cpuid(1, 0).ecx >> 24 & 1)) {
        absent("TSC deadline");
        return;
    }
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + 1000);
    check(rdmsr(MSR_TSC_DEADLINE) == 0, "the deadline is nothing in another mode: %lx",
          rdmsr(MSR_TSC_DEADLINE));
    set(LVT_TIMER, 0x62 | 0x40000);
    stop_at = 1;
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + 100000);
    run(wait_hlt);
    check(n_seen == 1 && seen[0] == 0x62 && rdmsr(MSR_TSC_DEADLINE) == 0, "TSC deadline: %u, %lx",
          n_seen, rdmsr(MSR_TSC_DEADLINE));
    set(EOI, 0);
    wrmsr(MSR_TSC_DEADLINE, 1); /* long ago: at once */
    run(wait_hlt);
    check(n_seen == 1 && seen[0] == 0x62, "a deadline that has passed: %u", n_seen);
    set(EOI, 0);
    stop_at = 0;
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + 200000000000ul);
    set(INITIAL, 1000);
    check(get(INITIAL) == 0 && get(CURRENT) == 0, "the count is nothing in this mode: %x",
          get(INITIAL));
    wrmsr(MSR_TSC_DEADLINE, 0);
    run(window);
    check(n_seen == 0 && rdmsr(MSR_TSC_DEADLINE) == 0, "0 disarms: %u", n_seen);
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + 200000000000ul);
    set(LVT_TIMER, 0x61 | MASKED);
    check(rdmsr(MSR_TSC_DEADLINE) == 0, "leaving the mode disarms");
}

/* --- ExtINT ----------------------------------------------------------------------------------------------- */

static void extint(void)
{
    set(LVT_LINT0, 0x700);
    outb(0x43, 0x30); /* channel 0, one shot */
    outb(0x40, 0x40);
    outb(0x40, 0x01);
    outb(0x21, 0xfe);
    stop_at = 1;
    run(wait_hlt);
    stop_at = 0;
    check(n_seen == 1 && seen[0] == VEC_PIC && !any(ISR),
          "ExtINT: %u, vector %x; not in service here", n_seen, seen[0]);
    outb(0x21, 0xff);
    outb(0x20, 0x20);
    set(LVT_LINT0, MASKED);
}

/* --- Modes ------------------------------------------------------------------------------------------------ */

CODE(read_msr, "rdmsr\n int $0x30");
CODE(write_msr, "wrmsr\n int $0x30");

static word try_msr(uint32_t msr, bool write, uint64_t value)
{
    struct context c;

    sys_kernel(&c, (uintptr_t)(write ? write_msr : read_msr));
    c.r[RCX] = msr;
    c.r[RAX] = (uint32_t)value;
    c.r[RDX] = value >> 32;
    sys_go(&c);
    return c.vector;
}

/* The transitions that IA32_APIC_BASE allows (SDM vol. 3 figure 11-27). */
static void transitions(void)
{
    static const uint32_t mode[] = {0, BASE_ENABLE, BASE_ENABLE | BASE_X2, BASE_X2};
    uint64_t base = rdmsr(MSR_APIC_BASE) & ~(uint64_t)(BASE_ENABLE | BASE_X2);

    for (unsigned from = 0; from < 3; from++)
        for (unsigned to = 0; to < 4; to++) {
            bool good = to != 3 && !(from == 0 && to == 2) && !(from == 2 && to == 1);
            word vector;

            wrmsr(MSR_APIC_BASE, base);
            if (from)
                wrmsr(MSR_APIC_BASE, base | BASE_ENABLE);
            if (from == 2)
                wrmsr(MSR_APIC_BASE, base | BASE_ENABLE | BASE_X2);
            vector = try_msr(MSR_APIC_BASE, true, base | mode[to]);
            check_but(ON_TCG, "SDM vol. 3 11.12.5", vector == (word)(good ? DONE : V_GP),
                      "APIC mode %u to %u: vector %lu", from, to, vector);
            if (vector == DONE)
                check_but(ON_TCG, "SDM vol. 3 11.4.3", (sys_cpuid(1, 0).edx >> 9 & 1) == (to != 0),
                          "CPUID says so in mode %u", to);
        }
    wrmsr(MSR_APIC_BASE, base);
    wrmsr(MSR_APIC_BASE, base | BASE_ENABLE);
}

static void x2apic_registers(void)
{
    /* Which exist, and which may be read and written (SDM vol. 3 table 11-6); 0 is a value that all take. */
    for (unsigned reg = 0; reg < 0x100; reg++) {
        bool readable = reg == ID || reg == VERSION || reg == TPR || reg == PPR || reg == LDR ||
                        reg == SVR || (reg >= ISR && reg < ESR) || reg == ESR || reg == ICR ||
                        (reg >= LVT_TIMER && reg <= CURRENT) || reg == DIVIDE;
        bool writable = reg == TPR || reg == EOI || reg == SVR || reg == ESR ||
                        (reg >= LVT_TIMER && reg <= INITIAL) || reg == DIVIDE;

        if (reg == 0x2f || reg == 0x33 || reg == ICR ||
            reg == 0x3f) /* CMCI, thermal: may be there; sends */
            continue;
        check_but(ON_TCG, "SDM vol. 3 table 11-6",
                  try_msr(MSR_X2APIC + reg, false, 0) == (word)(readable ? DONE : V_GP),
                  "RDMSR %x: vector %lu", MSR_X2APIC + reg, try_msr(MSR_X2APIC + reg, false, 0));
        if (reg != SVR)
            check_but(ON_TCG, "SDM vol. 3 table 11-6",
                      try_msr(MSR_X2APIC + reg, true,
                              reg >= LVT_TIMER && reg <= LVT_ERROR ? MASKED : 0) ==
                          (word)(writable ? DONE : V_GP),
                      "WRMSR %x: vector %lu", MSR_X2APIC + reg,
                      try_msr(MSR_X2APIC + reg, true, MASKED));
    }
    check_but(ON_TCG, "SDM vol. 3 11.12.1.3", try_msr(MSR_X2APIC + EOI, true, 1) == V_GP,
              "EOI takes 0 only");
    check_but(ON_TCG, "SDM vol. 3 11.12.1.3", try_msr(MSR_X2APIC + ESR, true, 1) == V_GP,
              "ESR takes 0 only");
    check_but(ON_TCG, "SDM vol. 3 11.12.1.3", try_msr(MSR_X2APIC + TPR, true, 0x100) == V_GP,
              "TPR has 8 bits");
    /* SELF IPI. */
    wrmsr(MSR_X2APIC + 0x3f, 0x88);
    check_but(ON_TCG, "SDM vol. 3 11.12.11", bit(IRR, 0x88), "SELF IPI");
    run(window);
    check_but(ON_TCG, "SDM vol. 3 11.12.11", saw(1, 0x88, 0, 0, 0), "SELF IPI is delivered: %u",
              n_seen);
    check_but(ON_TCG, "SDM vol. 3 table 11-6", try_msr(MSR_X2APIC + 0x3f, false, 0) == V_GP,
              "SELF IPI is not to be read");
}

static void enable(bool as_x2)
{
    uint64_t base = rdmsr(MSR_APIC_BASE) & ~(uint64_t)(BASE_ENABLE | BASE_X2);

    wrmsr(MSR_APIC_BASE, base);
    wrmsr(MSR_APIC_BASE, base | BASE_ENABLE);
    if (as_x2)
        wrmsr(MSR_APIC_BASE, base | BASE_ENABLE | BASE_X2);
    x2 = as_x2;
    set(SVR, 0x1ff);
    set(TPR, 0);
    set(LVT_TIMER, MASKED);
    set(LVT_LINT0, MASKED);
    set(LVT_LINT1, MASKED);
    set(LVT_ERROR, MASKED);
}

static void in_this_mode(void)
{
    every_vector();
    order();
    priority();
    shadows();
    addressing();
    registers();
    software_disable();
    non_maskable();
    divisors();
    timer();
    extint();
}

void system_main(void)
{
    bool has_x2 = sys_cpuid(1, 0).ecx >> 21 & 1;

    enable(false);
    in_this_mode();
    if (has_x2) {
        transitions();
        enable(true);
        in_this_mode();
        x2apic_registers();
    } else {
        absent("x2APIC");
    }
    report("apic");
}
