/* SPDX-License-Identifier: MIT */
/*
 * Guest time asked for twice at one position: an access that a device takes in pieces (IN EAX of a byte-wide timer, a
 * misaligned read of the PM timer) asks once for each. A replay gives each question the answer it had, whichever of them was
 * logged.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "replay/journal.h"
#include "replay/log.h"
#include "tests/lib/suite.h"

static u64 live_ns;

static u64 test_now(void *ctx, unsigned id, u64 pos)
{
    (void)ctx, (void)id, (void)pos;
    return live_ns;
}

static void one_position_one_time(void)
{
    static struct journal rec, rep;
    char path[] = "/tmp/x86sim-test-clock-XXXXXX", err[256];
    struct log_reader *reader;
    u64 told[3];
    int fd = mkstemp(path);

    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
    journal_create(&rec, JOURNAL_RECORD, 1);
    rec.now = test_now;
    CU_ASSERT_EQUAL_FATAL(log_create(&rec.writer, path, NULL, 0), 0);
    live_ns = 1000; /* near enough: not logged */
    told[0] = journal_clock(journal_stream(&rec, 0), 100);
    live_ns = 1000000; /* the thread was off its core */
    told[1] = journal_clock(journal_stream(&rec, 0), 100);
    told[2] = journal_clock(journal_stream(&rec, 0), 200);
    journal_flush(journal_stream(&rec, 0), 300);
    CU_ASSERT_EQUAL(log_close(rec.writer, true), 0);
    CU_ASSERT_EQUAL_FATAL(log_open(&reader, path, err, sizeof(err)), 0);
    journal_create(&rep, JOURNAL_REPLAY, 1);
    rep.reader = reader;
    CU_ASSERT_EQUAL(journal_clock(journal_stream(&rep, 0), 100), told[0]);
    CU_ASSERT_EQUAL(journal_clock(journal_stream(&rep, 0), 100), told[1]);
    CU_ASSERT_EQUAL(journal_clock(journal_stream(&rep, 0), 200), told[2]);
    journal_destroy(&rec);
    journal_destroy(&rep);
    log_reader_destroy(reader);
    unlink(path);
}

TEST_SUITE(journal_clock, TEST(one_position_one_time));
