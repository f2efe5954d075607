/* SPDX-License-Identifier: MIT */
/*
 * The A20 gate, by port 92 and by the keyboard controller: with it shut, bit 20 of every physical address is 0, for reads,
 * writes, fetches and the stack (the ISA bus's address line, as the IBM AT wired it). The code that does so lies below 1 MiB; so
 * does its stack.
 */
#include "tests/system/kit/machine32.h"

#define CODE_AT 0x9000
#define STACK_AT 0x8000
#define ADDRESS 0x7000 /* and 1 MiB above it */

/* EDI: address; EBX: value; the gate is shut, things are tried, and it is open again. AL in EBP: what opens and shuts. */
CODE(by_92, "mov %esp, %ebp\n mov $0x8000, %esp\n in $0x92, %al\n and $0xfc, %al\n out %al, $0x92\n"
            "mov 0x107000, %ebx\n movl $0x1234, 0x107004\n mov 0x207000, %ecx\n push %ebx\n mov "
            "0x107ffc, %edx\n"
            "mov 0x107010, %esi\n mov $0x108100, %eax\n call *%eax\n mov %eax, %edi\n"
            "in $0x92, %al\n or $2, %al\n and $0xfe, %al\n out %al, $0x92\n mov %ebp, %esp\n int "
            "$0x30\n by_92_end:");
CODE(by_8042,
     "mov %esp, %ebp\n mov $0x8000, %esp\n"
     "1: in $0x64, %al\n test $2, %al\n jnz 1b\n mov $0xd1, %al\n out %al, $0x64\n 2: in $0x64, "
     "%al\n test $2, %al\n jnz 2b\n mov $0xdd, %al\n out %al, $0x60\n"
     "3: in $0x64, %al\n test $2, %al\n jnz 3b\n"
     "mov 0x107000, %ebx\n movl $0x1234, 0x107004\n mov 0x207000, %ecx\n push %ebx\n mov 0x107ffc, "
     "%edx\n"
     "mov 0x107010, %esi\n mov $0x108100, %eax\n call *%eax\n mov %eax, %edi\n"
     "4: in $0x64, %al\n test $2, %al\n jnz 4b\n mov $0xd1, %al\n out %al, $0x64\n 5: in $0x64, "
     "%al\n test $2, %al\n jnz 5b\n mov $0xdf, %al\n out %al, $0x60\n"
     "6: in $0x64, %al\n test $2, %al\n jnz 6b\n mov %ebp, %esp\n int $0x30\n by_8042_end:");
extern const uint8_t by_92_end[], by_8042_end[];

static volatile uint8_t *at(uint32_t address)
{
    uint8_t *p = (uint8_t *)(uintptr_t)address;

    __asm__("" : "+r"(p)); /* an address, not an object of the program */
    return p;
}

static void put32(uint32_t address, uint32_t value)
{
    *(volatile uint32_t *)at(address) = value;
}

static uint32_t get32(uint32_t address)
{
    return *(volatile uint32_t *)at(address);
}

static void shut(const char *name, const uint8_t *code, const uint8_t *end)
{
    uint32_t saved[4], function[2];
    struct context c;

    memcpy((void *)at(CODE_AT), code, (size_t)(end - code));
    /* What lies a megabyte above is this kernel; kept and put back. */
    for (unsigned i = 0; i < 4; i++)
        saved[i] = get32(ADDRESS + 0x100000 + i * 4);
    function[0] = get32(0x108100);
    function[1] = get32(0x108104);
    put32(ADDRESS, 0xa2000000);
    put32(ADDRESS + 4, 0);
    put32(ADDRESS + 16, 0x16);
    put32(0x207000, 0x20202020);
    put32(0x8100, 0x0000abb8); /* mov $0xab, %eax; ret */
    put32(0x8104, 0x0000c300);
    sys_kernel(&c, CODE_AT);
    sys_go(&c);
    check(c.vector == DONE, "%s: vector %lu", name, c.vector);
    check(c.r[RBX] == 0xa2000000, "%s: a read of 107000 is one of 7000: %lx", name, c.r[RBX]);
    check(get32(ADDRESS + 4) == 0x1234 && get32(ADDRESS + 0x100004) == saved[1],
          "%s: a write of 107004: %x %x", name, get32(ADDRESS + 4), get32(ADDRESS + 0x100004));
    check(c.r[RCX] == 0x20202020, "%s: 2 MiB is not 1 MiB: %lx", name, c.r[RCX]);
    check(c.r[RDX] == 0xa2000000, "%s: what was pushed, from above: %lx", name, c.r[RDX]);
    check(c.r[RSI] == 0x16, "%s: another read: %lx", name, c.r[RSI]);
    check(c.r[RDI] == 0xab, "%s: a fetch: %lx", name, c.r[RDI]);
    check(get32(0x108100) == function[0] && get32(0x108104) == function[1], "%s: open again", name);
}

void system_main(void)
{
    put32(0x500, 1);
    check(get32(0x500) == 1, "memory below 1 MiB");
    for (unsigned i = 0; i < 3; i++) {
        shut("port 92", by_92, by_92_end);
        shut("the keyboard controller", by_8042, by_8042_end);
    }
    report("a20_32");
}
