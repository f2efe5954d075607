/* SPDX-License-Identifier: MIT */
/*
 * Has every row of the instruction tables a case, and would the case notice if the row were wrong?
 *
 * All cases are run on the interpreter while the lifter tells which rows it uses. Then each row is broken: its
 * instructions do nothing, and one of the cases that reach it has to fail. Instructions that leave no trace in a case's state
 * (hints, fences) are made #UD instead. A row whose breaking nobody notices has no case. Broken programs may go
 * astray; a signal ends them, which is noticed as well. "make lint" fails when a row is printed.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/lift.h"
#include "tests/insn/runner.h"
#include "tests/lib/flat.h"

static const struct insn_row *rows;
static unsigned n_rows;
static u8 *reached;                   /* by the case that runs */
static const struct insn_row *broken; /* the row that is not what it should be, */
static enum flat_change how;          /* but this */
static sigjmp_buf astray;

static enum flat_change note_row(const struct insn_row *row)
{
    if (row)
        reached[row - rows] = 1;
    return FLAT_AS_IT_IS;
}

static enum flat_change break_row(const struct insn_row *row)
{
    return row && row == broken ? how : FLAT_AS_IT_IS;
}

static void on_signal(int sig)
{
    (void)sig;
    siglongjmp(astray, 1);
}

static bool leaves_no_trace(const struct insn_row *row)
{
    static const char *const names[] = {"NOP",     "PREFETCHW",  "PAUSE",  "FNOP",   "FNENI",
                                        "FNDISI",  "FNSETPM",    "LFENCE", "MFENCE", "SFENCE",
                                        "CLFLUSH", "CLFLUSHOPT", "CLWB"};

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        if (!strcmp(row->name, names[i]))
            return true;
    return false;
}

/* Does the case fail with the row broken? */
static bool notices(const struct insn_case *c)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};
    struct sigaction old[ARRAY_SIZE(signals)];
    volatile bool passes = false;

    for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
        sigaction(signals[i], &sa, &old[i]);
    if (!sigsetjmp(astray, 0))
        passes = insn_case_passes(c);
    for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
        sigaction(signals[i], &old[i], NULL);
    return !passes;
}

static bool is_covered(unsigned row, const u8 *by_case, unsigned n_cases)
{
    broken = &rows[row];
    how = leaves_no_trace(broken) ? FLAT_IS_UNDEFINED : FLAT_DOES_NOTHING;
    for (unsigned i = 0; i < n_cases; i++)
        if (by_case[(size_t)i * n_rows + row] && notices(&__start_insn_cases[i]))
            return true;
    return false;
}

static void print_row(const struct insn_row *r, bool seen)
{
    static const char *const maps[] = {"",        "0F ",       "0F38 ",    "0F3A ",
                                       "VEX.0F ", "VEX.0F38 ", "VEX.0F3A "};
    static const char *const prefixes[] = {"", "NP ", "66 ", "F3 ", "F2 "};

    printf("no case%s: %s%s%02X%s%x %s \"%s\"\n", seen ? " notices" : "", prefixes[r->pfx],
           maps[r->map], r->opcode, r->ext == XX ? " -" : " /", r->ext == XX ? 0 : (unsigned)r->ext,
           r->name, r->operands);
}

int insn_check_rows(void)
{
    unsigned n_cases = (unsigned)(__stop_insn_cases - __start_insn_cases), covered = 0;
    u8 *by_case;

    rows = insn_rows(&n_rows);
    by_case = calloc(n_cases, n_rows);
    if (!by_case)
        return 2;
    flat_set_filter(note_row);
    for (unsigned i = 0; i < n_cases; i++) {
        reached = by_case + (size_t)i * n_rows;
        if (!insn_case_passes(&__start_insn_cases[i])) {
            printf("%s fails\n", __start_insn_cases[i].name);
            return 1;
        }
    }
    flat_set_filter(break_row);
    for (unsigned r = 0; r < n_rows; r++) {
        bool seen = false;

        if (is_covered(r, by_case, n_cases)) {
            covered++;
            continue;
        }
        for (unsigned i = 0; i < n_cases; i++)
            seen |= by_case[(size_t)i * n_rows + r];
        print_row(&rows[r], seen);
    }
    free(by_case);
    printf("insn: %u cases, for %u of %u rows\n", n_cases, covered, n_rows);
    return covered < n_rows;
}
