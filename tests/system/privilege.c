/* SPDX-License-Identifier: MIT */
/*
 * What only CPL 0 may do, and what it may not either: privileged instructions from every level, IN and OUT by IOPL and by the
 * I/O permission bitmap, CLI and STI, UMIP, TSD; combinations of bits that control registers refuse; MSRs that are not
 * there; opcodes that 64-bit mode has taken away; LOCK where it may not be (Intel SDM vol. 3 §2.5, §5.9; vol. 1 §18.5; vol. 2
 * of each instruction).
 */
#include "tests/system/kit/machine64.h"

/* Bytes of one instruction, run at a place of its own and followed by INT DONE. */
static uint8_t scratch[64] __attribute__((aligned(64)));

static void set_code(const uint8_t *bytes, unsigned n)
{
    memcpy(scratch, bytes, n);
    scratch[n] = 0xcd;
    scratch[n + 1] = DONE;
}

/* --- Privileged instructions ---------------------------------------------------------------------------- */

static void privileged(void)
{
    static const struct {
        const char *name;
        uint8_t n, bytes[5];
        bool not_at_0; /* is not to be done for the sake of it */
    } cases[] = {
        {"HLT", 1, {0xf4}, true},
        {"CLTS", 2, {0x0f, 0x06}, false},
        {"INVD", 2, {0x0f, 0x08}, true},
        {"WBINVD", 2, {0x0f, 0x09}, false},
        {"LGDT", 3, {0x0f, 0x01, 0x17}, true},
        {"LIDT", 3, {0x0f, 0x01, 0x1f}, true},
        {"LLDT", 3, {0x0f, 0x00, 0xd0}, false}, /* AX = 0 */
        {"LTR", 3, {0x0f, 0x00, 0xd8}, true},
        {"LMSW", 3, {0x0f, 0x01, 0xf0}, true},
        {"INVLPG", 3, {0x0f, 0x01, 0x3f}, false},
        {"MOV from CR0", 3, {0x0f, 0x20, 0xc0}, false},
        {"MOV from CR2", 3, {0x0f, 0x20, 0xd0}, false},
        {"MOV from CR3", 3, {0x0f, 0x20, 0xd8}, false},
        {"MOV from CR4", 3, {0x0f, 0x20, 0xe0}, false},
        {"MOV from CR8", 4, {0x44, 0x0f, 0x20, 0xc0}, false},
        {"MOV to CR2", 3, {0x0f, 0x22, 0xd0}, false},
        {"MOV to CR8", 4, {0x44, 0x0f, 0x22, 0xc0}, false}, /* RAX = 0 */
        {"MOV from DR7", 3, {0x0f, 0x21, 0xf8}, false},
        {"MOV to DR0", 3, {0x0f, 0x23, 0xc0}, false},
        {"RDMSR", 2, {0x0f, 0x32}, false}, /* ECX = EFER */
        {"WRMSR", 2, {0x0f, 0x30}, true},
        {"SWAPGS", 3, {0x0f, 0x01, 0xf8}, true},
        {"SYSRET", 3, {0x48, 0x0f, 0x07}, true},
    };
    struct context c;

    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned cpl = cases[i].not_at_0 ? 1 : 0; cpl < 4; cpl++) {
            set_code(cases[i].bytes, cases[i].n);
            at_level(&c, cpl, scratch);
            c.r[RCX] = MSR_EFER;
            c.r[RDI] = (uintptr_t)scratch;
            c.flags |= FL_IOPL3;
            sys_go(&c);
            check(c.vector == (word)(cpl ? V_GP : DONE) && c.error == 0,
                  "%s at CPL %u: vector %lu error %lx", cases[i].name, cpl, c.vector, c.error);
        }
}

/* --- IOPL, the bitmap, and what else has a switch --------------------------------------------------------- */

