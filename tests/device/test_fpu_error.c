/* SPDX-License-Identifier: MIT */
/*
 * FERR#: the latch behind ISA interrupt 13 and the ports that clear it.
 */
#include "devices/fpu_error.h"
#include "tests/device/fixture.h"
#include "tests/lib/suite.h"

static void latch(void)
{
    struct fixture f;
    struct line line = {0};
    struct fpu_error *d;

    fixture_begin(&f);
    d = fpu_error_create(&f.io);
    d->irq = line_to(&line);
    fpu_error_raise(d);
    CU_ASSERT_TRUE(line.level);
    fpu_error_raise(d); /* the same error, met again */
    CU_ASSERT_EQUAL(line.rises, 1);
    out8(&fpu_error_ops, d, 1, 0);
    CU_ASSERT_FALSE(line.level);
    fpu_error_raise(d);
    CU_ASSERT_EQUAL(line.rises, 2);
    out8(&fpu_error_ops, d, 0, 0xff);
    CU_ASSERT_FALSE(line.level);
    CU_ASSERT_EQUAL(in8(&fpu_error_ops, d, 0), 0xff);
    fixture_end(&f);
}

TEST_SUITE(fpu_error, TEST(latch));
