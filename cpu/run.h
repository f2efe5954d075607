/* SPDX-License-Identifier: MIT */
/*
 * Running a vCPU: the loop over blocks and what happens at the boundaries between them. One thread for each vCPU
 * calls vcpu_run().
 */
#ifndef CPU_RUN_H
#define CPU_RUN_H

#include "cpu/vcpu.h"

/* What the vCPUs of a machine share with the board. All callbacks: vCPU's thread. */
struct vcpu_env {
    void *machine;
    struct code_cache *code; /* made by the first vCPU, gone with the last (cpu/code_cache.h) */
    struct io_space *io;
    _Atomic bool stop;   /* everybody leaves at the next boundary */
    _Atomic bool flush;  /* write out journal buffers at the next boundary */
    bool step;           /* engine: every instruction is a block of its own */
    bool replay;         /* positions have to be published */
    u64 icount_limit;    /* stop a vCPU here; ~0: never */
    u32 quantum;         /* instructions between looks at the token queue */
    u64 digest_interval; /* instructions between digests of the registers in a log; 0: none */
    /* The 8259's answer to an interrupt acknowledge, without effect / with. I/O space held. */
    u8 (*pic_peek)(void *machine);
    void (*pic_ack)(void *machine);
    /* A triple fault or another reset request. */
    void (*reset)(void *machine, struct vcpu *v);
    /* vCPU v wants a kick at guest time `ns` (~0: no). Any order of times. */
    void (*deadline)(void *machine, struct vcpu *v, u64 ns);
    /* FERR# is asserted: an x87 error with CR0.NE clear. I/O space held. NULL: not connected. */
    void (*ferr)(void *machine);
    /* A vCPU has left its loop. */
    void (*left)(void *machine, struct vcpu *v);
    /* --sched serial instead of run tokens: at each boundary, when the vCPU is halted, and how many instructions
     * the turn has left. NULL: run tokens. */
    void (*turn)(void *machine, struct vcpu *v);
    void (*halt)(void *machine, struct vcpu *v);
    u64 (*turn_left)(void *machine, struct vcpu *v);
    /* The instruction limit was reached. */
    void (*limit)(void *machine, struct vcpu *v);
};

/* Allocate what a vCPU needs: participant number id of the directory, memory, model. 0 or -ENOMEM. */
int vcpu_create(struct vcpu *v, unsigned id, struct directory *dir, struct journal_stream *stream,
                struct physmem *mem, const struct cpu_model *model, struct vcpu_env *env);
void vcpu_destroy(struct vcpu *v);

/* The MMU's escape: turns it into the vCPU's. (clang does not take a _Noreturn function for a pointer to noreturn.) */
__attribute__((noreturn)) void vcpu_mmu_escaped(void *owner, enum mmu_escape why);

/* Make sure that the vCPU has the I/O hold; escapes with a miss until it has. */
void vcpu_need_io_hold(struct vcpu *v);
/* The same for what senders know of the vCPU's APIC: its ids, mode, software enable. */
void vcpu_need_apic_map(struct vcpu *v);
/* RDMSR of one of the APIC's MSRs, at the instruction's position; WRMSR to one, with those holds. */
u64 vcpu_lapic_msr_read(struct vcpu *v, u32 index);
void vcpu_lapic_msr_write(struct vcpu *v, u32 index, u64 value);

/* Run until env->stop or the end of the replay. The thread of vCPU v. */
void vcpu_run(struct vcpu *v);

/* ---- For an engine, which takes the place of the loop over blocks (vcpu->t.run). vCPU's thread. ---- */

struct block;
/* The key of the blocks that may be entered now. */
u32 vcpu_run_key(const struct vcpu *v);
/* A block ended in something other than a direct branch. True: back to the boundary. */
bool vcpu_must_look(struct vcpu *v);
/* Is the boundary due? Nothing may be fetched beyond it. */
bool vcpu_is_due(const struct vcpu *v);
/* Charge b's length to the budget. False: it does not cover it, or somebody wants attention. */
bool vcpu_charge(struct vcpu *v, const struct block *b);
/* What PAUSE has to look at: where not 0 the handler does it (vcpu_pause()). NULL: the handler always does. Constant while
 * v lives. */
const _Atomic u32 *vcpu_pause_looks(const struct vcpu *v);
/* Give n instructions that were charged back to the budget, or take them. */
void vcpu_refund(struct vcpu *v, i32 n);
/* STI does not end the run of blocks: what shadow it has left if the vCPU stops where it is. */
static inline void vcpu_settle_shadow(struct vcpu *v)
{
    if (participant_icount(&v->p) == v->sti_at)
        v->shadow = true;
}
/* The loop ends before b, which the budget does not cover or (first) which owes accessed bits. */
void vcpu_stop_blocks(struct vcpu *v, const struct block *b, bool first);

/* Kick v and wake it if it sleeps. Any thread. */
void vcpu_poke(struct vcpu *v);

/* Triple fault: the CPU shuts down. Owner. */
void vcpu_triple_fault(struct vcpu *v);

#endif