static void ports(void)
{
    static const struct {
        const char *name;
        uint8_t n, bytes[3];
        uint8_t size;
    } cases[] = {
        {"IN AL, DX", 1, {0xec}, 1},
        {"IN AX, DX", 2, {0x66, 0xed}, 2},
        {"IN EAX, DX", 1, {0xed}, 4},
        {"OUT DX, AL", 1, {0xee}, 1},
        {"OUT DX, AX", 2, {0x66, 0xef}, 2},
        {"OUT DX, EAX", 1, {0xef}, 4},
        {"INSB", 1, {0x6c}, 1},
        {"OUTSD", 1, {0x6f}, 4},
        {"REP OUTSB of 0", 2, {0xf3, 0x6e}, 1},
        {"IN AL, imm", 2, {0xe4, 0x80}, 1},
    };
    struct context c;

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned cpl = 0; cpl < 4; cpl++)
            for (unsigned iopl = 0; iopl < 4; iopl++)
                /* Nothing, everything, everything but one of the port's. */
                for (unsigned open = 0; open < 6; open++) {
                    bool allowed =
                        cpl <= iopl || open == 1 || (open >= 2 && open - 2 >= cases[i].size);

                    if (open == 1 || open >= 2)
                        sys_set_bitmap(0x80, 8, false);
                    if (open >= 2)
                        sys_set_bitmap(0x80 + open - 2, 1, true);
                    set_code(cases[i].bytes, cases[i].n);
                    at_level(&c, cpl, scratch);
                    c.flags |= iopl << 12;
                    c.r[RDX] = 0x80;
                    c.r[RSI] = c.r[RDI] =
                        (uintptr_t)sys_stack_spare[3] + (cpl == 3 ? USER_ALIAS : 0);
                    sys_go(&c);
                    sys_set_bitmap(0x80, 8, true);
                    check(c.vector == (word)(allowed ? DONE : V_GP) && c.error == 0,
                          "%s at CPL %u IOPL %u, bitmap %u: vector %lu error %lx, expected %u",
                          cases[i].name, cpl, iopl, open, c.vector, c.error, allowed);
                }
    /* A bitmap beyond the TSS's limit refuses; so does one whose second byte is beyond it (the last byte of ports has to be
     * followed by one). */
    for (unsigned limit = 0x68 + 15; limit < 0x68 + 20; limit++) {
        bool allowed = limit >= 0x68 + 0x80 / 8 + 1;

        sys_gdt[GDT_SLOT(K_TSS)] = sys_segment((uint32_t)(uintptr_t)sys_tss, limit, 0x89, 0);
        __asm__ volatile("ltr %w0" : : "r"(K_TSS));
        sys_set_bitmap(0x80, 8, false);
        set_code((const uint8_t[]){0xec}, 1);
        at_level(&c, 3, scratch);
        c.r[RDX] = 0x80;
        sys_go(&c);
        check(c.vector == (word)(allowed ? DONE : V_GP), "IN with a TSS of limit %x: vector %lu",
              limit, c.vector);
    }
    sys_gdt[GDT_SLOT(K_TSS)] = sys_segment((uint32_t)(uintptr_t)sys_tss, 0x2068, 0x89, 0);
    __asm__ volatile("ltr %w0" : : "r"(K_TSS));
    sys_set_bitmap(0x80, 8, true);
}

