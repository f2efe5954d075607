/* SPDX-License-Identifier: MIT */
/*
 * The keyboard controller and what hangs on it: commands, output buffer, translation, both scan
 * code sets, mouse.
 */
#include "devices/i8042.h"
#include "tests/device/fixture.h"
#include "tests/lib/suite.h"

static struct fixture f;
static struct i8042 *kbc;
static struct line irq1, irq12;
static unsigned resets;

static void count_reset(void *opaque)
{
    (void)opaque;
    resets++;
}

static void begin(void)
{
    fixture_begin(&f);
    kbc = i8042_create(&f.io);
    kbc->kbd_irq = line_to(&irq1);
    kbc->mouse_irq = line_to(&irq12);
    kbc->reset = count_reset;
    resets = 0;
    device_reset_all(&f.io);
}

static u8 status(void)
{
    return in8(&i8042_command_ops, kbc, 0);
}

static u8 data(void)
{
    return in8(&i8042_data_ops, kbc, 0);
}

static void command(u8 value)
{
    out8(&i8042_command_ops, kbc, 0, value);
}

static void write(u8 value)
{
    out8(&i8042_data_ops, kbc, 0, value);
}

/* Is the output exactly these bytes, all of them from the mouse or none? */
static bool reads(const u8 *bytes, unsigned n, bool aux)
{
    for (unsigned i = 0; i < n; i++) {
        if ((status() & 0x21) != (aux ? 0x21 : 0x01) || data() != bytes[i])
            return false;
    }
    return !(status() & 1);
}

static void config(u8 value)
{
    command(0x60);
    write(value);
}

static void self_tests_pass(void)
{
    begin();
    command(0xaa);
    CU_ASSERT_TRUE(reads((const u8[]){0x55}, 1, false));
    CU_ASSERT_EQUAL(status() & 0x04, 0x04);
    command(0xab);
    CU_ASSERT_TRUE(reads((const u8[]){0x00}, 1, false));
    command(0xa9);
    CU_ASSERT_TRUE(reads((const u8[]){0x00}, 1, false));
    fixture_end(&f);
}

static void command_byte_and_memory(void)
{
    begin();
    config(0x67);
    command(0x20);
    CU_ASSERT_TRUE(reads((const u8[]){0x67}, 1, false));
    command(0xa7);
    command(0xad);
    command(0x20);
    CU_ASSERT_TRUE(reads((const u8[]){0x77}, 1, false));
    command(0xa8);
    command(0xae);
    command(0x20);
    CU_ASSERT_TRUE(reads((const u8[]){0x47}, 1, false));
    command(0x65);
    write(0x3c);
    command(0x25);
    CU_ASSERT_TRUE(reads((const u8[]){0x3c}, 1, false));
    fixture_end(&f);
}

static void status_tells_command_from_data(void)
{
    begin();
    command(0xae);
    CU_ASSERT_EQUAL(status() & 0x08, 0x08);
    write(0xf4);
    CU_ASSERT_EQUAL(status() & 0x08, 0);
    CU_ASSERT_EQUAL(status() & 0x02, 0);
    fixture_end(&f);
}

static void keys_arrive_translated_to_set1(void)
{
    begin();
    i8042_key(kbc, 0x1e, true);
    CU_ASSERT_TRUE(irq1.level);
    CU_ASSERT_TRUE(reads((const u8[]){0x1e}, 1, false));
    CU_ASSERT_FALSE(irq1.level);
    i8042_key(kbc, 0x1e, false);
    CU_ASSERT_TRUE(reads((const u8[]){0x9e}, 1, false));
    i8042_key(kbc, 0x9c, true); /* keypad Enter: extended */
    i8042_key(kbc, 0x9c, false);
    CU_ASSERT_TRUE(reads((const u8[]){0xe0, 0x1c, 0xe0, 0x9c}, 4, false));
    i8042_key(kbc, 0x41, true); /* F7: the one set 2 code above 0x80 */
    i8042_key(kbc, 0x41, false);
    CU_ASSERT_TRUE(reads((const u8[]){0x41, 0xc1}, 2, false));
    i8042_key(kbc, 0xb7, true); /* Print Screen */
    i8042_key(kbc, 0xb7, false);
    CU_ASSERT_TRUE(reads((const u8[]){0xe0, 0x2a, 0xe0, 0x37, 0xe0, 0xb7, 0xe0, 0xaa}, 8, false));
    i8042_key(kbc, 0xc6, true); /* Pause */
    CU_ASSERT_TRUE(reads((const u8[]){0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5}, 6, false));
    fixture_end(&f);
}

