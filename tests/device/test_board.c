/* SPDX-License-Identifier: MIT */
/*
 * The board's wiring, through ports and device memory as a guest sees it: from a chip's line to the
 * message that a vCPU receives, and back.
 */
#include "cpu/lapic.h"
#include "devices/acpi_tables.h"
#include "devices/i8259.h"
#include "devices/ioapic.h"
#include "devices/pci_host.h"
#include "mmu/physmem.h"
#include "src/board_pc.h"
#include "tests/device/vcpus.h"
#include "tests/lib/suite.h"

static struct fixture f;
static struct vcpus s;
static struct io_space space;
static struct board board;
static u8 output[64];
static size_t output_length;
static unsigned poweroffs, resets;
static int exit_status;

static void note_output(void *opaque, const u8 *bytes, size_t n)
{
    CU_ASSERT_PTR_EQUAL(opaque, &board);
    memcpy(output + output_length, bytes, n);
    output_length += n;
}

static void note_poweroff(void *opaque)
{
    (void)opaque;
    poweroffs++;
}

static void note_reset(void *opaque)
{
    (void)opaque;
    resets++;
}

static void note_exit(void *opaque, int status)
{
    (void)opaque;
    exit_status = status;
}

static void begin(void)
{
    struct board_config config = {.space = &space,
                                  .vcpus = s.v,
                                  .n_vcpus = 2,
                                  .ram_low = 0xc0000000,
                                  .ram_high = 0x140000000,
                                  .rtc_base = 1709210096,
                                  .opaque = &board,
                                  .serial_output = note_output,
                                  .debug_output = note_output,
                                  .poweroff = note_poweroff,
                                  .reset = note_reset,
                                  .exit = note_exit};

    fixture_begin(&f);
    vcpus_begin(&s, &f, 2);
    memset(&space, 0, sizeof(space));
    io_space_create(&space);
    CU_ASSERT_EQUAL_FATAL(board_create(&board, &config), 0);
    board.io.by = &f.p;
    output_length = 0;
    poweroffs = resets = 0;
    exit_status = -1;
    lapic_set_virtual_wire(s.v[0]);
}

static void end(void)
{
    board_destroy(&board);
    vcpus_end(&s);
    fixture_end(&f);
}

static u32 inp(u16 port, unsigned size)
{
    return (u32)io_port_read(&space, &f.p, port, size);
}

static void outp(u16 port, unsigned size, u32 value)
{
    io_port_write(&space, &f.p, port, size, value);
}

static u64 mmio(u64 address, unsigned size)
{
    return io_region_read(io_find_mmio(&space, address), &f.p, address, size);
}

static void mmio_set(u64 address, unsigned size, u64 value)
{
    io_region_write(io_find_mmio(&space, address), &f.p, address, size, value);
}

static void set_redirection(unsigned n, u32 low, u8 dest)
{
    mmio_set(BOARD_IOAPIC_BASE, 4, 0x11 + 2 * n);
    mmio_set(BOARD_IOAPIC_BASE + 0x10, 4, (u32)dest << 24);
    mmio_set(BOARD_IOAPIC_BASE, 4, 0x10 + 2 * n);
    mmio_set(BOARD_IOAPIC_BASE + 0x10, 4, low);
}

static void start_pic(u8 mask1, u8 mask2)
{
    static const u16 port[8] = {0x20, 0x21, 0x21, 0x21, 0xa0, 0xa1, 0xa1, 0xa1};
    static const u8 value[8] = {0x11, 0x20, 0x04, 0x01, 0x11, 0x28, 0x02, 0x01};

    for (unsigned i = 0; i < 8; i++)
        outp(port[i], 1, value[i]);
    outp(0x21, 1, mask1);
    outp(0xa1, 1, mask2);
}

static void start_pit(u16 count)
{
    outp(0x43, 1, 0x34);
    outp(0x40, 1, count & 0xff);
    outp(0x40, 1, count >> 8);
}

