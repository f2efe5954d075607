/* SPDX-License-Identifier: MIT */
/*
 * Traces as the MMU's accessors meet them: what the TLB has cached never hides an access from a trace, pages with read
 * traces never get a read tag, accesses across pages, read-modify-writes in place and on a copy, and device memory.
 * Participants with an MMU each, no paging, so that linear addresses are guest-physical ones.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>

#include "mmu/internal.h"
#include "src/base/check.h"
#include "tests/lib/suite.h"
#include "tests/unit/trace_fixture.h"

enum { A, B, C, VCPUS };

struct cpu {
    struct mmu m;
    jmp_buf escape;
    unsigned careful; /* instructions that had to run alone */
    unsigned who;
};

static struct stage s;
static struct cpu *cpus;
static struct physmem mem;
static struct io_space io;
static u64 device_register;

static void on_drop(struct participant *p, u64 gfn, unsigned what)
{
    struct party *party = p->owner;

    if (gfn < STAGE_PAGES)
        party->dropped[gfn] |= what;
    mmu_drop(&cpus[party - s.party].m, gfn, what);
}

/* The attribute, not _Noreturn: to clang only that is of the type. */
static __attribute__((noreturn)) void on_escape(void *owner, enum mmu_escape why)
{
    struct cpu *c = owner;

    longjmp(c->escape, why + 1);
}

static void on_locate(void *owner, const void *where)
{
    (void)owner, (void)where;
}

static u64 device_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    (void)dev, (void)by, (void)offset, (void)size;
    return device_register;
}

static void device_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    (void)dev, (void)by, (void)offset, (void)size;
    device_register = value;
}

static const struct region_ops device_ops = {
    .read = device_read, .write = device_write, .max_size = 8};

static void io_nothing(void *ctx, struct participant *by)
{
    (void)ctx, (void)by;
}

#define DEVICE 0xd0000000

static void set_up(enum trace_semantics sem)
{
    stage_begin(&s, VCPUS, false);
    s.dir.semantics[TRACE_WATCH] = (u8)sem;
    CU_ASSERT_EQUAL_FATAL(physmem_create(&mem, STAGE_PAGES * 4096), 0);
    free(s.memory);
    s.memory = mem.ram;
    io_space_create(&io);
    io.begin = io.end = io_nothing;
    CU_ASSERT_EQUAL_FATAL(io_space_add_mmio(&io, DEVICE, 0x1000, "test", &device_ops, NULL), 0);
    cpus = calloc(VCPUS, sizeof(*cpus));
    CHECK(cpus);
    for (unsigned i = 0; i < VCPUS; i++) {
        struct participant *p = &s.party[i].p;

        CU_ASSERT_EQUAL_FATAL(mmu_create(&cpus[i].m, p, &mem, &io), 0);
        cpus[i].who = i;
        cpus[i].m.owner = &cpus[i];
        cpus[i].m.escape = on_escape;
        cpus[i].m.locate = on_locate;
        p->drop = on_drop;
    }
}

static void tear_down(void)
{
    for (unsigned i = 0; i < VCPUS; i++)
        mmu_destroy(&cpus[i].m);
    free(cpus);
    s.memory = NULL;
    physmem_destroy(&mem);
    stage_end(&s);
}

/* ---- Instructions ----------------------------------------------------------------------------------------------- */

struct insn {
    enum { READ, WRITE, INCREMENT, READ_BYTES, WRITE_BYTES } what;
    u64 gpa;
    u32 size;
    u64 value;
    u8 *bytes;
};

static void once(struct mmu *m, struct insn *in)
{
    u64 *at;

    switch (in->what) {
    case READ: in->value = mmu_read(m, in->gpa, in->size, NULL); break;
    case WRITE: mmu_write(m, in->gpa, in->size, in->value, NULL); break;
    case INCREMENT: /* LOCK ADD qword */
        at = mmu_rmw_begin(m, in->gpa, 8, NULL);
        in->value = __atomic_add_fetch(at, 1, __ATOMIC_SEQ_CST);
        mmu_rmw_end(m);
        break;
    case READ_BYTES: mmu_read_bytes(m, in->gpa, in->bytes, in->size, NULL); break;
    case WRITE_BYTES: mmu_write_bytes(m, in->gpa, in->bytes, in->size, NULL); break;
    }
}

