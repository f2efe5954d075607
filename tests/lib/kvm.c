/* SPDX-License-Identifier: MIT */
/*
 * See kvm.h. Ports read as all ones; output is ignored.
 */
#include "tests/lib/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static void set_cpuid(int kvm, int cpu)
{
    struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 256 * sizeof(c->entries[0]));

    if (!c)
        return;
    c->nent = 256;
    if (!ioctl(kvm, KVM_GET_SUPPORTED_CPUID, c))
        ioctl(cpu, KVM_SET_CPUID2, c);
    free(c);
}

static int run(int cpu, struct kvm_run *r)
{
    for (;;) {
        if (ioctl(cpu, KVM_RUN, 0) < 0)
            return -errno;
        if (r->exit_reason == KVM_EXIT_HLT)
            return 0;
        if (r->exit_reason != KVM_EXIT_IO) {
            struct kvm_regs regs;
            ioctl(cpu, KVM_GET_REGS, &regs);
            printf("KVM: exit reason %u at rip %llx\n", r->exit_reason, (unsigned long long)regs.rip);
            return 1;
        }
        if (r->io.direction == KVM_EXIT_IO_IN)
            memset((u8 *)r + r->io.data_offset, 0xff, (size_t)r->io.size * r->io.count);
    }
}

int kvm_run(u8 *ram, u64 size, u64 at, const void *code, u64 len)
{
    struct kvm_userspace_memory_region region = {.memory_size = size, .userspace_addr = (u64)(uintptr_t)ram};
    int kvm = open("/dev/kvm", O_RDWR), vm = -1, cpu = -1, err;
    struct kvm_sregs s;
    struct kvm_regs regs = {.rflags = 2};
    struct kvm_run *r;

    if (kvm < 0)
        return -errno;
    vm = ioctl(kvm, KVM_CREATE_VM, 0);
    memcpy(ram + at, code, len);
    err = ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) ? -errno : 0;
    cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    r = mmap(NULL, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
    if (!err && r != MAP_FAILED) {
        set_cpuid(kvm, cpu);
        ioctl(cpu, KVM_GET_SREGS, &s);
        s.cs.selector = (u16)(at >> 4);
        s.cs.base = at;
        ioctl(cpu, KVM_SET_SREGS, &s);
        ioctl(cpu, KVM_SET_REGS, &regs);
        err = run(cpu, r);
    }
    close(cpu);
    close(vm);
    close(kvm);
    return err;
}
