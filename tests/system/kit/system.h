/* SPDX-License-Identifier: MIT */
/*
 * What the system tests share. A test is one C file with system_main(); it compares what the
 * processor does with what the manual says, case by case, with check(), and ends with report().
 *
 * The heart is sys_go(): it loads a whole register state (struct context) and goes there by IRET;
 * the next exception, interrupt or INT (DONE: vector 0x30, a DPL-3 gate) brings it back with what
 * the processor pushed and the registers as they were. So a case is a few instructions of assembly
 * and a row of a table. A hook may look at a trap first and let the code go on.
 *
 * Files whose name ends in 32 are 32-bit kernels (kit/core32.S, paging off at first); the others run
 * in long mode on the kit of the demo (roms/kit). Interrupts are off unless a test wants them.
 *
 * A judge is who executes the test: x86sim, QEMU's TCG, KVM; the runner says so on the command line
 * (judge=). A case in which QEMU or KVM is known to depart from the manual is a check_but(): for the
 * judges named it prints QEMU-DIFFERS and the section that says otherwise, and does not fail.
 */
#ifndef TESTS_SYSTEM_KIT_SYSTEM_H
#define TESTS_SYSTEM_KIT_SYSTEM_H

#include "roms/kit/kit.h"

typedef unsigned long word; /* of the mode: 32 or 64 bits */

