/* SPDX-License-Identifier: MIT */
/*
 * The local APIC from its own CPU: self-IPIs by every addressing, IRR, ISR, TPR, PPR and CR8, nesting and order, EOI, NMI and its
 * blocking, the shadows of STI and MOV SS, HLT, ExtINT from the 8259; in xAPIC and x2APIC mode (Intel SDM vol. 3 ch. 11; §6.7.1
 * NMI, §6.8). Registers and the timer have tests of their own.
 */
#include "tests/system/kit/apic.h"

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

CODE(window_cli, "sti\n cli\n int $0x30");
CODE(window_hlt, "sti\n hlt\n window_hlt_end: cli\n int $0x30");
CODE(window_ss, "mov %ss, %eax\n sti\n nop\n cli\n int $0x30");
CODE(window_popf, "pushq $0x202\n popfq\n window_popf_end: nop\n cli\n int $0x30");
extern const uint8_t window_hlt_end[], window_popf_end[];

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
    uint32_t id = apic_x2 ? get(ID) : get(ID) >> 24, ldr, to;
    const struct {
        const char *name;
        uint32_t to, low;
        bool arrives;
    } cases[] = {
        {"physical", id, 0, true},
        {"physical, another", id + 5, 0, false},
        {"physical, broadcast", apic_x2 ? 0xffffffff : 0xff, 0, true},
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
    if (apic_x2) {
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
static bool
    iret_within; /* the first handler executes an IRET, an exception's as it were, that unblocks */

CODE(nested_iret, "mov %ss, %eax\n mov %rsp, %rdx\n push %rax\n push %rdx\n pushfq\n mov %cs, "
                  "%eax\n push %rax\n lea 1f(%rip), %rax\n push %rax\n iretq\n"
                  "1: nop\n ret");

static bool on_nmi(struct context *c)
{
    if (c->vector != V_NMI)
        return false;
    if (++depth > deepest)
        deepest = depth;
    if (nmis++ == 0) {
        send(0, SELF | NMI | ASSERT);
        if (iret_within) {
            __asm__ volatile("call nested_iret" : : : "rax", "rdx", "memory", "cc");
        } else {
            send(0, SELF | NMI | ASSERT); /* one more, and one is what is kept */
            __asm__ volatile("nop; nop; nop");
        }
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
    iret_within = true;
    c = send_from_case(SELF | NMI | ASSERT, on_nmi);
    iret_within = false;
    check(c.vector == DONE && nmis == 2 && deepest == 2, "any IRET unblocks NMI: %u, depth %u",
          nmis, deepest);
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

static void in_this_mode(void)
{
    every_vector();
    order();
    priority();
    shadows();
    addressing();
    non_maskable();
    extint();
}

void system_main(void)
{
    in_both_modes(in_this_mode);
    report("apic");
}
