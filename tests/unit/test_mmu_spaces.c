/* SPDX-License-Identifier: MIT */
/*
 * Where page tables are traced nobody can tell that there is a TLB: at every moment an access does what a walk of the tables
 * as they are then would have it do, whatever was accessed before, whichever table CR3 names, and without any flush. Random
 * tables that share pages (also one page at several levels, and top-level tables with the same entries, as processes have
 * them), random writes to them, random values of CR3, against a walk that is written here. Intel SDM vol. 3 §4.3 to §4.5.
 */
#include <setjmp.h>
#include <stdlib.h>

#include "mmu/internal.h"
#include "src/base/check.h"
#include "tests/lib/suite.h"

enum {
    PAGES = 48,
    ROOTS = 3,       /* pages with top-level tables */
    TABLES = 14,     /* pages with other tables, behind them */
    FIRST_DATA = 24, /* from here on each page holds its number */
    STEPS = 100000,
    NOTED = 64
};
enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80, G = 0x100 };

/* A paging mode. */
struct mode {
    u64 cr4, efer;
    unsigned levels, size, shift[4], entries[4];
    unsigned choice[4]; /* that many of a level's entries are used, the last ones last */
};

static const struct mode modes[] = {
    {0, 0, 2, 4, {22, 12}, {1024, 1024}, {4, 3}},
    {0x20, 0, 3, 8, {30, 21, 12}, {4, 512, 512}, {4, 2, 3}},
    {0xa0, 0x500, 4, 8, {39, 30, 21, 12}, {512, 512, 512, 512}, {4, 2, 2, 3}},
};

static const struct mode *mode;
static struct directory dir;
static struct journal journal;
static struct participant party;
static struct physmem mem;
static struct io_space io;
static struct mmu *m;
static jmp_buf escape;
static u64 prng;

static u64 pick(u64 n)
{
    prng ^= prng << 13;
    prng ^= prng >> 7;
    prng ^= prng << 17;
    return (prng >> 11) % n;
}

static void on_drop(struct participant *p, u64 gfn, unsigned what)
{
    (void)p;
    mmu_drop(m, gfn, what);
}

