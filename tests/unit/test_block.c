/* SPDX-License-Identifier: MIT */
/*
 * Cached blocks follow memory: bytes that decoding depended on without being part of an instruction.
 */
#include "tests/lib/bare.h"
#include "tests/lib/suite.h"

#define CODE 0x10000u

/* One instruction of `bytes` at CODE + at, as if somebody else had just written it. True: it was #UD. */
static bool is_undefined(struct bare *b, u32 at, const u8 *bytes, unsigned n)
{
    struct vcpu *v = b->v;

    memcpy((u8 *)b->mem.ram + CODE + at, bytes, n);
    v->p.drop(&v->p, (CODE + at) >> 12, DROP_ALL);
    v->p.drop(&v->p, (CODE + at + n - 1) >> 12, DROP_ALL);
    v->rip = at;
    v->seg[SEG_CS].base = CODE; /* #UD was delivered to 0:0 */
    v->exc.vector = 0;
    bare_step(b);
    return v->exc.vector == VEC_UD;
}

/* FF FF is no instruction, FF C2 is INC DX: what made the first one undefined is its second byte. */
static void undefined_until_rewritten(void)
{
    static const u8 undefined[] = {0xff, 0xff}, inc_dx[] = {0xff, 0xc2};
    static const u32 places[] = {0x200, 0xfff}; /* the second: half of it on the next page */
    struct bare b;

    CU_ASSERT_FATAL(bare_create(&b, 1 << 20, CODE, "x86-64-v2"));
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        CU_ASSERT_TRUE(is_undefined(&b, places[i], undefined, 2));
        CU_ASSERT_FALSE(is_undefined(&b, places[i], inc_dx, 2));
        CU_ASSERT_EQUAL(b.v->r[R_DX], i + 1);
        CU_ASSERT_TRUE(is_undefined(&b, places[i], undefined, 2));
    }
    bare_destroy(&b);
}

TEST_SUITE(block, TEST(undefined_until_rewritten));
