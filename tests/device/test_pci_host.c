/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration mechanism 1, BAR sizing and assignment, INTx wiring, and the reset control
 * register.
 */
#include "devices/pci_host.h"
#include "tests/device/fixture.h"
#include "tests/lib/suite.h"

static struct fixture f;
static struct pci_host *host;
static struct line pirq;
static unsigned resets;

static void count_reset(void *opaque)
{
    (void)opaque;
    resets++;
}

static void begin(void)
{
    fixture_begin(&f);
    host = pci_host_create(&f.io, 0x600);
    host->pirq = line_to(&pirq);
    host->reset = count_reset;
    resets = 0;
}

static u32 read_config(unsigned slot, unsigned function, unsigned reg, unsigned size)
{
    wr(&pci_host_ops, host, 0, 4, 0x80000000u | slot << 11 | function << 8 | (reg & 0xfc));
    return (u32)rd(&pci_host_ops, host, 4 + (reg & 3), size);
}

static void write_config(unsigned slot, unsigned function, unsigned reg, unsigned size, u32 value)
{
    wr(&pci_host_ops, host, 0, 4, 0x80000000u | slot << 11 | function << 8 | (reg & 0xfc));
    wr(&pci_host_ops, host, 4 + (reg & 3), size, value);
}

static void finds_the_bridges_and_nothing_else(void)
{
    begin();
    CU_ASSERT_EQUAL(read_config(0, 0, 0, 4), 0x12378086);
    CU_ASSERT_EQUAL(read_config(0, 0, 8, 4) >> 8, 0x060000);
    CU_ASSERT_EQUAL(read_config(1, 0, 0, 4), 0x70008086);
    CU_ASSERT_EQUAL(read_config(1, 0, 0x0e, 1), 0x80);
    CU_ASSERT_EQUAL(read_config(1, 3, 0, 4), 0x71138086);
    CU_ASSERT_EQUAL(read_config(1, 3, 0x40, 4), 0x601);
    CU_ASSERT_EQUAL(read_config(1, 1, 0, 4), 0xffffffff);
    CU_ASSERT_EQUAL(read_config(2, 0, 0, 2), 0xffff);
    wr(&pci_host_ops, host, 0, 4, 0x80010000); /* bus 1 */
    CU_ASSERT_EQUAL(rd(&pci_host_ops, host, 4, 4), 0xffffffff);
    wr(&pci_host_ops, host, 0, 4, 0); /* enable bit off */
    CU_ASSERT_EQUAL(rd(&pci_host_ops, host, 4, 4), 0xffffffff);
    fixture_end(&f);
}

static void address_takes_only_dwords(void)
{
    begin();
    wr(&pci_host_ops, host, 0, 4, 0x80000804);
    CU_ASSERT_EQUAL(rd(&pci_host_ops, host, 0, 4), 0x80000804);
    wr(&pci_host_ops, host, 0, 2, 0x1234);
    wr(&pci_host_ops, host, 3, 1, 0);
    CU_ASSERT_EQUAL(rd(&pci_host_ops, host, 0, 4), 0x80000804);
    fixture_end(&f);
}

static void narrow_accesses_and_readonly_bits(void)
{
    begin();
    CU_ASSERT_EQUAL(read_config(1, 0, 2, 2), 0x7000);
    CU_ASSERT_EQUAL(read_config(1, 0, 0x0b, 1), 0x06);
    write_config(1, 0, 0, 4, 0);
    CU_ASSERT_EQUAL(read_config(1, 0, 0, 4), 0x70008086);
    write_config(1, 0, 0x60, 1, 0x85);
    CU_ASSERT_EQUAL(read_config(1, 0, 0x60, 4), 0x0b0a0b85);
    fixture_end(&f);
}

static u64 moved_to[6];
static bool enabled[6];

static void note_move(struct pci_function *fn, unsigned bar, u64 address, bool on)
{
    (void)fn;
    moved_to[bar] = address;
    enabled[bar] = on;
}

static void reset_card(void *dev)
{
    pci_function_reset(dev);
}

static const struct dev_field card_state[] = {DEV_ARRAY(pci_function, config), DEV_END};
static const struct dev_class card_class = {
    .name = "card", .size = sizeof(struct pci_function), .state = card_state, .reset = reset_card};

static struct pci_function *add_card(u8 slot)
{
    struct pci_function *card = device_create(&f.io, &card_class);

    CU_ASSERT_EQUAL(pci_function_add(host, card, PCI_DEVFN(slot, 0), 0x1234, 0x5678, 0x020000, 1),
                    0);
    pci_function_add_bar(card, 0, PCI_BAR_IO, 32);
    pci_function_add_bar(card, 1, PCI_BAR_MEM32, 0x20000);
    pci_function_add_bar(card, 2, PCI_BAR_MEM64, 0x4000);
    pci_function_use_intx(card);
    card->bar_moved = note_move;
    return card;
}

