/* SPDX-License-Identifier: MIT */
/*
 * Tables and stacks of the system tests, and making descriptors. Intel SDM vol. 3 §3.4.5, §5.8.3, §6.11.
 */
#include "tests/system/kit/system.h"

uint64_t sys_gdt[64] __attribute__((aligned(16)));
uint64_t sys_idt[512] __attribute__((aligned(16)));
uint8_t sys_tss[0x3000] __attribute__((aligned(4096)));
uint8_t sys_stack_test[SYS_STACK_BYTES] __attribute__((aligned(4096)));
uint8_t sys_stack_ring0[SYS_STACK_BYTES] __attribute__((aligned(4096)));
uint8_t sys_stack_user[SYS_STACK_BYTES] __attribute__((aligned(4096)));
uint8_t sys_stack_spare[4][SYS_STACK_BYTES] __attribute__((aligned(4096)));

extern const uint8_t sys_stubs[256][16];

word sys_stub(unsigned vector)
{
    return (word)(uintptr_t)sys_stubs[vector];
}

uint64_t sys_segment(uint32_t base, uint32_t limit, uint8_t access, uint8_t flags)
{
    return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)access << 40 |
           (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)(flags & 15) << 52 |
           (uint64_t)(base >> 24) << 56;
}

uint64_t sys_gate(uint16_t sel, word offset, uint8_t access, uint8_t count_or_ist)
{
    return (offset & 0xffff) | (uint64_t)sel << 16 | (uint64_t)count_or_ist << 32 |
           (uint64_t)access << 40 | (uint64_t)(offset >> 16 & 0xffff) << 48;
}

void sys_set_bitmap(unsigned port, unsigned n, bool refused)
{
    for (unsigned i = port; i < port + n; i++)
        if (refused)
            sys_tss[0x68 + i / 8] |= 1u << (i % 8);
        else
            sys_tss[0x68 + i / 8] &= ~(1u << (i % 8));
}