/* As a vCPU does it (cpu/run.c): abandoned when it must, begun again alone. */
static u64 execute(unsigned who, struct insn in)
{
    struct cpu *c = &cpus[who];
    struct participant *p = &s.party[who].p;
    bool parked = p->parked;

    if (parked)
        participant_unpark(p);
    switch (setjmp(c->escape)) {
    case 0: break;
    case MMU_ESCAPE_MISS + 1:
        hold_acquire(p);
        c->m.careful = true;
        break;
    case MMU_ESCAPE_CAREFUL + 1:
        CHECK(!c->m.careful);
        c->careful++;
        c->m.careful = true;
        break;
    default: CHECK(false);
    }
    once(&c->m, &in);
    c->m.careful = false;
    p->position++;
    hold_retire(p);
    if (parked)
        participant_park(p);
    return in.value;
}

static void write_by(unsigned who, u64 gpa, u32 size, u64 value)
{
    execute(who, (struct insn){.what = WRITE, .gpa = gpa, .size = size, .value = value});
}

static u64 read_by(unsigned who, u64 gpa, u32 size)
{
    return execute(who, (struct insn){.what = READ, .gpa = gpa, .size = size});
}

static u64 increment_by(unsigned who, u64 gpa)
{
    return execute(who, (struct insn){.what = INCREMENT, .gpa = gpa, .size = 8});
}

static const struct tlb_entry *entry(unsigned who, u64 gpa)
{
    return &cpus[who].m.tlb[mmu_tlb_slot(gpa)];
}

static unsigned heard(unsigned who)
{
    unsigned n = s.party[who].n_heard;

    s.party[who].n_heard = 0;
    return n;
}

/* ---- Tests ------------------------------------------------------------------------------------------------------ */

static void cached_permissions_hide_nothing(void)
{
    set_up(TRACE_POST_SYNC);
    for (unsigned who = A; who <= B; who++) {
        write_by(who, 0x1000, 8, who);
        read_by(who, 0x1000, 8);
        CU_ASSERT(entry(who, 0x1000)->wtag == 0x1000 && entry(who, 0x1000)->rtag == 0x1000);
    }
    trace_add(&s.party[C].p, TRACE_WATCH, TRACE_WRITE, 0x1008, 0x1009);
    for (unsigned who = A; who <= B; who++) {
        /* Writes are seen from now on; reads are as fast as before. */
        CU_ASSERT(entry(who, 0x1000)->wtag != 0x1000 && entry(who, 0x1000)->rtag == 0x1000);
        write_by(who, 0x1008, 8, 1);
        CU_ASSERT_EQUAL(heard(C), 1);
        write_by(who, 0x1000, 8, 1);
        read_by(who, 0x1008, 8);
        increment_by(who, 0x1008);
        CU_ASSERT_EQUAL(heard(C), 1);
        CU_ASSERT(entry(who, 0x1000)->wtag != 0x1000 && entry(who, 0x1000)->rtag == 0x1000);
    }
    trace_remove(&s.party[C].p, TRACE_WATCH, 0x1008, 0x1009);
    write_by(A, 0x1008, 8, 1);
    CU_ASSERT_EQUAL(entry(A, 0x1000)->wtag, 0x1000);
    CU_ASSERT_EQUAL(heard(C), 0);
    tear_down();
}

/* Nor one's own. */
static void ones_own_cached_permissions_hide_nothing(void)
{
    set_up(TRACE_POST_SYNC);
    write_by(A, 0x1000, 8, 1);
    read_by(A, 0x1000, 8);
    trace_add(&s.party[A].p, TRACE_WATCH, TRACE_WRITE, 0x1000, 0x1001);
    write_by(A, 0x1000, 8, 2);
    CU_ASSERT_EQUAL(heard(A), 1);
    trace_add(&s.party[A].p, TRACE_WATCH, TRACE_READ, 0x1001, 0x1002);
    read_by(A, 0x1000, 8);
    CU_ASSERT_EQUAL(heard(A), 1);
    tear_down();
}

