/* SPDX-License-Identifier: MIT */
/*
 * AVX moves under a mask and AVX2 gathers: memory is accessed element by element, in order, and only where the mask's element is
 * negative, so what lies at the others' addresses does not matter.
 *
 * A masked store probes all its elements before the first is written. A gather that faults at one element keeps those before it:
 * they are in the destination and their mask elements are clear, so that it goes on there when it is executed again (SDM vol. 2
 * VGATHERDPS). That is the one instruction here which an exception leaves half done; when it is given up for another reason
 * nothing has happened yet, as ever. Intel SDM vol. 2 VMASKMOV, VPMASKMOV, VPGATHER.
 */
#include "cpu/escape.h"
#include "cpu/ops_avx.h"
#include "cpu/uops.h"

static union v256_elements get(const struct vcpu *v, unsigned n)
{
    return (union v256_elements){.x = {v->fpu.xmm[n], v->fpu.ymmh[n]}};
}

static void put(struct vcpu *v, unsigned n, const union v256_elements *e)
{
    v->fpu.xmm[n] = e->x[0];
    v->fpu.ymmh[n] = e->x[1];
}

static bool is_selected(const union v256_elements *mask, unsigned i, unsigned size)
{
    return size == 4 ? mask->d[i] >> 31 : mask->q[i] >> 63;
}

static void set_element(union v256_elements *e, unsigned i, unsigned size, u64 value)
{
    if (size == 4)
        e->d[i] = (u32)value;
    else
        e->q[i] = value;
}

/* --- Masked moves ----------------------------------------------------------------------------- */

static gla_t element_address(struct vcpu *v, const struct uop *u, unsigned i, unsigned size,
                             enum mmu_access access)
{
    return vcpu_address_at(v, u, vcpu_offset_raw(v, u) + (u64)i * size, size, access);
}

/* Neither masked moves nor, as on AMD, gathers are ever #AC. */
static u64 read_element(struct vcpu *v, const struct uop *u, gla_t a, unsigned size)
{
    u8 bytes[8] = {0};

    if (likely(!v->mmu.align_check))
        return mmu_read(&v->mmu, a, size, u);
    mmu_read_bytes(&v->mmu, a, bytes, size, u);
    return load_le64(bytes);
}

static void write_element(struct vcpu *v, const struct uop *u, unsigned i, unsigned size, u64 x)
{
    gla_t a = element_address(v, u, i, size, MMU_WRITE);
    u8 bytes[8];

    if (likely(!v->mmu.align_check)) {
        mmu_write(&v->mmu, a, size, x, u);
        return;
    }
    store_le64(bytes, x);
    mmu_write_bytes(&v->mmu, a, bytes, size, u);
}

static void load_masked(struct vcpu *v, const struct uop *u, unsigned size)
{
    unsigned n = (avx_is_wide(u) ? 32 : 16) / size;
    union v256_elements mask = get(v, u->aux), r = {.q = {0}};

    for (unsigned i = 0; i < n; i++)
        if (is_selected(&mask, i, size))
            set_element(&r, i, size,
                        read_element(v, u, element_address(v, u, i, size, MMU_READ), size));
    put(v, u->dst, &r);
}

static void store_masked(struct vcpu *v, const struct uop *u, unsigned size)
{
    unsigned n = (avx_is_wide(u) ? 32 : 16) / size;
    union v256_elements mask = get(v, u->aux), x = get(v, u->src);

    for (unsigned i = 0; i < n; i++)
        if (is_selected(&mask, i, size))
            mmu_probe(&v->mmu, element_address(v, u, i, size, MMU_WRITE), size, MMU_WRITE, u);
    for (unsigned i = 0; i < n; i++)
        if (is_selected(&mask, i, size))
            write_element(v, u, i, size, size == 4 ? x.d[i] : x.q[i]);
}

#define MASKED(name, size)                                                                         \
    void op_avx_##name##_m(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        load_masked(v, u, size);                                                                   \
        uop_next(v, u);                                                                            \
    }                                                                                              \
    void op_avx_##name##_st_m(struct vcpu *v, const struct uop *u)                                 \
    {                                                                                              \
        store_masked(v, u, size);                                                                  \
        uop_next(v, u);                                                                            \
    }
MASKED(maskmovd, 4)
MASKED(maskmovq, 8)

/* --- Gathers ---------------------------------------------------------------------------------- */

struct gather {
    const struct uop *u;
    union v256_elements to, mask, index;
    unsigned n, size, index_size;
};

/* The offset of element i: base + index * scale + displacement. */
static u64 gather_offset(const struct vcpu *v, const struct gather *g, unsigned i)
{
    const struct uop *u = g->u;
    u64 index = g->index_size == 4 ? (u64)(i64)(i32)g->index.d[i] : g->index.q[i];

    return v->r[u->base] + (index << u->shift) + (u64)u->disp;
}

static void gather_elements(struct vcpu *v, void *arg)
{
    struct gather *g = arg;

    for (unsigned i = 0; i < g->n; i++) {
        if (is_selected(&g->mask, i, g->size)) {
            gla_t a = vcpu_address_at(v, g->u, gather_offset(v, g, i), g->size, MMU_READ);

            set_element(&g->to, i, g->size, read_element(v, g->u, a, g->size));
        }
        set_element(&g->mask, i, g->size, 0);
    }
}

/* u->index is the vector register of indices. */
static void gather(struct vcpu *v, const struct uop *u, unsigned index_size, unsigned size)
{
    unsigned bytes = avx_is_wide(u) ? 32 : 16;
    struct gather g = {.u = u,
                       .to = get(v, u->dst),
                       .mask = get(v, u->aux),
                       .index = get(v, u->index),
                       .n = bytes / MAX(size, index_size),
                       .size = size,
                       .index_size = index_size};
    enum escape why = vcpu_try(v, gather_elements, &g);

    if (why != ESCAPE_NONE) {
        if (why == ESCAPE_EXCEPTION) {
            put(v, u->dst, &g.to);
            put(v, u->aux, &g.mask);
        }
        vcpu_rethrow(v, why);
    }
    for (unsigned i = g.n * size; i < 32; i++)
        g.to.x[i / 16].b[i % 16] = 0;
    put(v, u->dst, &g.to);
    put(v, u->aux, &(union v256_elements){.q = {0}});
}

#define GATHER(name, index_size, size)                                                             \
    void op_avx_##name##_m(struct vcpu *v, const struct uop *u)                                    \
    {                                                                                              \
        v->cur = u;                                                                                \
        gather(v, u, index_size, size);                                                            \
        uop_next(v, u);                                                                            \
    }
GATHER(gatherdd, 4, 4)
GATHER(gatherdq, 4, 8)
GATHER(gatherqd, 8, 4)
GATHER(gatherqq, 8, 8)
