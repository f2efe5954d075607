/* SPDX-License-Identifier: MIT */
/*
 * The I/O APIC: registers, edges and levels, remote IRR and EOI, polarity, delivery modes.
 */
#include "devices/ioapic.h"
#include "tests/device/fixture.h"
#include "tests/lib/suite.h"

static struct fixture f;
static struct ioapic *a;
static struct {
    struct ipi msg;
    u8 dest;
    bool logical;
    unsigned n;
} sent;

static void note(void *opaque, struct ipi msg, u8 dest, bool logical)
{
    (void)opaque;
    sent.msg = msg;
    sent.dest = dest;
    sent.logical = logical;
    sent.n++;
}

static void begin(void)
{
    fixture_begin(&f);
    a = ioapic_create(&f.io);
    a->send = note;
    a->wired_low = 0xff0000;
    memset(&sent, 0, sizeof(sent));
    device_reset_all(&f.io);
}

static u32 get(u8 index)
{
    wr(&ioapic_ops, a, 0, 4, index);
    return (u32)rd(&ioapic_ops, a, 0x10, 4);
}

static void put(u8 index, u32 value)
{
    wr(&ioapic_ops, a, 0, 4, index);
    wr(&ioapic_ops, a, 0x10, 4, value);
}

static void route(unsigned n, u32 low, u8 dest)
{
    put((u8)(0x11 + 2 * n), (u32)dest << 24);
    put((u8)(0x10 + 2 * n), low);
}

static void registers(void)
{
    begin();
    CU_ASSERT_EQUAL(get(1), 0x00170020);
    a->version = 0x11;
    CU_ASSERT_EQUAL(get(1), 0x00170011);
    put(0, 0x05000000);
    CU_ASSERT_EQUAL(get(0), 0x05000000);
    CU_ASSERT_EQUAL(get(2), 0x05000000);
    for (unsigned n = 0; n < 24; n++)
        CU_ASSERT_EQUAL(get((u8)(0x10 + 2 * n)), 0x10000);
    put(0x10, 0xffffffff);
    CU_ASSERT_EQUAL(get(0x10), 0x1afff); /* status and remote IRR are read-only */
    put(0x11, 0xffffffff);
    CU_ASSERT_EQUAL(get(0x11), 0xff000000);
    CU_ASSERT_EQUAL(get(0x40), 0);
    fixture_end(&f);
}

static void edge_sends_once(void)
{
    begin();
    route(4, 0x0834, 0x03);
    ioapic_set_irq(a, 4, true);
    CU_ASSERT_EQUAL(sent.n, 1);
    CU_ASSERT_EQUAL(sent.msg.vector, 0x34);
    CU_ASSERT_EQUAL(sent.msg.mode, IPI_FIXED);
    CU_ASSERT_FALSE(sent.msg.level);
    CU_ASSERT_EQUAL(sent.dest, 3);
    CU_ASSERT_TRUE(sent.logical);
    ioapic_set_irq(a, 4, true);
    CU_ASSERT_EQUAL(sent.n, 1);
    ioapic_set_irq(a, 4, false);
    ioapic_set_irq(a, 4, true);
    CU_ASSERT_EQUAL(sent.n, 2);
    CU_ASSERT_EQUAL(get(0x18) & 0x4000, 0);
    fixture_end(&f);
}

static void masked_edge_is_lost_masked_level_is_not(void)
{
    begin();
    route(4, 0x10034, 0);
    ioapic_set_irq(a, 4, true);
    route(4, 0x00034, 0);
    CU_ASSERT_EQUAL(sent.n, 0);
    route(5, 0x18035, 0);
    ioapic_set_irq(a, 5, true);
    CU_ASSERT_EQUAL(sent.n, 0);
    route(5, 0x08035, 0);
    CU_ASSERT_EQUAL(sent.n, 1);
    fixture_end(&f);
}