static void set2_untranslated(void)
{
    static const struct {
        u8 set1, set2;
    } keys[] = {{0x01, 0x76}, {0x02, 0x16}, {0x0e, 0x66}, {0x10, 0x15}, {0x1c, 0x5a}, {0x1d, 0x14},
                {0x1e, 0x1c}, {0x2a, 0x12}, {0x39, 0x29}, {0x3b, 0x05}, {0x41, 0x83}, {0x44, 0x09},
                {0x45, 0x77}, {0x53, 0x71}, {0x56, 0x61}, {0x57, 0x78}, {0x58, 0x07}};

    begin();
    config(0x01);
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        i8042_key(kbc, keys[i].set1, true);
        i8042_key(kbc, keys[i].set1, false);
        CU_ASSERT_TRUE(reads((const u8[]){keys[i].set2, 0xf0, keys[i].set2}, 3, false));
    }
    i8042_key(kbc, 0xc8, false); /* up arrow */
    CU_ASSERT_TRUE(reads((const u8[]){0xe0, 0xf0, 0x75}, 3, false));
    fixture_end(&f);
}

static void every_key_survives_both_ways(void)
{
    begin();
    for (unsigned code = 1; code <= 0x58; code++) {
        if (code == 0x55)
            continue;
        config(0x41);
        i8042_key(kbc, (u8)code, true);
        CU_ASSERT_EQUAL(data(), code);
        config(0x01);
        write(0xf0);
        write(0x01); /* set 1 natively */
        data();
        data();
        i8042_key(kbc, (u8)code, false);
        CU_ASSERT_EQUAL(data(), code | 0x80);
        write(0xf6);
        CU_ASSERT_EQUAL(data(), 0xfa);
    }
    fixture_end(&f);
}

static void keyboard_commands(void)
{
    begin();
    config(0x01);
    write(0xff);
    CU_ASSERT_TRUE(reads((const u8[]){0xfa, 0xaa}, 2, false));
    write(0xf2);
    CU_ASSERT_TRUE(reads((const u8[]){0xfa, 0xab, 0x83}, 3, false));
    write(0xed);
    write(0x05);
    CU_ASSERT_TRUE(reads((const u8[]){0xfa, 0xfa}, 2, false));
    CU_ASSERT_EQUAL(kbc->kbd.leds, 5);
    write(0xee);
    CU_ASSERT_TRUE(reads((const u8[]){0xee}, 1, false));
    write(0xfe);
    CU_ASSERT_TRUE(reads((const u8[]){0xee}, 1, false));
    write(0xf0);
    write(0x00);
    CU_ASSERT_TRUE(reads((const u8[]){0xfa, 0xfa, 0x02}, 3, false));
    write(0x12);
    CU_ASSERT_TRUE(reads((const u8[]){0xfe}, 1, false));
    write(0xf5); /* scanning off */
    i8042_key(kbc, 0x1e, true);
    CU_ASSERT_TRUE(reads((const u8[]){0xfa}, 1, false));
    write(0xf4);
    i8042_key(kbc, 0x1e, true);
    CU_ASSERT_TRUE(reads((const u8[]){0xfa, 0x1c}, 2, false));
    fixture_end(&f);
}

static void disabled_interface_holds_bytes_back(void)
{
    begin();
    command(0xad);
    i8042_key(kbc, 0x1e, true);
    CU_ASSERT_EQUAL(status() & 1, 0);
    command(0xae);
    CU_ASSERT_TRUE(reads((const u8[]){0x1e}, 1, false));
    fixture_end(&f);
}

