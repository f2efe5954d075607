/* SPDX-License-Identifier: MIT */
/*
 * SYSCALL and SYSRET: registers, segments, every bit of the flags and of SFMASK, TF, addresses that are not canonical, from and to
 * 64-bit and compatibility mode; SYSENTER and SYSEXIT; SWAPGS and the bases of FS and GS.
 *
 * Intel and AMD differ here, and CPUID says which it is: SYSRET to an address that is not canonical is #GP in the kernel
 * (Intel SDM vol. 2 SYSRET) or a fault of the user's fetch (AMD APM vol. 3); SYSCALL in compatibility mode is #UD for Intel;
 * SYSENTER in long mode is #UD for AMD.
 */
#include "tests/system/kit/machine64.h"

#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_CSTAR 0xc0000083u
#define MSR_SFMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_SYSENTER_CS 0x174u

#define STAR_KERNEL 0x80 /* and + 8: a pair that need not match descriptors */
#define STAR_USER                                                                                  \
    0x23 /* + 8 U_DATA's and + 16 U_CODE64's selectors are 0x2b, 0x33: fixed contents all the same */
#define NOT_CANONICAL 0x0000800000000000ul

CODE(do_syscall, "syscall\n after_syscall: int $0x30");
extern const uint8_t after_syscall[];
CODE(entered, "mov %cs, %eax\n mov %ss, %ebx\n pushfq\n pop %rdx\n int $0x30");
CODE(entered_compat, "mov %cs, %eax\n mov %ss, %ebx\n mov $0x32, %esi\n int $0x30");
CODE(do_sysret64, "sysretq\n int $0x30");
CODE(do_sysret32, "sysretl\n int $0x30");
CODE(in_user, "mov %cs, %eax\n mov %ss, %ebx\n pushfq\n pop %rdx\n int $0x30");
CODE(in_user32,
     ".code32\n mov %cs, %eax\n mov %ss, %ebx\n pushfl\n pop %edx\n int $0x30\n .code64");
CODE(syscall32, ".code32\n syscall\n after_syscall32: int $0x30\n .code64");
extern const uint8_t after_syscall32[];
CODE(sysenter, "sysenter\n int $0x30");
CODE(do_sysexit, "sysexitl\n int $0x30");
CODE(write_msr, "wrmsr\n int $0x30");
CODE(do_swapgs, "swapgs\n int $0x30");
CODE(fsgsbase, ".byte 0xf3, 0x48, 0x0f, 0xae, 0xd1\n" /* wrfsbase %rcx */
               ".byte 0xf3, 0x48, 0x0f, 0xae, 0xda\n" /* wrgsbase %rdx */
               ".byte 0xf3, 0x48, 0x0f, 0xae, 0xc6\n" /* rdfsbase %rsi */
               ".byte 0xf3, 0x48, 0x0f, 0xae, 0xcf\n" /* rdgsbase %rdi */
               "int $0x30");
CODE(wrfsbase, ".byte 0xf3, 0x48, 0x0f, 0xae, 0xd1\n int $0x30");

static bool is_amd;

/* Compatibility mode needs code and stack below 4 GiB that the user may touch. */
static uint64_t low_pd[512] __attribute__((aligned(4096)));
#define LOW_ALIAS 0xc0000000ull

static void map_low_alias(void)
{
    uint64_t *pdpt = (uint64_t *)(uintptr_t)(sys_pml4[0] & 0xfffff000);

    memcpy(low_pd, (void *)(uintptr_t)(pdpt[3] & 0xfffff000), sizeof low_pd);
    for (unsigned i = 0; i < 32; i++)
        low_pd[i] = i * 0x200000ull + (PTE_P | PTE_W | PTE_U | PTE_PS | PTE_A | PTE_D);
    pdpt[3] = (uintptr_t)low_pd + (PTE_P | PTE_W | PTE_U | PTE_A);
    write_cr3(read_cr3());
}

static word low(const void *p)
{
    return (uintptr_t)p + LOW_ALIAS;
}

static void set_syscalls(bool on)
{
    uint64_t efer = rdmsr(MSR_EFER);

    wrmsr(MSR_EFER, on ? efer | EFER_SCE : efer & ~(uint64_t)EFER_SCE);
    wrmsr(MSR_STAR, (uint64_t)STAR_USER << 48 | (uint64_t)STAR_KERNEL << 32 | 0x12345678);
    wrmsr(MSR_LSTAR, (uintptr_t)entered);
    wrmsr(MSR_CSTAR, (uintptr_t)entered_compat);
    wrmsr(MSR_SFMASK, 0);
}

