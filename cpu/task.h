/* SPDX-License-Identifier: MIT */
/*
 * Hardware task switch. Not in long mode. Intel SDM vol. 3 ch. 7.
 */
#ifndef CPU_TASK_H
#define CPU_TASK_H

#include "cpu/descriptor.h"

enum task_cause { TASK_JMP, TASK_CALL, TASK_IRET, TASK_GATE };

struct task_request {
    enum task_cause cause;
    u16 sel;        /* of the new TSS */
    u64 rip;        /* what the old task resumes at */
    u32 flags;      /* what the old task's EFLAGS image is */
    u32 ext;        /* EXT bit for error codes */
    bool has_error; /* TASK_GATE: push `error` on the new task's stack */
    u32 error;
};

/* Find and check the TSS that `sel` names. `busy`: whether it has to be a busy one (IRET). Raises #GP, #TS (IRET), #NP. */
void task_find(struct vcpu *v, u16 sel, bool busy, u32 ext, struct descriptor *tss);

/* Switch: commits, or escapes before. A fault that belongs to the new task (its segments are wrong) is left in
 * vcpu->fault for the boundary behind the switch. */
void task_switch(struct vcpu *v, const struct task_request *t, const struct descriptor *tss);

#endif