/* Advance by running the board's timers, as the agent does. */
static void run_for(u64 ns)
{
    u64 until = f.now + ns;

    while (board_next_deadline(&board) <= until) {
        f.now = MAX(f.now, board_next_deadline(&board));
        CU_ASSERT_TRUE_FATAL(board_run_timer(&board, f.now));
    }
    f.now = until;
    CU_ASSERT_FALSE(board_run_timer(&board, f.now));
}

static void timer_reaches_the_boot_cpu_through_the_8259(void)
{
    begin();
    start_pic(0xfe, 0xff);
    start_pit(11932);
    while (vcpus_deliver(&s, 0)) {
        if (lapic_pending(s.v[0]) == LAPIC_EXTINT) { /* programming the 8254 may make an edge */
            board_ack_pic(&board);
            lapic_begin_extint(s.v[0]);
            outp(0x20, 1, 0x20);
        }
    }
    CU_ASSERT_EQUAL(lapic_pending(s.v[0]), LAPIC_NONE);
    run_for(10 * MS + 10 * US);
    CU_ASSERT_EQUAL(vcpus_deliver(&s, 1), 0);
    vcpus_deliver(&s, 0);
    CU_ASSERT_EQUAL(lapic_pending(s.v[0]), LAPIC_EXTINT);
    CU_ASSERT_EQUAL(board_peek_pic(&board), 0x20);
    CU_ASSERT_EQUAL(board_ack_pic(&board), 0x20);
    lapic_begin_extint(s.v[0]);
    vcpus_deliver(&s, 0);
    CU_ASSERT_EQUAL(lapic_pending(s.v[0]), LAPIC_NONE);
    end();
}

static void timer_is_input_2_of_the_ioapic(void)
{
    begin();
    lapic_mmio_write(s.v[1], 0xf0, 4, 0x1ff);
    set_redirection(2, 0x30, 1);
    start_pit(1000);
    run_for(2 * MS);
    CU_ASSERT(vcpus_deliver(&s, 1) >= 1);
    CU_ASSERT_EQUAL(lapic_pending(s.v[1]), 0x30);
    end();
}

static void hpet_takes_the_timer_over(void)
{
    begin();
    lapic_mmio_write(s.v[1], 0xf0, 4, 0x1ff);
    set_redirection(2, 0x30, 1);
    start_pit(1000);
    run_for(2 * MS);
    mmio_set(BOARD_HPET_BASE + 0x10, 8, 3);
    vcpus_deliver(&s, 1);
    memset(s.v[1]->lapic->irr, 0, sizeof(s.v[1]->lapic->irr));
    run_for(5 * MS);
    vcpus_deliver(&s, 1);
    CU_ASSERT_EQUAL(lapic_pending(s.v[1]), LAPIC_NONE); /* the 8254 is cut off */
    mmio_set(BOARD_HPET_BASE + 0x100, 8, 4);
    mmio_set(BOARD_HPET_BASE + 0x108, 8, mmio(BOARD_HPET_BASE + 0xf0, 8) + 1000);
    run_for(MS);
    vcpus_deliver(&s, 1);
    CU_ASSERT_EQUAL(lapic_pending(s.v[1]), 0x30);
    end();
}

static void power_button_is_a_level_until_served(void)
{
    begin();
    set_redirection(9, 0x8039, 0);
    outp(BOARD_PM_BASE + 2, 2, 0x100);
    board_power_button(&board);
    CU_ASSERT_EQUAL(vcpus_deliver(&s, 0), 1);
    CU_ASSERT_EQUAL(lapic_pending(s.v[0]), 0x39);
    lapic_begin_service(s.v[0], 0x39);
    CU_ASSERT_TRUE(lapic_eoi_is_level(s.v[0]));
    lapic_mmio_write(s.v[0], 0xb0, 4, 0); /* not served: it comes again */
    vcpus_deliver(&s, 0);
    CU_ASSERT_EQUAL(lapic_pending(s.v[0]), 0x39);
    lapic_begin_service(s.v[0], 0x39);
    outp(BOARD_PM_BASE, 2, 0x100);
    lapic_mmio_write(s.v[0], 0xb0, 4, 0);
    CU_ASSERT_EQUAL(vcpus_deliver(&s, 0), 0);
    CU_ASSERT_EQUAL(lapic_pending(s.v[0]), LAPIC_NONE);
    end();
}