static void bars_size_and_move(void)
{
    struct pci_function *card;

    begin();
    card = add_card(3);
    CU_ASSERT_EQUAL(pci_host_assign(host, 0xc000, 0x10000, 0xe0001000, 0xfec00000), 0);
    device_reset_all(&f.io);
    CU_ASSERT_EQUAL(read_config(3, 0, 0x10, 4), 0xc001);
    CU_ASSERT_EQUAL(read_config(3, 0, 0x14, 4), 0xe0020000); /* aligned to its size */
    CU_ASSERT_EQUAL(read_config(3, 0, 0x18, 4), 0xe0040004);
    CU_ASSERT_EQUAL(moved_to[1], 0xe0020000);
    CU_ASSERT_TRUE(enabled[1]);
    write_config(3, 0, 0x10, 4, 0xffffffff);
    CU_ASSERT_EQUAL(read_config(3, 0, 0x10, 4) & 0xffff, 0xffe1);
    write_config(3, 0, 0x14, 4, 0xffffffff);
    CU_ASSERT_EQUAL(read_config(3, 0, 0x14, 4), 0xfffe0000);
    write_config(3, 0, 0x18, 4, 0xffffffff);
    write_config(3, 0, 0x1c, 4, 0xffffffff);
    CU_ASSERT_EQUAL(read_config(3, 0, 0x18, 4), 0xffffc004);
    CU_ASSERT_EQUAL(read_config(3, 0, 0x1c, 4), 0xffffffff);
    CU_ASSERT_EQUAL(read_config(3, 0, 0x20, 4), 0);
    write_config(3, 0, 0x14, 4, 0xf0000000);
    CU_ASSERT_EQUAL(moved_to[1], 0xf0000000);
    write_config(3, 0, 4, 2, 0x0001); /* memory decoding off */
    CU_ASSERT_FALSE(enabled[1]);
    CU_ASSERT_TRUE(enabled[0]);
    CU_ASSERT_EQUAL(pci_function_bar(card, 1), 0);
    device_reset_all(&f.io); /* back to the assignment */
    CU_ASSERT_EQUAL(read_config(3, 0, 0x14, 4), 0xe0020000);
    CU_ASSERT_EQUAL(pci_function_bar(card, 1), 0xe0020000);
    fixture_end(&f);
}

static void assignment_fails_when_full_and_slots_are_unique(void)
{
    struct pci_function *other;

    begin();
    add_card(3);
    other = device_create(&f.io, &card_class);
    CU_ASSERT_NOT_EQUAL(pci_function_add(host, other, PCI_DEVFN(3, 0), 1, 2, 0, 0), 0);
    CU_ASSERT_NOT_EQUAL(pci_host_assign(host, 0xc000, 0x10000, 0xe0000000, 0xe0001000), 0);
    fixture_end(&f);
}

static void intx_is_swizzled_and_shared(void)
{
    struct pci_function *a, *b;

    begin();
    a = add_card(3);
    b = add_card(7); /* the same PIRQ: 3 mod 4 = 7 mod 4 */
    pci_function_set_intx(a, true);
    CU_ASSERT_TRUE(pirq.level);
    CU_ASSERT_EQUAL(pirq.last_n, 3);
    pci_function_set_intx(b, true);
    pci_function_set_intx(a, false);
    CU_ASSERT_TRUE(pirq.level);
    pci_function_set_intx(a, false);
    CU_ASSERT_TRUE(pirq.level);
    pci_function_set_intx(b, false);
    CU_ASSERT_FALSE(pirq.level);
    CU_ASSERT_EQUAL(pirq.sets, 2);
    fixture_end(&f);
}

static void reset_control_needs_a_rising_bit(void)
{
    begin();
    out8(&pci_host_ops, host, 1, 0x02);
    CU_ASSERT_EQUAL(resets, 0);
    CU_ASSERT_EQUAL(in8(&pci_host_ops, host, 1), 0x02);
    out8(&pci_host_ops, host, 1, 0x06);
    CU_ASSERT_EQUAL(resets, 1);
    out8(&pci_host_ops, host, 1, 0x0e);
    CU_ASSERT_EQUAL(resets, 1);
    fixture_end(&f);
}

TEST_SUITE(pci_host, TEST(finds_the_bridges_and_nothing_else), TEST(address_takes_only_dwords),
           TEST(narrow_accesses_and_readonly_bits), TEST(bars_size_and_move),
           TEST(assignment_fails_when_full_and_slots_are_unique), TEST(intx_is_swizzled_and_shared),
           TEST(reset_control_needs_a_rising_bit));