static void switches(void)
{
    bool has_umip = sys_cpuid(7, 0).ecx >> 2 & 1;
    static const struct {
        const char *name;
        uint8_t n, bytes[4];
    } umip[] = {{"SGDT", 3, {0x0f, 0x01, 0x07}},
                {"SIDT", 3, {0x0f, 0x01, 0x0f}},
                {"SLDT", 3, {0x0f, 0x00, 0xc0}},
                {"STR", 3, {0x0f, 0x00, 0xc8}},
                {"SMSW", 3, {0x0f, 0x01, 0xe0}}};
    struct context c;

    for (unsigned cpl = 0; cpl < 4; cpl++) {
        for (unsigned iopl = 0; iopl < 4; iopl++)
            for (unsigned sti = 0; sti < 2; sti++) {
                set_code((const uint8_t[]){sti ? 0xfb : 0xfa}, 1);
                at_level(&c, cpl, scratch);
                c.flags |= iopl << 12;
                sys_go(&c);
                check(c.vector == (word)(cpl <= iopl ? DONE : V_GP) && c.error == 0,
                      "%s at CPL %u IOPL %u: vector %lu", sti ? "STI" : "CLI", cpl, iopl, c.vector);
                if (c.vector == DONE)
                    check(!(c.flags & FL_IF) == !sti, "%s at CPL %u IOPL %u: flags %lx",
                          sti ? "STI" : "CLI", cpl, iopl, c.flags);
            }
        for (unsigned on = 0; on < 2; on++) {
            write_cr4(on ? read_cr4() | CR4_TSD : read_cr4() & ~(word)CR4_TSD);
            set_code((const uint8_t[]){0x0f, 0x31}, 2);
            at_level(&c, cpl, scratch);
            sys_go(&c);
            check(c.vector == (word)(on && cpl ? V_GP : DONE),
                  "RDTSC at CPL %u, TSD %u: vector %lu", cpl, on, c.vector);
        }
        write_cr4(read_cr4() & ~(word)CR4_TSD);
        for (unsigned i = 0; i < 5; i++)
            for (unsigned on = 0; on <= has_umip; on++) {
                if (has_umip)
                    write_cr4(on ? read_cr4() | CR4_UMIP : read_cr4() & ~(word)CR4_UMIP);
                set_code(umip[i].bytes, umip[i].n);
                at_level(&c, cpl, scratch);
                c.r[RDI] = (uintptr_t)sys_stack_spare[3] + (cpl == 3 ? USER_ALIAS : 0);
                sys_go(&c);
                check(c.vector == (word)(on && cpl ? V_GP : DONE) && c.error == 0,
                      "%s at CPL %u, UMIP %u: vector %lu", umip[i].name, cpl, on, c.vector);
            }
    }
    if (has_umip)
        write_cr4(read_cr4() & ~(word)CR4_UMIP);
    else
        absent("UMIP");
}

/* --- Control registers ------------------------------------------------------------------------------------ */

CODE(to_cr0, "mov %rax, %cr0\n int $0x30");
CODE(to_cr4, "mov %rax, %cr4\n int $0x30");
CODE(to_cr3, "mov %rax, %cr3\n int $0x30");
CODE(to_cr8, "mov %rax, %cr8\n int $0x30");
CODE(to_msr, "wrmsr\n int $0x30");
CODE(from_msr, "rdmsr\n int $0x30");
CODE(do_lmsw, "lmsw %ax\n int $0x30");

/* Writes `value`; a fault has to leave everything as it is. `refuse` is what the manual says. */
static void try_register(const char *name, const uint8_t *code, word value, bool refuse,
                         unsigned known)
{
    word cr0 = read_cr0(), cr3 = read_cr3(), cr4 = read_cr4();
    struct context c;

    if ((code == to_cr4 || code == to_cr3 || code == to_cr8) && refuse && (judge() & ON_TCG))
        return; /* which hangs at some */
    sys_kernel(&c, (uintptr_t)code);
    c.r[RAX] = value;
    sys_go(&c);
    if (refuse)
        check_but(known, "SDM vol. 3 2.5",
                  c.vector == V_GP && c.error == 0 && c.ip == (uintptr_t)code &&
                      read_cr0() == cr0 && read_cr4() == cr4 && read_cr3() == cr3,
                  "%s %lx: vector %lu error %lx, CR0 %lx CR4 %lx", name, value, c.vector, c.error,
                  read_cr0(), read_cr4());
    else
        check_but(known, "SDM vol. 3 2.5", c.vector == DONE, "%s %lx: vector %lu error %lx", name,
                  value, c.vector, c.error);
    if (read_cr0() != cr0)
        write_cr0(cr0);
    if (read_cr4() != cr4)
        write_cr4(cr4);
    if (read_cr3() != cr3)
        write_cr3(cr3);
}

