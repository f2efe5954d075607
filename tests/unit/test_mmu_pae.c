/* SPDX-License-Identifier: MIT */
/*
 * PAE: a page-directory-pointer entry is read at each walk, so what came through it has to go with a write to it, also when the
 * walk that brought it was the first through that entry.
 */
#include <setjmp.h>
#include <stdlib.h>

#include "mmu/internal.h"
#include "src/base/check.h"
#include "tests/lib/suite.h"
#include "tests/unit/trace_fixture.h"

static struct stage s;
static struct mmu *m;
static struct physmem mem;
static struct io_space io;
static jmp_buf escape;

static void on_drop(struct participant *p, u64 gfn, unsigned what)
{
    (void)p;
    mmu_drop(m, gfn, what);
}

static void on_wrote(struct participant *p, u64 gpa, unsigned size, unsigned kinds)
{
    (void)p, (void)kinds;
    mmu_wrote(m, gpa, size);
}

static __attribute__((noreturn)) void on_escape(void *owner, enum mmu_escape why)
{
    (void)owner;
    longjmp(escape, why + 1);
}

static void on_locate(void *owner, const void *where)
{
    (void)owner, (void)where;
}

static void put(u64 gpa, u64 v)
{
    store_le64(mem.ram + gpa, v);
}

static void first_walk_marks_its_pdpte(void)
{
    u64 before, after;

    stage_begin(&s, 1, false);
    s.dir.precise_mmu = true;
    s.dir.semantics[TRACE_MMU] = TRACE_BRACKET;
    CU_ASSERT_EQUAL_FATAL(physmem_create(&mem, STAGE_PAGES * 4096), 0);
    free(s.memory);
    s.memory = mem.ram;
    io_space_create(&io);
    m = calloc(1, sizeof(*m));
    CHECK(m);
    CU_ASSERT_EQUAL_FATAL(mmu_create(m, &s.party[0].p, &mem, &io), 0);
    m->owner = m;
    m->escape = on_escape;
    m->locate = on_locate;
    s.party[0].p.drop = on_drop;
    s.party[0].p.wrote = on_wrote;
    /* Page 1: PDPTEs. Pages 2, 3: two page directories, pages 4, 5: their tables, pages 6, 7: data. Large A bits are set. */
    put(0x1000, 0x2001);
    put(0x1008, 0x3001); /* linear 1 GiB and up, where the PDPTEs are written */
    put(0x2000, 0x4063);
    put(0x3000, 0x5063);
    put(0x4000, 0x6063);
    put(0x5000, 0x7063);
    put(0x5008, 0x1063); /* linear 1 GiB + 0x1000: the PDPTEs */
    put(0x6000, 111);
    put(0x7000, 222);
    mmu_configure(m, 0x80000001, 0x1000, 0x20, 0);
    mmu_set_privilege(m, false, false);
    m->careful = true;
    if (setjmp(escape))
        CU_FAIL_FATAL("an access escaped");
    before = mmu_read(m, 0, 8, NULL);
    mmu_write(m, 0x40001000, 8, 0x3001, NULL);
    after = mmu_read(m, 0, 8, NULL);
    CU_ASSERT_EQUAL(before, 111);
    CU_ASSERT_EQUAL(after, 222);
    mmu_destroy(m);
    free(m);
    s.memory = NULL;
    physmem_destroy(&mem);
    stage_end(&s);
}

TEST_SUITE(mmu_pae, TEST(first_walk_marks_its_pdpte));
