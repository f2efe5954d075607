/* SPDX-License-Identifier: MIT */
/*
 * The small chips: debug console, debug exit, system control port A, POST port.
 */
#include "devices/debug_exit.h"
#include "devices/debug_port.h"
#include "devices/port92.h"
#include "devices/post_port.h"
#include "tests/device/fixture.h"
#include "tests/lib/suite.h"

static struct fixture f;
static u8 text[16];
static size_t length;
static int status;
static unsigned calls;

static void sink(void *opaque, const u8 *bytes, size_t n)
{
    (void)opaque;
    memcpy(text + length, bytes, n);
    length += n;
}

static void note_exit(void *opaque, int value)
{
    (void)opaque;
    status = value;
    calls++;
}

static void count(void *opaque)
{
    (void)opaque;
    calls++;
}

static void debug_port_writes_and_identifies(void)
{
    struct debug_port *port;

    fixture_begin(&f);
    port = debug_port_create(&f.io);
    out8(&debug_port_ops, port, 0, 'x'); /* without a sink: nothing */
    port->output = sink;
    length = 0;
    out8(&debug_port_ops, port, 0, 'a');
    out8(&debug_port_ops, port, 0, 'b');
    CU_ASSERT_EQUAL(length, 2);
    CU_ASSERT_EQUAL(memcmp(text, "ab", 2), 0);
    CU_ASSERT_EQUAL(in8(&debug_port_ops, port, 0), 0xe9);
    fixture_end(&f);
}

static void debug_exit_status_is_odd(void)
{
    static const struct {
        u32 value;
        int status;
    } cases[] = {{0, 1}, {1, 3}, {0x10, 33}, {0x7f, 255}, {0x80, 1}, {0xffffffff, 255}};
    struct debug_exit *port;

    fixture_begin(&f);
    port = debug_exit_create(&f.io);
    port->exit = note_exit;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        wr(&debug_exit_ops, port, 0, 4, cases[i].value);
        CU_ASSERT_EQUAL(status, cases[i].status);
    }
    fixture_end(&f);
}

static void port92_resets_on_a_rising_bit(void)
{
    struct port92 *port;

    fixture_begin(&f);
    port = port92_create(&f.io);
    port->reset = count;
    device_reset_all(&f.io);
    calls = 0;
    CU_ASSERT_EQUAL(in8(&port92_ops, port, 0) & 3, 2);
    out8(&port92_ops, port, 0, 0x02);
    CU_ASSERT_EQUAL(calls, 0);
    out8(&port92_ops, port, 0, 0x03);
    out8(&port92_ops, port, 0, 0x03);
    CU_ASSERT_EQUAL(calls, 1);
    out8(&port92_ops, port, 0, 0x00);
    CU_ASSERT_EQUAL(in8(&port92_ops, port, 0), 0);
    fixture_end(&f);
}

static void post_ports_keep_bytes(void)
{
    struct post_port *port;

    fixture_begin(&f);
    port = post_port_create(&f.io);
    out8(&post_port_ops, port, 0, 0x55);
    out8(&post_port_ops, port, 7, 0xaa);
    CU_ASSERT_EQUAL(in8(&post_port_ops, port, 0), 0x55);
    CU_ASSERT_EQUAL(in8(&post_port_ops, port, 7), 0xaa);
    device_reset_all(&f.io);
    CU_ASSERT_EQUAL(in8(&post_port_ops, port, 0), 0);
    fixture_end(&f);
}

TEST_SUITE(ports, TEST(debug_port_writes_and_identifies), TEST(debug_exit_status_is_odd),
           TEST(port92_resets_on_a_rising_bit), TEST(post_ports_keep_bytes));