static void control_registers(void)
{
    word cr0 = read_cr0(), cr4 = read_cr4();
    uint32_t ebx7 = sys_cpuid(7, 0).ebx, ecx7 = sys_cpuid(7, 0).ecx, ecx1 = sys_cpuid(1, 0).ecx;
    uint64_t efer = rdmsr(MSR_EFER);
    struct context c;

    if (judge() & ON_TCG) { /* it does, and could not go on */
        print("QEMU-DIFFERS from SDM vol. 3 2.5: PE, PG and PAE may be cleared in long mode\n");
    } else {
        try_register("CR0", to_cr0, cr0 & ~(word)CR0_PE, true, 0);
        try_register("CR0", to_cr0, cr0 & ~(word)(CR0_PE | CR0_PG), true, 0);
        try_register("CR0", to_cr0, cr0 & ~(word)CR0_PG, true, 0); /* from 64-bit code */
        try_register("CR4", to_cr4, cr4 & ~(word)CR4_PAE, true, 0);
        try_register("CR4.LA57 in long mode", to_cr4, cr4 ^ 1ul << 12, true, 0);
    }
    try_register("CR0", to_cr0, cr0 | 0x20000000, true, ON_TCG); /* NW without CD */
    try_register("CR0", to_cr0, cr0 | 0x60000000, false, 0);
    try_register("CR0", to_cr0, cr0 | 0x40000000, false, 0);
    for (unsigned bit = 32; bit < 64; bit++)
        try_register("CR0", to_cr0, cr0 | 1ul << bit, true, ON_TCG);
    for (unsigned bit = 6; bit < 28; bit++) /* reserved ones are ignored */
        if (bit != 16 && bit != 18 && bit < 28 && bit > 5)
            try_register("CR0", to_cr0, cr0 | 1ul << bit, false, 0);
    for (unsigned bit = 32; bit < 64; bit++)
        try_register("CR4", to_cr4, cr4 | 1ul << bit, true, 0);
    for (unsigned bit = 23; bit < 32; bit++)
        if (bit != 24 && bit != 25 && bit != 27 && bit != 28)
            try_register("CR4", to_cr4, cr4 | 1ul << bit, true, ON_TCG);
    try_register("CR4 bit 15", to_cr4, cr4 | 1ul << 15, true, ON_TCG);
    try_register("CR4.VMXE", to_cr4, cr4 | 1ul << 13, !(ecx1 >> 5 & 1), ON_TCG);
    try_register("CR4.SMXE", to_cr4, cr4 | 1ul << 14, !(ecx1 >> 6 & 1), ON_TCG);
    try_register("CR4.SMEP", to_cr4, cr4 | CR4_SMEP, !(ebx7 >> 7 & 1), ON_TCG);
    try_register("CR4.SMAP", to_cr4, cr4 | CR4_SMAP, !(ebx7 >> 20 & 1), ON_TCG);
    try_register("CR4.PKE", to_cr4, cr4 | CR4_PKE, !(ecx7 >> 3 & 1), ON_TCG);
    try_register("CR4.UMIP", to_cr4, cr4 | CR4_UMIP, !(ecx7 >> 2 & 1), ON_TCG);
    try_register("CR4.FSGSBASE", to_cr4, cr4 | CR4_FSGSBASE, !(ebx7 & 1), ON_TCG);
    try_register("CR4.PCIDE", to_cr4, cr4 | CR4_PCIDE, !(ecx1 >> 17 & 1), ON_TCG);
    try_register("CR4.OSXSAVE", to_cr4, cr4 | 1ul << 18, !(ecx1 >> 26 & 1), ON_TCG);
    for (unsigned bit = 52; bit < 64; bit++)
        try_register("CR3", to_cr3, read_cr3() | 1ul << bit, true, ON_TCG);
    for (unsigned bit = 0; bit < 64; bit++)
        try_register("CR8", to_cr8, 1ul << bit, bit > 3, ON_TCG);
    write_cr0(cr0);
    __asm__ volatile("mov %0, %%cr8" : : "r"(0ul));
    /* LMSW sets PE and never clears it. */
    try_register("LMSW", do_lmsw, 0, false, 0);
    check(read_cr0() & CR0_PE, "LMSW does not clear PE");

    /* EFER: reserved bits; LME does not change while paging is on. */
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t set = 1ull << bit, value = efer ^ set;
        bool known_bit = bit == 0 || bit == 8 || bit == 10 || bit == 11;

        if (bit == 12 || bit == 13 || bit == 14 || bit == 15 || bit == 10)
            continue; /* AMD's; LMA is read-only and what is written is ignored or refused */
        sys_kernel(&c, (uintptr_t)to_msr);
        c.r[RCX] = MSR_EFER;
        c.r[RAX] = (uint32_t)value;
        c.r[RDX] = value >> 32;
        sys_go(&c);
        check_but(ON_TCG, "SDM vol. 3 2.2.1, 9.8.5.1",
                  c.vector == (word)(!known_bit || bit == 8 ? V_GP : DONE),
                  "EFER bit %u: vector %lu", bit, c.vector);
        wrmsr(MSR_EFER, efer);
    }
}

