/* SPDX-License-Identifier: MIT */
/*
 * What forms.c has to know about some bytes before it executes them.
 */
#ifndef X86SIM_TESTS_FORMS_FORMS_H
#define X86SIM_TESTS_FORMS_FORMS_H

#include "tests/forms/gen.h"

enum form_expect {
    FORM_COMPARED,  /* executed on the host too */
    FORM_UNDEFINED, /* must be #UD here: not announced */
    FORM_DEFINED,   /* must not be #UD here; the host is not asked */
    FORM_SKIPPED,   /* neither */
};

struct form_class {
    enum form_expect expect;
    unsigned mnemonic; /* ZydisMnemonic, 0: Zydis knows no such instruction */
    unsigned len;
    u32 undefined_flags;
    bool
        repeats; /* REP string instruction; gather, where a trap goes before the fault of an element that is not the first */
    bool inexact_x87; /* results that may differ between CPUs */
    bool inexact_sse;
    bool fault_shows;      /* a fault may leave x87 state and memory changed */
    bool may_ignore;       /* MASKMOV: with an empty mask the operand may or may not be accessed */
    bool misaligned_mxcsr; /* loads MXCSR, of which the host may have bit 17 */
    bool no_ac; /* x87 environment, ENTER's outer frames: #AC is not raised here (a limit) */
    bool
        offset_too; /* implicit operand by FS or GS: AMD's processors want the offset to be canonical, too */
    bool may_wrap;  /* 32-bit code */
    bool piecewise; /* which of several faults is raised is open */
};

/* c's registers decide too: shifts define other flags for other counts. */
void form_classify(struct form_class *class, const struct form_case *c);

/* Counted in memory that the child shares with its parent. */
struct form_progress {
    u64 at; /* the case, or the stream, that runs */
    bool in_streams;
    u64 passed, failed;
    u64 executed, undefined;           /* cases */
    u64 streams, instructions, faults; /* streams, what they executed, those with an exception */
    u64 rows, rows_reached;            /* of the instruction tables, by streams */
};

enum { FORM_FIELDS_MAX = 4 };

/* What differs, as lines of text; n counts all of it. */
struct form_difference {
    char text[FORM_FIELDS_MAX * 80 + 80];
    unsigned n;
};

/* Adds to d what guest g did otherwise than host h, class being that of the (last) instruction. */
void form_compare(struct form_difference *d, const struct form_outcome *h,
                  const struct form_outcome *g, const struct form_class *class);
void form_print_state(const struct form_state *s);
/* The vector and x87 registers, which are many. */
void form_print_vectors(const struct form_state *s);

#endif
