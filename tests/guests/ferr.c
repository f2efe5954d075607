/* SPDX-License-Identifier: MIT */
/*
 * An unmasked x87 error with CR0.NE clear reaches its handler as ISA interrupt 13, through the
 * 8259s, the way DOS programs want it: before the first waiting instruction behind the one that
 * failed; once for each error, whether the handler clears it or leaves it (IGNNE#); not at all for
 * instructions that do not wait; and with interrupts off as soon as they are on again. Intel SDM
 * vol. 1 appendix D.
 */
#include "roms/kit/kit.h"

#define LAPIC_BASE 0xfee00000u
#define LVT_LINT0 0x350u
#define EXTINT 0x700u
#define IRQ_FPU 13

struct fpu_environment {
    uint32_t control, status, tag, ip, selectors, dp, dp_selector;
};

/* What the handler saw. */
static volatile unsigned interrupts;
static volatile struct fpu_environment seen;
static volatile bool clears;
static bool good = true;

static void on_fpu(struct trap_frame *frame)
{
    struct fpu_environment now;

    (void)frame;
    outb(0xf0, 0);
    interrupts++;
    if (clears) { /* FNSTENV masks all errors, FLDCW would bring them back */
        __asm__ volatile("fnstenv %0; fnclex; fldcw %0" : "=m"(now));
        seen = now;
    } else { /* instructions that wait go on */
        __asm__ volatile("fnop; fnop");
    }
    outb(0xa0, 0x20);
    outb(0x20, 0x20);
}

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    print("ferr: FAILED: %s (%u interrupts, status %x, tags %x)\n", what, interrupts, seen.status,
          seen.tag);
    good = false;
}

/* x87 at its start, with division by zero unmasked and 1.0 / 0.0 ready to be done. */
static void prepare(void)
{
    static const uint16_t control = 0x37b;

    interrupts = 0;
    __asm__ volatile("fninit; fldcw %0; fldz; fld1" : : "m"(control));
}

/* FNOP is the first waiting instruction behind the error. FSTP would have moved TOP. */
static void comes_before_next(void)
{
    uint64_t at;
    uint64_t result = 0;

    clears = true;
    prepare();
    __asm__ volatile("leaq 1f(%%rip), %1\n"
                     "1: fdiv %%st(1), %%st\n"
                     "   fnop\n"
                     "   fstpl %0"
                     : "=m"(result), "=&r"(at));
    check(interrupts == 1, "an error raises one interrupt");
    check((seen.status & 0x84) == 0x84, "its status is ZE and ES");
    check(seen.ip == (uint32_t)at, "the instruction pointer is the failing instruction's");
    check((seen.status >> 11 & 7) == 6, "the next instruction has not been executed");
    check(result == 0x3ff0000000000000, "and goes on when the handler returns");
}

static void left_alone(void)
{
    clears = false;
    prepare();
    __asm__ volatile("fdiv %%st(1), %%st; fwait; fnop; fld1; fwait" : :);
    check(interrupts == 1, "an error that the handler leaves raises no second interrupt");
    __asm__ volatile("fnclex; fldz; fld1; fdiv %%st(1), %%st; fwait" : :);
    check(interrupts == 2, "but the next one does");
}

static void not_waiting(void)
{
    uint16_t status;

    clears = true;
    prepare();
    __asm__ volatile("fdiv %%st(1), %%st; fnstsw %0; fnclex; fwait" : "=a"(status));
    check(interrupts == 0 && (status & 0x80), "an error that is cleared in time raises none");
}

static void held_off(void)
{
    clears = true;
    prepare();
    irq_disable();
    __asm__ volatile("fdiv %%st(1), %%st; fwait; fnop" : :);
    check(interrupts == 0, "no interrupt while they are off");
    irq_enable();
    __asm__ volatile("nop; nop");
    check(interrupts == 1, "the interrupt comes when they are on again");
}

int guest_main(void)
{
    uint64_t cr0;

    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("mov %0, %%cr0" : : "r"((cr0 & ~(uint64_t)0x2c) | 2)); /* MP; not NE, TS, EM */
    *(volatile uint32_t *)(uintptr_t)(LAPIC_BASE + LVT_LINT0) = EXTINT;
    trap_set_handler(VEC_PIC + IRQ_FPU, on_fpu);
    outb(0x21, 0xfb); /* the cascade */
    outb(0xa1, (uint8_t) ~(1u << (IRQ_FPU - 8)));
    comes_before_next();
    left_alone();
    not_waiting();
    held_off();
    print(good ? "ferr: passed\n" : "ferr: FAILED\n");
    return good ? 0 : 1;
}