static void serial_port_both_ways(void)
{
    begin();
    start_pic(0xef, 0xff);
    outp(0x3f8, 1, 'o');
    outp(0x3f8, 1, 'k');
    outp(0xe9, 1, '!');
    CU_ASSERT_EQUAL(output_length, 3);
    CU_ASSERT_EQUAL(memcmp(output, "ok!", 3), 0);
    outp(0x3f9, 1, 1);
    CU_ASSERT_EQUAL(board_serial_room(&board), 1);
    board_serial_input(&board, 'y');
    CU_ASSERT_EQUAL(board_serial_room(&board), 0);
    vcpus_deliver(&s, 0);
    CU_ASSERT_EQUAL(lapic_pending(s.v[0]), LAPIC_EXTINT);
    CU_ASSERT_EQUAL(board_ack_pic(&board), 0x24);
    CU_ASSERT_EQUAL(inp(0x3f8, 1), 'y');
    end();
}

static void keyboard_is_irq_1(void)
{
    begin();
    start_pic(0xfd, 0xff);
    board_key(&board, 0x1e, true);
    vcpus_deliver(&s, 0);
    CU_ASSERT_EQUAL(board_ack_pic(&board), 0x21);
    CU_ASSERT_EQUAL(inp(0x64, 1) & 1, 1);
    CU_ASSERT_EQUAL(inp(0x60, 1), 0x1e);
    end();
}

static u32 config_read(u32 address)
{
    outp(0xcf8, 4, 0x80000000u | address);
    return inp(0xcfc, 4);
}

static void pci_interrupts_follow_the_isa_bridge(void)
{
    begin();
    start_pic(0, 0);
    CU_ASSERT_EQUAL(config_read(0x800), 0x70008086);
    CU_ASSERT_EQUAL(inp(0x4d1, 1), 0x0e); /* 9, 10, 11 are levels */
    set_redirection(17, 0xa051, 0);
    /* A function pulls PIRQB. */
    board.pci->asserting[1] = 1;
    irq_line_set(&(struct irq_line){board.pci->pirq.set, board.pci->pirq.dev, 1}, true);
    vcpus_deliver(&s, 0);
    CU_ASSERT_EQUAL(s.v[0]->lapic->irr[2], 1u << 17);
    CU_ASSERT_EQUAL(board_peek_pic(&board), 0x2b);
    /* The guest routes PIRQB to 5 and then nowhere. */
    config_read(0x860);
    outp(0xcfd, 1, 5);
    CU_ASSERT_EQUAL(board_peek_pic(&board), 0x25);
    outp(0xcfd, 1, 0x80);
    CU_ASSERT_EQUAL(board.pic->chip[0].lines & 0x20, 0);
    end();
}

static void every_way_out_is_wired(void)
{
    begin();
    outp(BOARD_PM_BASE + 4, 2, 0x2000);
    CU_ASSERT_EQUAL(poweroffs, 1);
    outp(0xcf9, 1, 0x06);
    CU_ASSERT_EQUAL(resets, 1);
    outp(0x64, 1, 0xfe);
    CU_ASSERT_EQUAL(resets, 2);
    outp(0x92, 1, 0x03);
    CU_ASSERT_EQUAL(resets, 3);
    outp(0xf4, 4, 0x10);
    CU_ASSERT_EQUAL(exit_status, 0x21);
    CU_ASSERT_EQUAL(inp(0x300, 1), 0xff); /* nobody there */
    end();
}