static void on_wrote(struct participant *p, u64 gpa, unsigned size, unsigned kinds)
{
    (void)p;
    CU_ASSERT(kinds & 1u << TRACE_MMU);
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

static u64 get(u64 gpa)
{
    return mode->size == 8 ? load_le64(mem.ram + gpa) : load_le32(mem.ram + gpa);
}

/* The index of the k-th entry of a level that is used: the first ones, but the last two are the table's last. */
static unsigned index_of(unsigned level, unsigned k)
{
    unsigned n = mode->choice[level];

    return k + 2 < n || n < 4 ? k : mode->entries[level] - (n - k);
}

static gla_t some_address(void)
{
    u64 a = 0;

    for (unsigned l = 0; l < mode->levels; l++)
        a |= (u64)index_of(l, (unsigned)pick(mode->choice[l])) << mode->shift[l];
    return mode->levels == 4 ? (u64)((i64)(a << 16) >> 16) : (u32)a;
}

static u64 some_root(void)
{
    return (1 + pick(ROOTS)) << 12 | (mode->levels == 3 ? pick(2) << 5 : 0);
}

/* An entry for a level: mostly present, and mostly one that leads on. */
static u64 some_entry(unsigned level)
{
    bool leaf = level + 1 == mode->levels;
    u64 page = leaf && pick(8) ? FIRST_DATA + pick(PAGES - FIRST_DATA) : 1 + ROOTS + pick(TABLES);
    u64 e;

    if (pick(30) == 0 && mode->levels != 3) /* an accessed bit is reserved in a pointer */
        page = 1 + pick(ROOTS);             /* a top-level table as another one, or as data */
    e = page << 12 | (pick(12) ? P : 0);
    if (mode->levels == 3 && !level)
        return e;
    return e | (pick(4) ? U : 0) | (pick(4) ? W : 0) | (pick(3) ? A : 0) | (pick(3) ? D : 0) |
           (pick(2) && leaf ? G : 0);
}

/* What a walk comes to. */
struct found {
    bool present, writable, marked, dirty;
    u64 gpa;
    u64 slot[4];
};

static struct found look(u64 root, gla_t a)
{
    struct found f = {true, true, true, false, 0, {0}};
    u64 table = root, e = 0;

    for (unsigned l = 0; l < mode->levels; l++) {
        f.slot[l] = table + (a >> mode->shift[l]) % mode->entries[l] * mode->size;
        e = get(f.slot[l]);
        if (!(e & P)) {
            f.present = false;
            return f;
        }
        table = e & 0xfffff000;
        if (mode->levels == 3 && !l) {
            f.present = !(e & 0x1e6); /* a pointer has these bits reserved */
            if (!f.present)
                return f;
            continue;
        }
        f.writable &= !!(e & W);
        f.marked &= !!(e & A);
    }
    f.dirty = e & D;
    f.gpa = table | (a & 0xfff);
    return f;
}

/* A write as of an instruction that has found where it goes. */
static void put_traced(u64 gpa, u64 value)
{
    enum write_grant g = directory_want_write(&party, gpa, mode->size, value, WRITE_IS_CAREFUL);

    CU_ASSERT_FATAL(g == WRITE_FAST || g == WRITE_LOCKED);
    ram_store(mem.ram + gpa, mode->size, value);
    if (g == WRITE_LOCKED)
        directory_wrote(&party, gpa, mode->size, value, 0);
}

static bool tried(gla_t a, bool write, u64 *value)
{
    if (setjmp(escape))
        return false;
    if (write)
        mmu_write(m, a, mode->size, *value, NULL);
    else
        *value = mmu_read(m, a, mode->size, NULL);
    return true;
}

static bool is_on_way(const struct found *f)
{
    for (unsigned l = 0; l < mode->levels; l++)
        if (f->slot[l] >> 12 == f->gpa >> 12)
            return true;
    return false;
}

static void access_one(u64 root)
{
    gla_t a = some_address();
    bool write = pick(4) == 0, done;
    struct found f = look(root, a), now;
    u64 value = write ? some_entry(mode->levels == 3 ? 1 : (unsigned)pick(mode->levels)) : 0,
        was = f.present ? get(f.gpa) : 0;

    done = tried(a, write, &value);
    CU_ASSERT_EQUAL_FATAL(done, f.present && (!write || f.writable));
    if (!done || is_on_way(&f))
        return; /* it may have changed, or be, an entry that it went by */
    CU_ASSERT_EQUAL_FATAL(get(f.gpa), write ? value : was);
    CU_ASSERT_FATAL(write || value == was);
    now = look(root, a);
    CU_ASSERT_FATAL(now.present && now.gpa == f.gpa && now.marked && (now.dirty || !write));
}

/* Code that was found, and the generation in which it stays where it is. */
static struct {
    gla_t a;
    u64 gpa, generation;
    bool user;
} noted[NOTED];

static void fetch_one(u64 root)
{
    gla_t a = some_address();
    struct found f = look(root, a);
    bool first = false;
    volatile bool done = false;
    volatile u64 gpa = 0;

    if (!setjmp(escape)) {
        gpa = mmu_fetch(m, a, &first).gpa;
        done = true;
    }
    if (!done)
        return; /* whoever may is not what this is about */
    CU_ASSERT_FATAL(f.present && gpa == f.gpa && first == !f.marked);
    mmu_fetch_commit(m);
    CU_ASSERT_FATAL(look(root, a).marked);
    if (!first) {
        unsigned i = (unsigned)pick(NOTED);

        noted[i].a = a;
        noted[i].gpa = gpa;
        noted[i].user = m->index == MMU_USER;
        noted[i].generation = m->generation[noted[i].user];
    }
}

static void check_noted(u64 root)
{
    for (unsigned i = 0; i < NOTED; i++)
        if (noted[i].generation == m->generation[noted[i].user]) {
            struct found f = look(root, noted[i].a);

            CU_ASSERT_FATAL(f.present && f.gpa == noted[i].gpa && f.marked);
        }
}

static void change_one(void)
{
    unsigned level = (unsigned)pick(mode->levels);
    u64 at = level ? (1 + ROOTS + pick(TABLES)) << 12 : some_root(), value = some_entry(level);
    unsigned n = index_of(level, (unsigned)pick(mode->choice[level]));

    at += n * mode->size;
    put_traced(at, value);
    /* Processes have the kernel's part in common. */
    for (u64 r = 1; !level && n >= mode->entries[0] / 4 * 3 && pick(8) && r <= ROOTS; r++)
        for (u64 k = 0; k < (mode->levels == 3 ? 2 : 1); k++)
            put_traced((r << 12 | k << 5) + n * mode->size, value);
}

static u64 move(u64 *root)
{
    *root = some_root();
    mmu_configure(m, 0x80010001, *root, mode->cr4, mode->efer);
    return *root;
}

static void begin(const struct mode *which)
{
    mode = which;
    prng = 88172645463325252u;
    journal_create(&journal, JOURNAL_LIVE, 1);
    CU_ASSERT_EQUAL_FATAL(directory_create(&dir, PAGES, 1, 1, &journal, false, true), 0);
    participant_create(&party, 0, &dir, journal_stream(&journal, 0));
    CU_ASSERT_EQUAL_FATAL(physmem_create(&mem, PAGES * 4096), 0);
    io_space_create(&io);
    m = calloc(1, sizeof(*m));
    CHECK(m);
    CU_ASSERT_EQUAL_FATAL(mmu_create(m, &party, &mem, &io), 0);
    m->owner = m;
    m->escape = on_escape;
    m->locate = on_locate;
    m->careful = true;
    party.drop = on_drop;
    party.wrote = on_wrote;
    memset(noted, 0, sizeof(noted));
    for (u64 p = FIRST_DATA; p < PAGES; p++)
        store_le64(mem.ram + (p << 12), p);
}

static void end(void)
{
    mmu_destroy(m);
    free(m);
    directory_destroy(&dir);
    participant_destroy(&party);
    physmem_destroy(&mem);
    journal_destroy(&journal);
}

static void spaces(const struct mode *which)
{
    u64 root;

    begin(which);
    for (unsigned i = 0; i < 400; i++)
        change_one();
    move(&root);
    for (unsigned i = 0; i < STEPS; i++) {
        mmu_set_privilege(m, pick(2), pick(4) == 0);
        if (pick(40) == 0) {
            change_one();
        } else if (pick(20) == 0) {
            move(&root);
        } else if (pick(6) == 0) {
            fetch_one(root);
        } else {
            mmu_set_privilege(m, false, pick(4) == 0); /* all may be read */
            access_one(root);
        }
        check_noted(root);
    }
    CU_ASSERT(m->stat_walks < STEPS * 9 / 10); /* it was not found by walking each time */
    CU_ASSERT(m->stat_flushes < STEPS / 8);
    end();
}

/* How many walks it takes to read the first byte of a page, which holds `value`. */
static u64 walks_for(gla_t a, u64 value)
{
    u64 before = m->stat_walks, found = ~(u64)0;

    CU_ASSERT(tried(a, false, &found));
    CU_ASSERT_EQUAL(found, value);
    return m->stat_walks - before;
}

static void use_root(u64 root)
{
    mmu_configure(m, 0x80010001, root, mode->cr4, mode->efer);
}

/* What is the same in two address spaces need not be found again in the second; what is not the same must. */
static void common_part_stays(void)
{
    const u64 high = ~(u64)0 << 47 | 0x1000, rights = P | W | U | A | D;

    begin(&modes[2]);
    /* Each its own low part, of one page; the last one its own high part too. */
    for (u64 r = 1; r <= ROOTS; r++) {
        put_traced(r << 12, (r + 3) << 12 | rights);
        put_traced((r << 12) + 256 * 8, (r == ROOTS ? 13 : 10) << 12 | rights);
        put_traced((r + 3) << 12, (r + 6) << 12 | rights);
        put_traced((r + 6) << 12, 16 << 12 | rights);
    }
    put_traced(10 << 12, 11 << 12 | rights);
    put_traced(11 << 12, 12 << 12 | rights);
    put_traced((12 << 12) + 8, FIRST_DATA << 12 | rights);
    put_traced(13 << 12, 14 << 12 | rights);
    put_traced(14 << 12, 15 << 12 | rights);
    put_traced((15 << 12) + 8, (FIRST_DATA + 1) << 12 | rights);
    put_traced(16 << 12, (FIRST_DATA + 2) << 12 | rights);
    use_root(1 << 12);
    CU_ASSERT_EQUAL(walks_for(0, FIRST_DATA + 2) + walks_for(high, FIRST_DATA), 2);
    use_root(2 << 12);
    CU_ASSERT_EQUAL(walks_for(high, FIRST_DATA), 0);
    CU_ASSERT_EQUAL(walks_for(0, FIRST_DATA + 2), 1);
    mmu_flush_all(m);
    mmu_flush_nonglobal(m);
    mmu_flush_page(m, 0);
    CU_ASSERT_EQUAL(walks_for(0, FIRST_DATA + 2) + walks_for(high, FIRST_DATA), 0);
    put_traced(1 << 12, 0); /* the first one ends: that is nobody's business any more */
    put_traced((1 << 12) + 256 * 8, 0);
    CU_ASSERT_EQUAL(walks_for(0, FIRST_DATA + 2) + walks_for(high, FIRST_DATA), 0);
    put_traced(2 << 12, 4 << 12 | rights); /* an entry of the low part */
    CU_ASSERT_EQUAL(walks_for(high, FIRST_DATA), 0);
    CU_ASSERT_EQUAL(walks_for(0, FIRST_DATA + 2), 1);
    use_root(3 << 12);
    CU_ASSERT_EQUAL(walks_for(high, FIRST_DATA + 1), 1);
    put_traced((3 << 12) + 256 * 8, 10 << 12 | rights);
    CU_ASSERT_EQUAL(walks_for(high, FIRST_DATA), 1);
    end();
}

/* A top-level entry that is the same but for its accessed bit is one through which nothing has been accessed. */
static void accessed_bit_is_set(void)
{
    const u64 high = ~(u64)0 << 47 | 0x1000, rights = P | W | U | A | D;

    begin(&modes[2]);
    for (u64 r = 1; r <= 2; r++)
        put_traced((r << 12) + 256 * 8, 10 << 12 | (r == 2 ? rights & ~(u64)A : rights));
    put_traced(10 << 12, 11 << 12 | rights);
    put_traced(11 << 12, 12 << 12 | rights);
    put_traced((12 << 12) + 8, FIRST_DATA << 12 | rights);
    use_root(1 << 12);
    CU_ASSERT_EQUAL(walks_for(high, FIRST_DATA), 1);
    use_root(2 << 12);
    CU_ASSERT_FALSE(get((2 << 12) + 256 * 8) & A);
    CU_ASSERT(walks_for(high, FIRST_DATA) >= 1);
    CU_ASSERT(get((2 << 12) + 256 * 8) & A);
    end();
}

/* PAE: a page-directory-pointer entry is read at each walk, so what came through it has to go with a write to it, also when the
 * walk that brought it was the first through that entry. */
static void first_walk_marks_its_pdpte(void)
{
    const gla_t second = 1u << 30; /* the second PDPTE's: there the PDPTEs are written */
    u64 value = 3 << 12 | P;

    begin(&modes[1]);
    store_le64(mem.ram + 0x1000, 2 << 12 | P);
    store_le64(mem.ram + 0x1008, 3 << 12 | P);
    store_le64(mem.ram + 0x2000, 4 << 12 | P | W | A | D);
    store_le64(mem.ram + 0x3000, 5 << 12 | P | W | A | D);
    store_le64(mem.ram + 0x4000, FIRST_DATA << 12 | P | W | A | D);
    store_le64(mem.ram + 0x5000, (FIRST_DATA + 1) << 12 | P | W | A | D);
    store_le64(mem.ram + 0x5008, 1 << 12 | P | W | A | D);
    use_root(1 << 12);
    mmu_set_privilege(m, false, false);
    CU_ASSERT_EQUAL(walks_for(0, FIRST_DATA), 1);
    CU_ASSERT(tried(second + 0x1000, true, &value));
    CU_ASSERT_EQUAL(walks_for(0, FIRST_DATA + 1), 1);
    end();
}

static void two_levels(void)
{
    spaces(&modes[0]);
}

static void pae(void)
{
    spaces(&modes[1]);
}

static void four_levels(void)
{
    spaces(&modes[2]);
}

TEST_SUITE(mmu_spaces, TEST(common_part_stays), TEST(accessed_bit_is_set),
           TEST(first_walk_marks_its_pdpte), TEST(two_levels), TEST(pae), TEST(four_levels));