static void off(void)
{
    static const struct {
        const uint8_t *code;
        const char *name;
    } cases[] = {{do_syscall, "SYSCALL"}, {do_sysret64, "SYSRETQ"}, {do_sysret32, "SYSRETL"}};
    struct context c;

    set_syscalls(false);
    for (unsigned i = 0; i < 3; i++)
        for (unsigned user = 0; user < 2; user++) {
            (user ? sys_user : sys_kernel)(&c, (uintptr_t)cases[i].code);
            sys_go(&c);
            check(c.vector == V_UD, "%s with SCE clear at CPL %u: vector %lu", cases[i].name,
                  user * 3, c.vector);
        }
    set_syscalls(true);
    for (unsigned i = 1; i < 3; i++) {
        sys_user(&c, (uintptr_t)cases[i].code);
        sys_go(&c);
        check(c.vector == V_GP && c.error == 0, "%s at CPL 3: vector %lu", cases[i].name, c.vector);
    }
}

static void enter(void)
{
    struct context c;

    for (unsigned user = 0; user < 2; user++)
        for (unsigned bit = 0; bit < 22; bit++)
            for (unsigned mask = 0; mask < 3; mask++) {
                word set = 1u << bit, flags = FL_FIXED | set,
                     sfmask = mask == 0   ? 0
                              : mask == 1 ? set
                                          : ~(word)0 >> 32;

                if (!(set & 0x3f7fd7) || set == FL_TF || set == FL_VM)
                    continue;
                wrmsr(MSR_SFMASK, sfmask);
                (user ? sys_user : sys_kernel)(&c, (uintptr_t)do_syscall);
                c.flags = flags;
                sys_go(&c);
                check(c.vector == DONE && c.r[RAX] == STAR_KERNEL && c.r[RBX] == STAR_KERNEL + 8,
                      "SYSCALL at CPL %u: vector %lu, CS %lx SS %lx", user * 3, c.vector, c.r[RAX],
                      c.r[RBX]);
                check_but(set & (FL_VIF | FL_VIP) ? ON_TCG : 0, "SDM vol. 2 IRET (VIF, VIP)",
                          c.r[RCX] == (uintptr_t)after_syscall + (user ? USER_ALIAS : 0) &&
                              c.r[R11] == (flags & ~(word)FL_RF),
                          "SYSCALL: RCX %lx, R11 %lx, flags were %lx", c.r[RCX], c.r[R11], flags);
                check_but(ON_TCG, "SDM vol. 2 SYSCALL (flags not in SFMASK stay)",
                          c.r[RDX] == ((flags & ~sfmask & ~(word)FL_RF) | FL_FIXED),
                          "SYSCALL: flags %lx mask %lx: %lx", flags, sfmask, c.r[RDX]);
            }
    wrmsr(MSR_SFMASK, 0);
    sys_user(&c, (uintptr_t)do_syscall);
    sys_go(&c);
    /* The level is 0, whatever the selector: the INT came from there. */
    check((c.cs & 3) == 0, "SYSCALL leads to CPL 0: CS %lx", c.cs);
}

static void enter_from_compat(void)
{
    struct context c;

    sys_user(&c, low(syscall32) - USER_ALIAS);
    c.cs = U_CODE32;
    c.r[RSP] = low(sys_stack_user) + 4096;
    sys_go(&c);
    if (is_amd)
        check(c.vector == DONE && c.r[RSI] == 0x32 && c.r[RAX] == STAR_KERNEL &&
                  c.r[RCX] == low(after_syscall32),
              "SYSCALL in compatibility mode: vector %lu, RCX %lx", c.vector, c.r[RCX]);
    else
        check(c.vector == V_UD, "SYSCALL in compatibility mode (Intel): vector %lu", c.vector);
}

static void leave(void)
{
    struct context c;

    for (unsigned wide = 0; wide < 2; wide++)
        for (unsigned bit = 0; bit < 32; bit++) {
            word set = 1ul << bit, want = (set & 0x3c7fd7 & ~(word)0x28) | FL_FIXED;

            if (set == FL_TF || set == FL_IOPL3 || bit == 12 || bit == 13)
                continue;
            sys_kernel(&c, (uintptr_t)(wide ? do_sysret64 : do_sysret32));
            c.r[RCX] = wide ? user_alias(in_user) : low(in_user32) | 0xabcdul << 32;
            c.r[R11] = set;
            c.r[RSP] = wide ? user_alias(sys_stack_user) + 4096 : low(sys_stack_user) + 4096;
            sys_go(&c);
            check_but(set == FL_VM ? ON_TCG : 0, "SDM vol. 2 SYSRET (VM is cleared)",
                      c.vector == DONE && c.r[RAX] == (STAR_USER + (wide ? 16u : 0)) &&
                          c.r[RBX] == STAR_USER + 8 && (c.cs & 3) == 3,
                      "SYSRET%s: vector %lu error %lx, CS %lx SS %lx", wide ? "Q" : "L", c.vector,
                      c.error, c.r[RAX], c.r[RBX]);
            check_but(set & (FL_VM | FL_VIF | FL_VIP) ? ON_TCG : 0,
                      "SDM vol. 2 SYSRET (R11 & 3C7FD7)", c.r[RDX] == want,
                      "SYSRET%s, R11 %lx: flags %lx, expected %lx", wide ? "Q" : "L", set, c.r[RDX],
                      want);
        }
}