static u8 cmos(u8 index)
{
    outp(0x70, 1, index);
    return (u8)inp(0x71, 1);
}

static void cmos_tells_memory_sizes(void)
{
    unsigned sum = 0;

    begin();
    CU_ASSERT_EQUAL(cmos(0x15) | cmos(0x16) << 8, 640);
    CU_ASSERT_EQUAL(cmos(0x17) | cmos(0x18) << 8, 0xffff);
    CU_ASSERT_EQUAL(cmos(0x34) | cmos(0x35) << 8, (0xc0000000 - 0x1000000) >> 16);
    CU_ASSERT_EQUAL(cmos(0x5b) | cmos(0x5c) << 8 | cmos(0x5d) << 16, 0x140000000 >> 16);
    CU_ASSERT_EQUAL(cmos(4), 0x12);
    for (u8 i = 0x10; i <= 0x2d; i++)
        sum += cmos(i);
    CU_ASSERT_EQUAL(sum, (unsigned)cmos(0x2e) << 8 | cmos(0x2f));
    end();
}

static void pm_timer_needs_no_hold(void)
{
    begin();
    CU_ASSERT_TRUE(io_port_no_hold(&space, BOARD_PM_BASE + 8));
    CU_ASSERT_FALSE(io_port_no_hold(&space, BOARD_PM_BASE));
    CU_ASSERT_FALSE(io_port_no_hold(&space, 0x40));
    f.now = SEC;
    CU_ASSERT_EQUAL(inp(BOARD_PM_BASE + 8, 4), 3579545);
    end();
}

static void reset_restores_everything_but_the_date(void)
{
    u64 digest;

    begin();
    f.now = 0;
    board_reset(&board);
    digest = board_digest(&board, 7);
    start_pic(0, 0);
    start_pit(1000);
    outp(0x3fb, 1, 0x80);
    outp(0x64, 1, 0xad);
    mmio_set(BOARD_HPET_BASE + 0x10, 8, 1);
    set_redirection(3, 0x33, 0);
    config_read(0x860);
    outp(0xcfc, 1, 5);
    outp(BOARD_PM_BASE + 2, 2, 0x100);
    CU_ASSERT_NOT_EQUAL(board_digest(&board, 7), digest);
    board_reset(&board);
    board.pic->chip[0].lines = board.pic->chip[1].lines = 0; /* inputs are not state of the chip */
    board.ioapic->asserted = 0;
    board.ioapic->active = board.ioapic->wired_low;
    CU_ASSERT_EQUAL(board_digest(&board, 7), digest);
    end();
}

static void tables_name_what_is_mapped(void)
{
    static u8 tables[ACPI_BUILD_MAX];
    size_t n;

    begin();
    n = board_build_tables(&board, tables);
    CU_ASSERT(n > 1000 && n <= sizeof(tables));
    CU_ASSERT_EQUAL(memcmp(tables, "RSD PTR ", 8), 0);
    CU_ASSERT_PTR_NOT_NULL(io_find_mmio(&space, BOARD_IOAPIC_BASE));
    CU_ASSERT_PTR_NOT_NULL(io_find_mmio(&space, BOARD_HPET_BASE));
    end();
}

TEST_SUITE(board, TEST(timer_reaches_the_boot_cpu_through_the_8259),
           TEST(timer_is_input_2_of_the_ioapic), TEST(hpet_takes_the_timer_over),
           TEST(power_button_is_a_level_until_served), TEST(serial_port_both_ways),
           TEST(keyboard_is_irq_1), TEST(pci_interrupts_follow_the_isa_bridge),
           TEST(every_way_out_is_wired), TEST(cmos_tells_memory_sizes),
           TEST(pm_timer_needs_no_hold), TEST(reset_restores_everything_but_the_date),
           TEST(tables_name_what_is_mapped));