static void read_traces_leave_no_read_tag(void)
{
    set_up(TRACE_POST_SYNC);
    write_by(A, 0x1000, 8, 0x1234);
    read_by(A, 0x1000, 8);
    read_by(A, 0x2000, 8);
    trace_add(&s.party[C].p, TRACE_WATCH, TRACE_READ, 0x1002, 0x1003);
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT(entry(A, 0x1000)->rtag != 0x1000 && entry(A, 0x1000)->wtag != 0x1000);
        CU_ASSERT_EQUAL(read_by(A, 0x1000, 4), 0x1234);
        CU_ASSERT_EQUAL(s.party[C].heard[0].ev.value, 0x1234);
        CU_ASSERT_EQUAL(s.party[C].heard[0].ev.access, TRACE_READ);
        CU_ASSERT_EQUAL(heard(C), 1);
        CU_ASSERT_EQUAL(read_by(A, 0x1003, 1), 0);
        write_by(A, 0x1000, 8, 0x1234);
        CU_ASSERT_EQUAL(heard(C), 0);
    }
    CU_ASSERT_EQUAL(entry(A, 0x2000)->rtag, 0x2000);
    CU_ASSERT(cpus[A].careful > 0);
    trace_remove(&s.party[C].p, TRACE_WATCH, 0, 0x8000);
    read_by(A, 0x1000, 8);
    CU_ASSERT_EQUAL(entry(A, 0x1000)->rtag, 0x1000);
    CU_ASSERT_EQUAL(heard(C), 0);
    tear_down();
}

/* One event for each page of an access. */
static void across_pages(void)
{
    const struct heard *h = s.party[C].heard;

    set_up(TRACE_POST_SYNC);
    trace_add(&s.party[C].p, TRACE_WATCH, TRACE_READ | TRACE_WRITE, 0x1fff, 0x2001);
    write_by(A, 0x1ffd, 8, 0x8877665544332211);
    CU_ASSERT_EQUAL(stage_load(&s, 0x1ffd, 8), 0x8877665544332211);
    CU_ASSERT(h[0].ev.gpa == 0x1ffd && h[0].ev.size == 3 && h[0].ev.value == 0x332211);
    CU_ASSERT(h[1].ev.gpa == 0x2000 && h[1].ev.size == 5 && h[1].ev.value == 0x8877665544);
    CU_ASSERT_EQUAL(heard(C), 2);
    CU_ASSERT_EQUAL(read_by(B, 0x1ffd, 8), 0x8877665544332211);
    CU_ASSERT(h[0].ev.gpa == 0x1ffd && h[0].ev.size == 3 && h[0].ev.value == 0x332211);
    CU_ASSERT(h[1].ev.gpa == 0x2000 && h[1].ev.size == 5 && h[1].ev.value == 0x8877665544);
    CU_ASSERT_EQUAL(heard(C), 2);
    CU_ASSERT_EQUAL(read_by(B, 0x1ff8, 4), 0);
    CU_ASSERT_EQUAL(heard(C), 0);
    CU_ASSERT_EQUAL(increment_by(B, 0x1ffc), 0x7766554433221101);
    CU_ASSERT_EQUAL(stage_load(&s, 0x1ffc, 8), 0x7766554433221101);
    CU_ASSERT_EQUAL(heard(C), 4); /* read and written, on a copy, in two pages */
    tear_down();
}

static void bytes_are_told_in_pieces(void)
{
    u8 bytes[64];

    set_up(TRACE_POST_SYNC);
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (u8)i;
    trace_add(&s.party[C].p, TRACE_WATCH, TRACE_READ | TRACE_WRITE, 0x1010, 0x1020);
    execute(A, (struct insn){.what = WRITE_BYTES, .gpa = 0x1008, .size = 40, .bytes = bytes});
    CU_ASSERT_EQUAL(heard(C), 2);
    execute(A, (struct insn){.what = READ_BYTES, .gpa = 0x100c, .size = 4, .bytes = bytes});
    CU_ASSERT_EQUAL(heard(C), 0);
    execute(A, (struct insn){.what = READ_BYTES, .gpa = 0x100e, .size = 4, .bytes = bytes});
    CU_ASSERT_EQUAL(heard(C), 1);
    CU_ASSERT(bytes[0] == 6 && bytes[3] == 9);
    tear_down();
}

