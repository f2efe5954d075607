/* SPDX-License-Identifier: MIT */
/*
 * See bare.h. The same steps as the run loop's (cpu/run.c), without holds, budgets and journal.
 */
#include "tests/lib/bare.h"

#include <stdlib.h>

#include "cpu/code_cache.h"
#include "cpu/cpuid.h"
#include "cpu/debug.h"
#include "cpu/exec.h"
#include "cpu/run.h"

static void on_reset(void *machine, struct vcpu *v)
{
    struct bare *b = machine;

    (void)v;
    b->reset = true;
}

static void nothing(void *ctx, struct participant *by)
{
    (void)ctx;
    (void)by;
}

bool bare_create(struct bare *b, u64 bytes, u64 entry, const char *model)
{
    struct vcpu *v = aligned_alloc(64, (sizeof(*v) + 63) & ~(size_t)63);

    memset(b, 0, sizeof(*b));
    b->dir = calloc(1, sizeof(*b->dir));
    if (!v || !b->dir || physmem_create(&b->mem, bytes) ||
        directory_create(b->dir, physmem_frames(&b->mem), 1, 1, NULL, true, false))
        return false;
    memset(v, 0, sizeof(*v));
    io_space_create(&b->io);
    b->io.begin = b->io.end = nothing;
    b->env =
        (struct vcpu_env){.machine = b, .io = &b->io, .reset = on_reset, .icount_limit = ~0ull};
    if (vcpu_create(v, 0, b->dir, NULL, &b->mem, cpu_model_find(model), &b->env))
        return false;
    directory_add(b->dir, &v->p);
    memset(v->p.rights, RIGHT_READ | RIGHT_WRITE, b->dir->n_objects);
    b->v = v;
    vcpu_reset(v, true);
    v->seg[SEG_CS].sel = (u16)(entry >> 4);
    v->seg[SEG_CS].base = entry;
    v->rip = 0;
    v->r[R_DX] = 0;
    return true;
}

/* The registers, and the memory that small programs use. */
#define STATE_BYTES (offsetof(struct vcpu, key) - offsetof(struct vcpu, r))
#define LOW_BYTES 0x10000u

void bare_set_misses(struct bare *b)
{
    b->misses = true;
    b->before = calloc(1, STATE_BYTES + LOW_BYTES);
}

static void begin_step(struct bare *b)
{
    struct participant *p = &b->v->p;

    memset(p->rights, 0, b->dir->n_objects);
    p->drop(p, ~0ull, DROP_ALL);
    memcpy(b->before, b->v->r, STATE_BYTES);
    memcpy(b->before + STATE_BYTES, b->mem.ram, LOW_BYTES);
}

static void grant(struct bare *b)
{
    struct participant *p = &b->v->p;

    if (memcmp(b->before, b->v->r, STATE_BYTES) ||
        memcmp(b->before + STATE_BYTES, b->mem.ram, LOW_BYTES))
        b->torn++;
    b->n_misses++;
    p->rights[p->want_object] |= p->want_right | RIGHT_READ;
}

void bare_destroy(struct bare *b)
{
    free(b->before);
    vcpu_destroy(b->v);
    directory_destroy(b->dir);
    free(b->dir);
    free(b->v);
    physmem_destroy(&b->mem);
}

static void execute(struct vcpu *v)
{
    bool first = false, stepped = v->key & KEY_STEP;
    struct block *blk;

    if (stepped && debug_begin_insn(v))
        longjmp(v->escape, ESCAPE_EXCEPTION);
    blk = code_cache_find(v, v->key | KEY_STEP | (v->cpl == 3 ? KEY_USER : 0), &first);
    participant_set_budget(&v->p, 0, 1u << 20);
    v->blk = blk;
    v->shadow = v->shadow_ss = false;
    blk->u[0].fn(v, blk->u);
    v->blk = NULL;
    mmu_fetch_commit(&v->mmu);
    if (stepped)
        debug_end_insn(v, blk->rip, blk->rip + blk->len);
    mmu_forget_code(&v->mmu);
}

/* What is due at this boundary. */
static void one_step(struct bare *b)
{
    struct vcpu *v = b->v;

    if (b->faulted) {
        deliver_exception(v, &v->exc);
        b->faulted = false;
    } else if (v->fault_pending) {
        deliver_exception(v, &v->fault);
        v->fault_pending = false;
    } else if (v->pending_db && !v->shadow_ss) {
        struct exception e = {.vector = VEC_DB, .dr6 = v->pending_db};
        deliver_exception(v, &e);
        v->pending_db = 0;
    } else {
        execute(v);
        return;
    }
    mmu_forget_code(&v->mmu);
}

void bare_step(struct bare *b)
{
    struct vcpu *v = b->v;
    bool shadow = v->shadow, shadow_ss = v->shadow_ss;

    if (b->misses)
        begin_step(b);
    switch (setjmp(v->escape)) {
    case ESCAPE_EXCEPTION:
        if (v->blk)
            v->rip = vcpu_insn_rip(v, v->cur);
        b->faulted = true;
        break;
    case ESCAPE_MISS:
        grant(b);
        v->shadow = shadow;
        v->shadow_ss = shadow_ss;
        break;
    default: break;
    }
    v->blk = NULL;
    v->mmu.careful = v->careful = true;
    one_step(b);
}

u64 bare_run(struct bare *b, u64 max)
{
    u64 n = 0;

    while (n < max && b->v->activity == CPU_RUNNING && !b->reset) {
        bare_step(b);
        n++;
    }
    return n;
}

void bare_interrupt(struct bare *b, u8 vector)
{
    deliver_interrupt(b->v, vector);
}