static void interrupts_follow_the_command_byte(void)
{
    begin();
    config(0x40);
    i8042_key(kbc, 0x1e, true);
    CU_ASSERT_FALSE(irq1.level);
    config(0x41);
    CU_ASSERT_TRUE(irq1.level);
    i8042_key(kbc, 0x1f, true);
    data(); /* the next byte makes an edge of its own */
    CU_ASSERT_EQUAL(irq1.rises, 2);
    CU_ASSERT_TRUE(irq1.level);
    fixture_end(&f);
}

static void full_queue_drops_whole_keys(void)
{
    unsigned n = 0;

    begin();
    config(0x01);
    for (unsigned i = 0; i < 40; i++)
        i8042_key(kbc, 0x9c, false); /* three bytes each */
    while (status() & 1) {
        static const u8 expected[3] = {0xe0, 0xf0, 0x5a};

        CU_ASSERT_EQUAL(data(), expected[n++ % 3]);
    }
    CU_ASSERT_EQUAL(n % 3, 0);
    CU_ASSERT(n >= 30);
    fixture_end(&f);
}

static void mouse_commands_and_packets(void)
{
    begin();
    config(0x47);
    command(0xd4);
    write(0xff);
    CU_ASSERT_TRUE(irq12.level);
    CU_ASSERT_TRUE(reads((const u8[]){0xfa, 0xaa, 0x00}, 3, true));
    command(0xd4);
    write(0xf2);
    CU_ASSERT_TRUE(reads((const u8[]){0xfa, 0x00}, 2, true));
    i8042_mouse(kbc, 5, 5, 0);
    CU_ASSERT_EQUAL(status() & 1, 0); /* not enabled */
    command(0xd4);
    write(0xf4);
    CU_ASSERT_TRUE(reads((const u8[]){0xfa}, 1, true));
    i8042_mouse(kbc, 3, -2, 1);
    CU_ASSERT_TRUE(reads((const u8[]){0x29, 0x03, 0xfe}, 3, true));
    command(0xd4);
    write(0xe9);
    CU_ASSERT_TRUE(reads((const u8[]){0xfa, 0x24, 0x02, 0x64}, 4, true));
    command(0xd3); /* loop-back: counts as the mouse's */
    write(0x5a);
    CU_ASSERT_TRUE(reads((const u8[]){0x5a}, 1, true));
    fixture_end(&f);
}

static void output_port_and_reset(void)
{
    begin();
    command(0xd0);
    CU_ASSERT_EQUAL(data() & 0x03, 0x03);
    CU_ASSERT_EQUAL(i8042_data_ops.a20(kbc, 0, 0xdd), -1); /* for the keyboard */
    command(0xd1);
    CU_ASSERT_EQUAL(i8042_data_ops.a20(kbc, 0, 0xdd), 0);
    CU_ASSERT_EQUAL(i8042_data_ops.a20(kbc, 0, 0xdf), 1);
    CU_ASSERT_EQUAL(i8042_command_ops.a20(kbc, 0, 0xdd), 0);
    CU_ASSERT_EQUAL(i8042_command_ops.a20(kbc, 0, 0xdf), 1);
    CU_ASSERT_EQUAL(i8042_command_ops.a20(kbc, 0, 0xd1), -1);
    write(0xdd); /* A20 off */
    CU_ASSERT_EQUAL(resets, 0);
    command(0xd0);
    CU_ASSERT_EQUAL(data() & 0x03, 0x01);
    command(0xdf);
    command(0xd0);
    CU_ASSERT_EQUAL(data() & 0x03, 0x03);
    command(0xff); /* pulses nothing */
    CU_ASSERT_EQUAL(resets, 0);
    command(0xfe);
    CU_ASSERT_EQUAL(resets, 1);
    command(0xd1);
    write(0xde);
    CU_ASSERT_EQUAL(resets, 2);
    fixture_end(&f);
}

TEST_SUITE(i8042, TEST(self_tests_pass), TEST(command_byte_and_memory),
           TEST(status_tells_command_from_data), TEST(keys_arrive_translated_to_set1),
           TEST(set2_untranslated), TEST(every_key_survives_both_ways), TEST(keyboard_commands),
           TEST(disabled_interface_holds_bytes_back), TEST(interrupts_follow_the_command_byte),
           TEST(full_queue_drops_whole_keys), TEST(mouse_commands_and_packets),
           TEST(output_port_and_reset));