/* What is told before takes effect after: the operation is made on a copy, with the same result. */
static void read_modify_write(void)
{
    static const enum trace_semantics all[] = {TRACE_BRACKET, TRACE_POST_SYNC, TRACE_POST_ASYNC,
                                               TRACE_PRE_DATA};
    const struct heard *h = s.party[C].heard;

    for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
        bool before = all[i] == TRACE_BRACKET || all[i] == TRACE_PRE_DATA;

        set_up(all[i]);
        trace_add(&s.party[C].p, TRACE_WATCH, TRACE_READ | TRACE_WRITE, 0x1000, 0x1008);
        write_by(A, 0x1000, 8, 41);
        heard(C);
        CU_ASSERT_EQUAL(increment_by(A, 0x1000), 42);
        CU_ASSERT_EQUAL(stage_load(&s, 0x1000, 8), 42);
        CU_ASSERT_EQUAL(h[0].ev.access, TRACE_READ | TRACE_WRITE);
        CU_ASSERT_EQUAL(h[0].ev.before, before);
        CU_ASSERT_EQUAL(h[0].memory, before ? 41 : 42);
        CU_ASSERT_EQUAL(h[0].ev.value, all[i] == TRACE_BRACKET ? 0 : 42);
        CU_ASSERT_EQUAL(heard(C), all[i] == TRACE_BRACKET ? 2 : 1);
        /* Who asked for one of them hears of that one. */
        trace_remove(&s.party[C].p, TRACE_WATCH, 0x1000, 0x1008);
        trace_add(&s.party[C].p, TRACE_WATCH, TRACE_READ, 0x1007, 0x1008);
        trace_add(&s.party[B].p, TRACE_WATCH, TRACE_WRITE, 0x1000, 0x1001);
        CU_ASSERT_EQUAL(increment_by(A, 0x1000), 43);
        CU_ASSERT_EQUAL(h[0].ev.access, TRACE_READ);
        CU_ASSERT_EQUAL(s.party[B].heard[0].ev.access, TRACE_WRITE);
        tear_down();
    }
}

struct incrementer {
    pthread_t thread;
    unsigned who;
    u64 gpa;
    unsigned times;
};

static void *increment_often(void *arg)
{
    struct incrementer *t = arg;
    struct participant *p = &s.party[t->who].p;

    stage_enter(&s, t->who);
    for (unsigned i = 0; i < t->times; i++) {
        increment_by(t->who, t->gpa);
        atomic_exchange(&p->budget.stop, 0);
        hold_serve(p, true);
    }
    stage_leave(&s, t->who);
    return NULL;
}

/* LOCKed increments of all CPUs, each a consumer of it too: none is lost, none waits for ever, all are told. In one page,
 * and across two (there the split lock keeps them apart). */
static void locked_increments_stay_atomic(void)
{
    static const enum trace_semantics all[] = {TRACE_BRACKET, TRACE_POST_SYNC, TRACE_PRE_DATA};
    enum { TIMES = 300 };

    for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
        for (u64 gpa = 0x1ff8; gpa <= 0x1ffc; gpa += 4) {
            struct incrementer t[VCPUS];
            unsigned parts = gpa == 0x1ffc ? 4 : 1; /* read and write, of each page */

            set_up(all[i]);
            for (unsigned who = A; who < VCPUS; who++)
                trace_add(&s.party[who].p, TRACE_WATCH, TRACE_READ | TRACE_WRITE, 0x1000, 0x3000);
            stage_forget(&s);
            for (unsigned who = A; who < VCPUS; who++) {
                t[who] = (struct incrementer){.who = who, .gpa = gpa, .times = TIMES};
                CU_ASSERT_EQUAL_FATAL(
                    pthread_create(&t[who].thread, NULL, increment_often, &t[who]), 0);
            }
            for (unsigned who = A; who < VCPUS; who++)
                pthread_join(t[who].thread, NULL);
            CU_ASSERT_EQUAL(stage_load(&s, gpa, 8), VCPUS * TIMES);
            CU_ASSERT(stage_counts(
                &s, TRACE_WATCH, parts * VCPUS * TIMES, parts * VCPUS * TIMES * (VCPUS - 1),
                parts * VCPUS * TIMES * (VCPUS - 1), parts * VCPUS * TIMES * (VCPUS - 1)));
            tear_down();
        }
}

static void device_memory_counts(void)
{
    set_up(TRACE_BRACKET);
    write_by(A, DEVICE + 8, 4, 7);
    CU_ASSERT_EQUAL(read_by(B, DEVICE + 8, 4), 7);
    CU_ASSERT(stage_counts(&s, TRACE_MMIO, 2, 2, 2, 2 * (VCPUS - 1 + 1)));
    read_by(B, 0xe0000000, 4); /* nothing is there */
    CU_ASSERT(stage_counts(&s, TRACE_MMIO, 2, 2, 2, 2 * (VCPUS - 1 + 1)));
    tear_down();
}

TEST_SUITE(trace_mmu, TEST(cached_permissions_hide_nothing),
           TEST(ones_own_cached_permissions_hide_nothing), TEST(read_traces_leave_no_read_tag),
           TEST(across_pages), TEST(bytes_are_told_in_pieces), TEST(read_modify_write),
           TEST(locked_increments_stay_atomic), TEST(device_memory_counts));
