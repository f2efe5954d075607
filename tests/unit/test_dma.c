/* SPDX-License-Identifier: MIT */
/*
 * DMA by the agent: it moves the bytes, counts one for each page, takes the pages' holds with their edges, and tells those
 * who derived something from what it overwrites.
 */
#include "mmu/dma.h"
#include "mmu/physmem.h"
#include "tests/lib/suite.h"
#include "tests/unit/trace_fixture.h"

enum { AGENT_PARTY = 2 };

static struct physmem memory_of(struct stage *s)
{
    return (struct physmem){.ram = s->memory, .low = STAGE_PAGES * 4096};
}

static void moves_bytes_page_by_page(void)
{
    static u8 out[9000], in[9000];
    struct stage s;
    struct physmem mem;
    struct participant *agent;
    u64 before;

    stage_begin(&s, 2, true);
    mem = memory_of(&s);
    agent = &s.party[AGENT_PARTY].p;
    for (unsigned i = 0; i < sizeof(out); i++)
        out[i] = (u8)(i * 7 + 1);
    before = agent->position;
    CU_ASSERT_EQUAL(dma_write(agent, &mem, 0x1003, out, sizeof(out)), 0);
    CU_ASSERT_EQUAL(agent->position - before, 3);
    CU_ASSERT_EQUAL(dma_read(agent, &mem, 0x1003, in, sizeof(in)), 0);
    CU_ASSERT_EQUAL(agent->position - before, 6);
    CU_ASSERT_EQUAL(memcmp(in, out, sizeof(in)), 0);
    CU_ASSERT_EQUAL(stage_load(&s, 0x1002, 1), 0);
    CU_ASSERT_EQUAL(stage_load(&s, 0x1003, 1), 1);
    stage_end(&s);
}

static void takes_holds_and_logs_edges(void)
{
    struct stage s;
    struct physmem mem;
    u64 word = 0x1122334455667788, edges;

    stage_begin(&s, 2, true);
    mem = memory_of(&s);
    stage_write(&s, 0, 0x2000, 8, 5);
    edges = atomic_load(&s.journal.edges);
    dma_write(&s.party[AGENT_PARTY].p, &mem, 0x2000, &word, 8);
    CU_ASSERT_EQUAL(atomic_load(&s.journal.edges), edges + 1);
    CU_ASSERT_FALSE(directory_has(&s.party[0].p, 2, RIGHT_READ));
    CU_ASSERT_TRUE(directory_has(&s.party[AGENT_PARTY].p, 2, RIGHT_WRITE));
    CU_ASSERT_EQUAL(stage_read(&s, 1, 0x2000, 8), word);
    CU_ASSERT_EQUAL(atomic_load(&s.journal.edges), edges + 2);
    stage_end(&s);
}

static void drops_what_was_derived(void)
{
    struct stage s;
    struct physmem mem;
    u64 word = 1;

    stage_begin(&s, 2, false);
    mem = memory_of(&s);
    CU_ASSERT_EQUAL(directory_derive(&s.party[0].p, TRACE_CODE, 0x3040, 16), 0);
    s.party[0].dropped[3] = 0;
    dma_write(&s.party[AGENT_PARTY].p, &mem, 0x3000, &word, 8);
    CU_ASSERT_EQUAL(s.party[0].dropped[3] & DROP_CODE, 0);
    dma_write(&s.party[AGENT_PARTY].p, &mem, 0x3048, &word, 8);
    CU_ASSERT_NOT_EQUAL(s.party[0].dropped[3] & DROP_CODE, 0);
    CU_ASSERT_EQUAL(s.party[1].dropped[3] & DROP_CODE, 0);
    stage_end(&s);
}

static void leaves_holes_alone(void)
{
    struct stage s;
    struct physmem mem;
    u32 word = 0;

    stage_begin(&s, 2, false);
    mem = memory_of(&s);
    dma_write(&s.party[AGENT_PARTY].p, &mem, 0xfee00000, &word, 4);
    dma_read(&s.party[AGENT_PARTY].p, &mem, 0xfee00000, &word, 4);
    CU_ASSERT_EQUAL(word, 0xffffffff);
    stage_end(&s);
}

TEST_SUITE(dma, TEST(moves_bytes_page_by_page), TEST(takes_holds_and_logs_edges),
           TEST(drops_what_was_derived), TEST(leaves_holes_alone));