static void not_canonical(void)
{
    static const word where[] = {0x0000800000000000, 0xffff7fffffffffff, 0x8000000000000000,
                                 0x00ff000000000000};
    static const struct {
        uint32_t msr;
        const char *name;
    } msrs[] = {{MSR_LSTAR, "LSTAR"},
                {MSR_CSTAR, "CSTAR"},
                {MSR_FS_BASE, "FS.base"},
                {MSR_GS_BASE, "GS.base"},
                {MSR_KERNEL_GS_BASE, "KernelGSbase"},
                {0x175, "SYSENTER_ESP"},
                {0x176, "SYSENTER_EIP"}};
    struct context c;

    for (unsigned i = 0; i < 4; i++) {
        sys_kernel(&c, (uintptr_t)do_sysret64);
        c.r[RCX] = where[i];
        c.r[R11] = FL_FIXED;
        sys_go(&c);
        if (is_amd)
            check(c.vector == V_GP && c.error == 0 && c.ip == where[i] && (c.cs & 3) == 3,
                  "SYSRETQ to %lx (AMD): vector %lu error %lx at %lx:%lx", where[i], c.vector,
                  c.error, c.cs, c.ip);
        else
            check_but(ON_TCG, "SDM vol. 2 SYSRET",
                      c.vector == V_GP && c.error == 0 && c.ip == (uintptr_t)do_sysret64 &&
                          (c.cs & 3) == 0,
                      "SYSRETQ to %lx (Intel): vector %lu error %lx at %lx:%lx", where[i], c.vector,
                      c.error, c.cs, c.ip);
        for (unsigned j = 0; j < sizeof msrs / sizeof *msrs; j++) {
            uint64_t before = rdmsr(msrs[j].msr);
            /* AMD's SYSENTER addresses are 32 bits wide. */
            bool refused = !(is_amd && j >= 5);

            sys_kernel(&c, (uintptr_t)write_msr);
            c.r[RCX] = msrs[j].msr;
            c.r[RAX] = (uint32_t)where[i];
            c.r[RDX] = where[i] >> 32;
            sys_go(&c);
            if (refused)
                check_but(ON_TCG, "SDM vol. 2 WRMSR (#GP if not canonical)",
                          c.vector == V_GP && c.error == 0 && rdmsr(msrs[j].msr) == before,
                          "WRMSR %s %lx: vector %lu, %lx", msrs[j].name, where[i], c.vector,
                          rdmsr(msrs[j].msr));
            if (c.vector == DONE)
                wrmsr(msrs[j].msr, before);
        }
    }
}

/* TF: a trap behind SYSCALL unless SFMASK clears it; behind SYSRET at once (APM vol. 3; SDM vol. 3 17.3.1.4). */
static void trap_flag(void)
{
    struct context c;

    for (unsigned masked = 0; masked < 2; masked++) {
        wrmsr(MSR_SFMASK, masked ? FL_TF : 0);
        sys_user(&c, (uintptr_t)do_syscall);
        c.flags |= FL_TF;
        sys_go(&c);
        if (masked)
            check(c.vector == DONE && (c.r[R11] & FL_TF),
                  "SYSCALL with TF masked: vector %lu, R11 %lx", c.vector, c.r[R11]);
        else
            check(c.vector == V_DB && c.ip == (uintptr_t)entered && (c.cs & 3) == 0,
                  "SYSCALL with TF: vector %lu at %lx", c.vector, c.ip);
    }
    wrmsr(MSR_SFMASK, 0);
    sys_kernel(&c, (uintptr_t)do_sysret64);
    c.r[RCX] = user_alias(in_user);
    c.r[R11] = FL_FIXED | FL_TF;
    sys_go(&c);
    check_but(is_amd ? 0 : ON_TCG, "", c.vector == V_DB && c.ip == user_alias(in_user),
              "SYSRETQ with TF: vector %lu at %lx", c.vector, c.ip);
}