/* CR1, CR5 ...: #UD, with privilege and without. */
static void missing(void)
{
    static const uint32_t msrs[] = {0x12345678, 0xc0001234, 0x40000001, 0x00000002};
    struct context c;

    for (unsigned cr = 0; cr < 16; cr++)
        for (unsigned write = 0; write < 2; write++)
            for (unsigned cpl = 0; cpl < 4; cpl += 3) {
                uint8_t bytes[] = {cr & 8 ? 0x44 : 0x40, 0x0f, write ? 0x22 : 0x20,
                                   0xc0 | (cr & 7) << 3};

                if (cr == 0 || cr == 2 || cr == 3 || cr == 4 || cr == 8)
                    continue;
                set_code(bytes, 4);
                at_level(&c, cpl, scratch);
                sys_go(&c);
                check_but(cpl ? ON_TCG : 0, "SDM vol. 3 6.9 (decoding comes first)",
                          c.vector == V_UD, "CR%u at CPL %u: vector %lu", cr, cpl, c.vector);
            }
    for (unsigned dr = 8; dr < 16; dr++) {
        uint8_t bytes[] = {0x44, 0x0f, 0x21, 0xc0 | (dr & 7) << 3};

        set_code(bytes, 4);
        at_level(&c, 0, scratch);
        sys_go(&c);
        check(c.vector == V_UD, "DR%u: vector %lu", dr, c.vector);
    }
    for (unsigned i = 0; i < sizeof msrs / sizeof *msrs; i++)
        for (unsigned write = 0; write < 2; write++) {
            sys_kernel(&c, (uintptr_t)(write ? to_msr : from_msr));
            c.r[RCX] = msrs[i];
            sys_go(&c);
            check_but(ON_TCG, "SDM vol. 2 RDMSR", c.vector == V_GP && c.error == 0,
                      "MSR %x: vector %lu", msrs[i], c.vector);
        }
}

/* --- Opcodes ---------------------------------------------------------------------------------------------- */

