/* SPDX-License-Identifier: MIT */
/*
 * Going to a register state and coming back with the trap that ended it: what both modes share. The state goes by IRET in
 * core*.S; a trap comes back through its stubs with a frame of the mode, which machine*.c reads and writes.
 */
#include "tests/system/kit/trap.h"

bool (*sys_hook)(struct context *c);
bool sys_no_dr6;

static struct context *current;

int sys_trap(void *frame, word flags, word ss)
{
    struct context now;

    if (current)
        now = *current;
    sys_frame_take(&now, frame);
    now.cr2 = read_cr2();
    if (!current)
        panic("trap %lu, error %lx, at %lx:%lx, cr2 %lx", now.vector, now.error, now.cs, now.ip,
              now.cr2);
    now.dr6 = sys_no_dr6 ? 0 : read_dr6();
    now.in_flags = flags;
    now.in_ss = ss;
    __asm__ volatile("mov %%cs, %0" : "=r"(now.in_cs));
    if (sys_hook && sys_hook(&now)) {
        sys_frame_give(&now, frame);
        return 1;
    }
    *current = now;
    current = NULL;
    return 0;
}

void sys_go(struct context *c)
{
    current = c;
    sys_enter(c);
}
