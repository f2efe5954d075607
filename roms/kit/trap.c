/* SPDX-License-Identifier: MIT */
/*
 * The interrupt descriptor table and the dispatch of every vector to a C handler. All gates are
 * interrupt gates at ring 0. An exception without a handler prints the machine state and ends the
 * run. End-of-interrupt goes where it belongs: vectors below 32 and the spurious one get none, the
 * 8259's sixteen get its own, all others the local APIC's. Intel SDM vol. 3 §6.14.
 */
#include "roms/kit/kit.h"

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};

extern const uint8_t trap_entries[256][16];
void trap_dispatch(struct trap_frame *frame);

static struct gate idt[256] __attribute__((aligned(16)));
static void (*handlers[256])(struct trap_frame *frame);

void trap_set_handler(unsigned vector, void (*handler)(struct trap_frame *frame))
{
    __atomic_store_n(&handlers[vector], handler, __ATOMIC_RELEASE);
}

static void fail(const struct trap_frame *f)
{
    uint64_t cr2;

    __asm__ volatile("movq %%cr2, %0" : "=r"(cr2));
    panic("cpu %u: vector %u error %lx at %lx, cr2 %lx rflags %lx rsp %lx\n"
          "  rax %lx rbx %lx rcx %lx rdx %lx rsi %lx rdi %lx rbp %lx",
          this_cpu()->index, (unsigned)f->vector, f->error, f->rip, cr2, f->rflags, f->rsp, f->rax,
          f->rbx, f->rcx, f->rdx, f->rsi, f->rdi, f->rbp);
}

void trap_dispatch(struct trap_frame *frame)
{
    void (*handler)(struct trap_frame *) = handlers[frame->vector];

    if (handler)
        handler(frame);
    else if (frame->vector < 32)
        fail(frame);
    if (frame->vector < 32 || frame->vector == VEC_SPURIOUS)
        return;
    if (frame->vector < VEC_PIC + 16) {
        if (frame->vector >= VEC_PIC + 8)
            outb(0xa0, 0x20);
        outb(0x20, 0x20);
        return;
    }
    apic_eoi();
}

void trap_init_cpu(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) pointer = {sizeof idt - 1, (uintptr_t)idt};

    __asm__ volatile("lidt %0" : : "m"(pointer));
}

void trap_init(void)
{
    for (unsigned i = 0; i < 256; i++) {
        uint64_t entry = (uintptr_t)trap_entries[i];
        idt[i] = (struct gate){
            .offset_low = (uint16_t)entry,
            .selector = SEL_CODE64,
            .type = 0x8e,
            .offset_middle = (uint16_t)(entry >> 16),
            .offset_high = (uint32_t)(entry >> 32),
        };
    }
    trap_init_cpu();
}