static void opcodes(void)
{
    static const uint8_t gone[] = {0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37,
                                   0x3f, 0x60, 0x61, 0x82, 0x9a, 0xce, 0xd4, 0xd5, 0xd6, 0xea};
    /* LOCK: a form that may have it, the same on a register, and others that never may. */
    static const struct {
        uint8_t n, bytes[6];
        bool good;
    } locks[] = {
        {3, {0xf0, 0x01, 0x07}, true},
        {3, {0xf0, 0x01, 0xc0}, false},
        {3, {0xf0, 0x03, 0x07}, false},
        {3, {0xf0, 0x09, 0x07}, true},
        {3, {0xf0, 0x11, 0x07}, true},
        {3, {0xf0, 0x19, 0x07}, true},
        {3, {0xf0, 0x21, 0x07}, true},
        {3, {0xf0, 0x29, 0x07}, true},
        {3, {0xf0, 0x31, 0x07}, true},
        {3, {0xf0, 0x39, 0x07}, false},
        {4, {0xf0, 0x83, 0x07, 1}, true},
        {4, {0xf0, 0x83, 0x3f, 1}, false},
        {4, {0xf0, 0x83, 0xc0, 1}, false},
        {3, {0xf0, 0xff, 0x07}, true},
        {3, {0xf0, 0xff, 0x0f}, true},
        {3, {0xf0, 0xff, 0xc0}, false},
        {3, {0xf0, 0xff, 0x37}, false},
        {3, {0xf0, 0xf7, 0x17}, true},
        {3, {0xf0, 0xf7, 0x1f}, true},
        {3, {0xf0, 0xf7, 0x27}, false},
        {3, {0xf0, 0x87, 0x07}, true},
        {3, {0xf0, 0x87, 0xc0}, false},
        {4, {0xf0, 0x0f, 0xb1, 0x0f}, true},
        {4, {0xf0, 0x0f, 0xb1, 0xc8}, false},
        {4, {0xf0, 0x0f, 0xc1, 0x07}, true},
        {4, {0xf0, 0x0f, 0xc7, 0x0f}, true},
        {4, {0xf0, 0x0f, 0xab, 0x07}, true},
        {4, {0xf0, 0x0f, 0xb3, 0x07}, true},
        {4, {0xf0, 0x0f, 0xbb, 0x07}, true},
        {4, {0xf0, 0x0f, 0xa3, 0x07}, false},
        {5, {0xf0, 0x0f, 0xba, 0x2f, 1}, true},
        {5, {0xf0, 0x0f, 0xba, 0x27, 1}, false},
        {3, {0xf0, 0x89, 0x07}, false},
        {3, {0xf0, 0x8b, 0x07}, false},
        {2, {0xf0, 0x90}, false},
        {2, {0xf0, 0xaa}, false},
        {3, {0xf0, 0x8d, 0x07}, false},
        {2, {0xf0, 0x50}, false},
        {4, {0xf0, 0x0f, 0xaf, 0x07}, false},
        {3, {0xf0, 0x0f, 0xa2}, false},
        {3, {0xf0, 0xd1, 0x27}, false},
        {4, {0xf0, 0x0f, 0xa4, 0x07}, false},
        {2, {0xf0, 0xf4}, false},
        {2, {0xf0, 0xc3}, false},
        {3, {0xf0, 0x85, 0x07}, false},
    };
    struct context c;

    for (unsigned i = 0; i < sizeof gone; i++) {
        set_code((const uint8_t[]){gone[i], 0x01, 0x01, 0x01, 0x01, 0x01, 0x01}, 7);
        at_level(&c, 0, scratch);
        sys_go(&c);
        check(c.vector == V_UD && c.ip == (uintptr_t)scratch,
              "opcode %x in 64-bit mode: vector %lu", gone[i], c.vector);
    }
    for (unsigned i = 0; i < sizeof locks / sizeof *locks; i++)
        for (unsigned cpl = 0; cpl < 4; cpl += 3) {
            if (locks[i].bytes[1] == 0xf4 && (judge() & ON_TCG))
                continue; /* halts */
            set_code(locks[i].bytes, locks[i].n);
            at_level(&c, cpl, scratch);
            c.r[RDI] = (uintptr_t)sys_stack_spare[3] + (cpl ? USER_ALIAS : 0);
            sys_go(&c);
            check_but(locks[i].good ? 0 : ON_TCG, "SDM vol. 2 LOCK (#UD)",
                      c.vector == (word)(locks[i].good ? DONE : V_UD),
                      "LOCK case %u (%x %x %x) at CPL %u: vector %lu", i, locks[i].bytes[1],
                      locks[i].bytes[2], locks[i].bytes[3], cpl, c.vector);
        }
}

void system_main(void)
{
    privileged();
    ports();
    switches();
    control_registers();
    missing();
    opcodes();
    report("privilege");
}
