/* SPDX-License-Identifier: MIT */
/*
 * --sched serial. (being written)
 */
#include "src/machine.h"

int serial_create(struct machine *m, u64 quantum)
{
    (void)m;
    (void)quantum;
    return 0;
}

void serial_destroy(struct machine *m) { (void)m; }
void serial_join(struct machine *m, struct vcpu *v) { (void)m; (void)v; }
void serial_leave(struct machine *m, struct vcpu *v) { (void)m; (void)v; }