static void level_waits_for_eoi(void)
{
    begin();
    route(9, 0x8039, 1);
    ioapic_set_irq(a, 9, true);
    CU_ASSERT_EQUAL(sent.n, 1);
    CU_ASSERT_TRUE(sent.msg.level);
    CU_ASSERT_EQUAL(get(0x22) & 0x4000, 0x4000);
    ioapic_set_irq(a, 9, false);
    ioapic_set_irq(a, 9, true);
    CU_ASSERT_EQUAL(sent.n, 1);
    ioapic_eoi(a, 0x40); /* another vector */
    CU_ASSERT_EQUAL(sent.n, 1);
    ioapic_eoi(a, 0x39); /* still active: again */
    CU_ASSERT_EQUAL(sent.n, 2);
    ioapic_set_irq(a, 9, false);
    ioapic_eoi(a, 0x39);
    CU_ASSERT_EQUAL(sent.n, 2);
    CU_ASSERT_EQUAL(get(0x22) & 0x4000, 0);
    fixture_end(&f);
}

static void eoi_register_is_version_0x20s(void)
{
    begin();
    route(9, 0x8039, 1);
    ioapic_set_irq(a, 9, true);
    a->version = 0x11;
    wr(&ioapic_ops, a, 0x40, 4, 0x39);
    CU_ASSERT_EQUAL(sent.n, 1);
    a->version = 0x20;
    wr(&ioapic_ops, a, 0x40, 4, 0x39);
    CU_ASSERT_EQUAL(sent.n, 2);
    fixture_end(&f);
}

static void switching_to_edge_clears_remote_irr(void)
{
    begin();
    route(9, 0x8039, 1);
    ioapic_set_irq(a, 9, true);
    put(0x22, 0x10039);
    put(0x22, 0x18039);
    CU_ASSERT_EQUAL(get(0x22) & 0x4000, 0);
    put(0x22, 0x08039);
    CU_ASSERT_EQUAL(sent.n, 2);
    fixture_end(&f);
}

static void polarity_is_relative_to_the_wiring(void)
{
    begin();
    route(16, 0xa050, 0); /* low, level: what a PCI input is */
    CU_ASSERT_EQUAL(sent.n, 0);
    ioapic_set_irq(a, 16, true);
    CU_ASSERT_EQUAL(sent.n, 1);
    ioapic_set_irq(a, 16, false);
    ioapic_eoi(a, 0x50);
    CU_ASSERT_EQUAL(sent.n, 1);
    /* Programmed for the wrong polarity, an idle input is active. */
    route(17, 0x8051, 0);
    CU_ASSERT_EQUAL(sent.n, 2);
    fixture_end(&f);
}

static void delivery_modes_pass_through(void)
{
    static const struct {
        u32 bits;
        u8 mode;
        bool sends;
    } cases[] = {{0x000, IPI_FIXED, true}, {0x100, IPI_LOWEST, true}, {0x200, IPI_SMI, true},
                 {0x300, 3, false},        {0x400, IPI_NMI, true},    {0x500, IPI_INIT, true},
                 {0x600, 6, false},        {0x700, IPI_EXTINT, true}};

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        begin();
        route(3, cases[i].bits | 0x8030, 0); /* even as a level, NMI and the like are edges */
        ioapic_set_irq(a, 3, true);
        CU_ASSERT_EQUAL(sent.n, cases[i].sends);
        if (cases[i].sends) {
            CU_ASSERT_EQUAL(sent.msg.mode, cases[i].mode);
            CU_ASSERT_EQUAL(sent.msg.level, cases[i].mode <= IPI_LOWEST);
        }
        fixture_end(&f);
    }
}

TEST_SUITE(ioapic, TEST(registers), TEST(edge_sends_once),
           TEST(masked_edge_is_lost_masked_level_is_not), TEST(level_waits_for_eoi),
           TEST(eoi_register_is_version_0x20s), TEST(switching_to_edge_clears_remote_irr),
           TEST(polarity_is_relative_to_the_wiring), TEST(delivery_modes_pass_through));