enum reg { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

enum vectors {
    V_DE = 0,
    V_DB = 1,
    V_NMI = 2,
    V_BP = 3,
    V_OF = 4,
    V_BR = 5,
    V_UD = 6,
    V_NM = 7,
    V_DF = 8,
    V_TS = 10,
    V_NP = 11,
    V_SS = 12,
    V_GP = 13,
    V_PF = 14,
    V_MF = 16,
    V_AC = 17,
    V_XM = 19,
    DONE = 0x30, /* INT DONE ends a case */
};

#define FL_CF 0x1u
#define FL_FIXED 0x2u
#define FL_TF 0x100u
#define FL_IF 0x200u
#define FL_DF 0x400u
#define FL_IOPL3 0x3000u
#define FL_NT 0x4000u
#define FL_RF 0x10000u
#define FL_VM 0x20000u
#define FL_AC 0x40000u
#define FL_VIF 0x80000u
#define FL_VIP 0x100000u
#define FL_ID 0x200000u

#define CR0_PE 0x1u
#define CR0_MP 0x2u
#define CR0_EM 0x4u
#define CR0_TS 0x8u
#define CR0_NE 0x20u
#define CR0_WP 0x10000u
#define CR0_AM 0x40000u
#define CR0_PG 0x80000000u
#define CR4_VME 0x1u
#define CR4_TSD 0x4u
#define CR4_DE 0x8u
#define CR4_PSE 0x10u
#define CR4_PAE 0x20u
#define CR4_PGE 0x80u
#define CR4_UMIP 0x800u
#define CR4_FSGSBASE 0x10000u
#define CR4_PCIDE 0x20000u
#define CR4_SMEP 0x100000u
#define CR4_SMAP 0x200000u
#define CR4_PKE 0x400000u

#define MSR_EFER 0xc0000080u
#define EFER_SCE 1u
#define EFER_NXE 0x800u

#define PTE_U 0x4u
#define PTE_PS 0x80u
#define PTE_NX (1ull << 63)
#define PTE_KEY(k) ((uint64_t)(k) << 59)

/* A register state to go to, or as it was when a trap came. */
struct context {
    word r[16];
    word ip, flags;
    word cs, ss, ds, es, fs, gs; /* data segments: 32-bit kernels only */
    /* What came back. */
    word vector, error;
    word cr2, dr6;
    word frame; /* address of the lowest word that the processor pushed */
    word in_cs; /* CS, SS and flags of the handler */
    word in_ss, in_flags;
};

/* --- report.c: counting and saying ----------------------------------------------------------------- */

#define ON_TCG 1u
#define ON_KVM 2u

/* One case. What fails is printed (the first of them; all are counted). Returns ok. */
bool check(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same where the judges `who` are known to differ from the manual's `section`. */
bool check_but(unsigned who, const char *section, bool ok, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The test is over: prints "NAME: P passed, F failed" and ends the run. */
void report(const char *name) __attribute__((noreturn));
/* Say that something is not there to be tested. */
void absent(const char *what);
/* ON_TCG, ON_KVM, or 0 for x86sim. */
unsigned judge(void);

/* --- machine*.c, trap.c ---------------------------------------------------------------------------- */

/* The test itself. */
void system_main(void);

/* Go there; the answer is the same context, filled in by the next trap. */
void sys_go(struct context *c);
/* Called for every trap before it ends sys_go(): returns whether it was dealt with, and the code goes
 * on with what is in c. NULL for none. */
extern bool (*sys_hook)(struct context *c);
/* Set while DR7.GD is: DR6 is not looked at then. */
extern bool sys_no_dr6;
/* A state to start from: flat kernel segments, the test stack, flags with nothing set. */
void sys_kernel(struct context *c, word ip);
/* Flat user segments, the user's stack. 64-bit: ip and stack in the user's alias of memory. */
void sys_user(struct context *c, word ip);
/* The same at any level, on the test stack but at 3. */
void at_level(struct context *c, unsigned cpl, const uint8_t *code);
/* Flat segments of each level, code and data: selectors without RPL. */
#define SEL_PLAIN(dpl) (0x180 + (dpl)*8)
#define SEL_STACK(dpl) (0x1a0 + (dpl)*8)

/* GDT and IDT are plain arrays; tests write what they want to them. 64-bit gates take two slots. */
extern uint64_t sys_gdt[64];
extern uint64_t sys_idt[512];
extern uint8_t sys_tss[0x3000]; /* the TSS, 0x68 bytes, and an I/O bitmap that refuses all */

/* What that bitmap says of n ports. */
void sys_set_bitmap(unsigned port, unsigned n, bool refused);

#define SYS_STACK_BYTES 8192
extern uint8_t sys_stack_test[SYS_STACK_BYTES];  /* of code at CPL 0 */
extern uint8_t sys_stack_ring0[SYS_STACK_BYTES]; /* what the TSS names for CPL 0 */
extern uint8_t sys_stack_user[SYS_STACK_BYTES];
extern uint8_t sys_stack_spare[4][SYS_STACK_BYTES]; /* CPL 1 and 2, IST */

/* The stub of a vector, for gates. */
word sys_stub(unsigned vector);
/* Descriptor without its base's upper half: access byte and flags nibble as in the manual. */
uint64_t sys_segment(uint32_t base, uint32_t limit, uint8_t access, uint8_t flags);
/* The low half of a gate. */
uint64_t sys_gate(uint16_t sel, word offset, uint8_t access, uint8_t count_or_ist);
/* Sets IDT entry `vector` to that gate (both halves). */
void sys_set_gate(unsigned vector, uint16_t sel, word offset, uint8_t access, uint8_t ist);

struct sys_pointer {
    uint16_t limit;
    word base;
} __attribute__((packed));

static inline word stack_top(uint8_t *stack)
{
    return (word)(uintptr_t)stack + SYS_STACK_BYTES - 64;
}

/* --- instructions ---------------------------------------------------------------------------------- */

#define SYS_CR(n)                                                                                  \
    static inline word read_cr##n(void)                                                            \
    {                                                                                              \
        word v;                                                                                    \
        __asm__ volatile("mov %%cr" #n ", %0" : "=r"(v));                                          \
        return v;                                                                                  \
    }                                                                                              \
    static inline void write_cr##n(word v)                                                         \
    {                                                                                              \
        __asm__ volatile("mov %0, %%cr" #n : : "r"(v) : "memory");                                 \
    }
SYS_CR(0)
SYS_CR(2)
SYS_CR(3)
SYS_CR(4)
#undef SYS_CR

#define SYS_DR(n)                                                                                  \
    static inline word read_dr##n(void)                                                            \
    {                                                                                              \
        word v;                                                                                    \
        __asm__ volatile("mov %%dr" #n ", %0" : "=r"(v));                                          \
        return v;                                                                                  \
    }                                                                                              \
    static inline void write_dr##n(word v)                                                         \
    {                                                                                              \
        __asm__ volatile("mov %0, %%dr" #n : : "r"(v) : "memory");                                 \
    }
SYS_DR(0)
SYS_DR(1)
SYS_DR(2)
SYS_DR(3)
SYS_DR(6)
SYS_DR(7)
#undef SYS_DR

/* A piece of guest code at file scope: a label that C can see. */
#define CODE(name, text)                                                                           \
    extern const uint8_t name[];                                                                   \
    __asm__(".pushsection .text\n" #name ": " text "\n.popsection")

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid sys_cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid c;
    __asm__ volatile("cpuid"
                     : "=a"(c.eax), "=b"(c.ebx), "=c"(c.ecx), "=d"(c.edx)
                     : "a"(leaf), "c"(subleaf));
    return c;
}

#endif
