/* SPDX-License-Identifier: MIT */
/*
 * What the two files of the demo guest share: its reporting, and the steps that live in
 * demo_code.c.
 */
#ifndef ROMS_DEMO_H
#define ROMS_DEMO_H

#include "roms/kit/kit.h"

/* Notes one check; a false one makes the whole run end as failed. Boot CPU only. */
void demo_check(bool holds, const char *what);

/* Steps. Each prints its result lines; the boot CPU calls them one after another. */
void demo_step_smc(void);
void demo_step_xmc(void);

#endif
