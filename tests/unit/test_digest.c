/* SPDX-License-Identifier: MIT */
/*
 * Every piece of a vCPU's state is in its digest: turn one bit of it and the digest is another.
 */
#include "cpu/digest.h"

#include "cpu/lapic.h"
#include "tests/lib/bare.h"
#include "tests/lib/suite.h"

static struct bare b;
static struct apic_map map;

static void turn(void *at, unsigned bytes, const char *name)
{
    u64 before = vcpu_digest(b.v);

    for (unsigned i = 0; i < bytes; i++) {
        u8 *byte = (u8 *)at + i;

        *byte ^= 1;
        if (vcpu_digest(b.v) == before) {
            printf("    byte %u of %s is not in the digest\n", i, name);
            CU_FAIL("a byte is not in the digest");
        }
        *byte ^= 1;
    }
    CU_ASSERT_EQUAL(vcpu_digest(b.v), before);
}

#define TURN(field) turn(&b.v->field, sizeof(b.v->field), #field)

static void all_of_it(void)
{
    struct vcpu *v;

    CU_ASSERT_FATAL(bare_create(&b, 1 << 20, 0x10000, "x86-64-v2"));
    v = b.v;
    CU_ASSERT_EQUAL_FATAL(lapic_create(v, &map), 0);
    lapic_reset(v, true);
    turn(v->r, 16 * sizeof(v->r[0]), "r");
    TURN(rip);
    TURN(cr0);
    TURN(cr2);
    TURN(cr3);
    TURN(cr4);
    TURN(cr8);
    TURN(efer);
    TURN(xcr0);
    TURN(dr);
    TURN(dr6);
    TURN(dr7);
    TURN(gdt.base);
    TURN(gdt.limit);
    TURN(idt.base);
    TURN(idt.limit);
    for (unsigned i = 0; i <= SEG_TR; i++) {
        v->seg[i].usable = true;
        TURN(seg[i].sel);
        TURN(seg[i].type);
        TURN(seg[i].dpl);
        TURN(seg[i].l);
        TURN(seg[i].db);
        TURN(seg[i].g);
        TURN(seg[i].p);
        TURN(seg[i].avl);
        TURN(seg[i].base);
        TURN(seg[i].limit);
        TURN(seg[i].usable);
    }
    TURN(fpu.st);
    TURN(fpu.top);
    TURN(fpu.tag);
    TURN(fpu.cw);
    TURN(fpu.sw);
    TURN(fpu.opcode);
    TURN(fpu.ip);
    TURN(fpu.dp);
    TURN(fpu.cs);
    TURN(fpu.ds);
    TURN(fpu.ferr);
    TURN(fpu.xmm);
    TURN(fpu.mxcsr);
    TURN(star);
    TURN(lstar);
    TURN(cstar);
    TURN(sfmask);
    TURN(kernel_gs_base);
    TURN(tsc_aux);
    TURN(tsc_offset);
    TURN(tsc_adjust);
    TURN(pat);
    TURN(sysenter_cs);
    TURN(sysenter_esp);
    TURN(sysenter_eip);
    TURN(mtrr_def_type);
    TURN(mtrr_fixed);
    TURN(mtrr_var);
    TURN(debugctl);
    TURN(mcg_status);
    TURN(mcg_ctl);
    TURN(mc_ctl);
    TURN(hwcr);
    TURN(syscfg);
    TURN(perf);
    TURN(cpl);
    TURN(shadow);
    TURN(shadow_ss);
    TURN(nmi_blocked);
    TURN(nmi_pending);
    TURN(fault_pending);
    TURN(activity);
    TURN(pending_db);
    for (u32 flag = 1; flag; flag <<= 1) {
        u32 flags = vcpu_flags(v);
        u64 before = vcpu_digest(v);

        if (!(flag & 0x3f7fd5))
            continue;
        v->cc = cc_from_flags(flags ^ flag);
        v->rflags = ((flags ^ flag) & ~(u32)FL_ARITH) | 2;
        CU_ASSERT_NOT_EQUAL(vcpu_digest(v), before);
        v->cc = cc_from_flags(flags);
        v->rflags = (flags & ~(u32)FL_ARITH) | 2;
    }
    lapic_destroy(v);
    bare_destroy(&b);
}

TEST_SUITE(digest, TEST(all_of_it));