/* RF: neither SYSCALL nor SYSRET leaves it set, so that a breakpoint behind them hits; R11 has it clear. */
static void resume_flag(void)
{
    struct context c;

    for (unsigned back = 0; back < 2; back++) {
        word at = back ? user_alias(in_user) : (uintptr_t)entered;

        if (back)
            sys_kernel(&c, (uintptr_t)do_sysret64);
        else
            sys_user(&c, (uintptr_t)do_syscall);
        c.flags |= FL_RF;
        c.r[RCX] = at;
        c.r[R11] = FL_FIXED | FL_RF;
        write_dr0(at);
        write_dr6(0);
        write_dr7(0x402);
        sys_go(&c);
        write_dr7(0x400);
        check(c.vector == V_DB && c.ip == at && (c.dr6 & 15) == 1,
              "a breakpoint behind %s: vector %lu at %lx", back ? "SYSRET" : "SYSCALL", c.vector,
              c.ip);
    }
}

static void sysenter_sysexit(void)
{
    struct context c;

    wrmsr(MSR_SYSENTER_CS, 0);
    for (unsigned user = 0; user < 2; user++)
        for (unsigned exit = 0; exit < 2; exit++) {
            /* AMD's processors know neither in long mode, but look at SYSEXIT's privilege before. */
            bool privilege = exit && user;
            word want = is_amd && !privilege ? V_UD : V_GP;

            (user ? sys_user : sys_kernel)(&c, (uintptr_t)(exit ? do_sysexit : sysenter));
            sys_go(&c);
            check_but(is_amd && privilege ? ON_TCG : 0, "APM vol. 3 SYSEXIT (CPL was not 0)",
                      c.vector == want, "%s with no CS at CPL %u: vector %lu",
                      exit ? "SYSEXIT" : "SYSENTER", user * 3, c.vector);
        }
}

static void bases(void)
{
    uint64_t fs = rdmsr(MSR_FS_BASE), gs = rdmsr(MSR_GS_BASE);
    bool has = sys_cpuid(7, 0).ebx & 1;
    struct context c;

    wrmsr(MSR_GS_BASE, 0x1111);
    wrmsr(MSR_KERNEL_GS_BASE, 0xffff800000002222);
    sys_kernel(&c, (uintptr_t)do_swapgs);
    sys_go(&c);
    check(c.vector == DONE && rdmsr(MSR_GS_BASE) == 0xffff800000002222 &&
              rdmsr(MSR_KERNEL_GS_BASE) == 0x1111,
          "SWAPGS");
    sys_user(&c, (uintptr_t)do_swapgs);
    sys_go(&c);
    check(c.vector == V_GP && c.error == 0 && rdmsr(MSR_KERNEL_GS_BASE) == 0x1111,
          "SWAPGS at CPL 3: vector %lu", c.vector);
    for (unsigned on = 0; on < 2; on++)
        for (unsigned user = 0; user < 2; user++) {
            if (!has && on)
                continue;
            write_cr4(on ? read_cr4() | CR4_FSGSBASE : read_cr4() & ~(word)CR4_FSGSBASE);
            (user ? sys_user : sys_kernel)(&c, (uintptr_t)fsgsbase);
            c.r[RCX] = 0xffff80000000abcd;
            c.r[RDX] = 0x00007fffffffffff;
            sys_go(&c);
            check(c.vector == (word)(on ? DONE : V_UD),
                  "WRFSBASE, CR4.FSGSBASE %u, CPL %u: vector %lu", on, user * 3, c.vector);
            check(!on || (c.r[RSI] == c.r[RCX] && c.r[RDI] == c.r[RDX]),
                  "RDFSBASE %lx RDGSBASE %lx", c.r[RSI], c.r[RDI]);
            sys_user(&c, (uintptr_t)wrfsbase);
            c.r[RCX] = NOT_CANONICAL;
            sys_go(&c);
            check_but(ON_TCG, "SDM vol. 2 WRFSBASE (#GP if not canonical)",
                      c.vector == (word)(on ? V_GP : V_UD), "WRFSBASE, not canonical: vector %lu",
                      c.vector);
        }
    wrmsr(MSR_FS_BASE, fs);
    wrmsr(MSR_GS_BASE, gs);
}

void system_main(void)
{
    is_amd = sys_cpuid(0, 0).ebx == 0x68747541;
    if (!(sys_cpuid(0x80000001, 0).edx >> 11 & 1))
        absent("SYSCALL");
    map_low_alias();
    off();
    enter();
    enter_from_compat();
    leave();
    not_canonical();
    trap_flag();
    resume_flag();
    sysenter_sysexit();
    bases();
    report("syscalls");
}
