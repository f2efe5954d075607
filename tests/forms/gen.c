/* SPDX-License-Identifier: MIT */
/*
 * See gen.h. Zydis finds the displacement, so that it or the base register can be set to make a
 * wanted address; where the expression has neither, the address is what it is.
 */
#include "tests/forms/gen.h"

#include <Zydis/Zydis.h>

static u64 state;

static u64 next(void)
{
    u64 z = state += 0x9e3779b97f4a7c15ull;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static unsigned below(unsigned n)
{
    return (unsigned)(next() % n);
}

static bool one_in(unsigned n)
{
    return below(n) == 0;
}

/* --- Bytes ------------------------------------------------------------------------------------ */

static u8 *put_map(u8 *at, unsigned map)
{
    if (map)
        *at++ = 0x0f;
    if (map > 1)
        *at++ = map == 2 ? 0x38 : 0x3a;
    return at;
}

static u8 *put_prefixes(u8 *at, bool code32)
{
    static const u8 all[] = {0x66, 0xf2, 0xf3, 0x67, 0x66, 0xf2, 0xf3,
                             0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65};
    unsigned n = below(5) < 3 ? 0 : 1 + below(one_in(8) ? 6 : 3);

    for (; n; n--) {
        *at++ = all[below(ARRAY_SIZE(all))];
        if (!code32 && one_in(12))
            *at++ = 0x40 | below(16);
    }
    if (!code32 && below(5) < 2)
        *at++ = 0x40 | below(16);
    return at;
}

/* A VEX prefix, mostly of what works on general registers: map 0F38 or 0F3A, opcode Fx. */
static void vex_bytes(struct form_case *c)
{
    u8 *at = c->bytes;

    for (unsigned n = one_in(6) ? 1 + below(2) : 0; n; n--)
        *at++ = (u8[]){0x67, 0x64, 0x2e, 0x66, 0xf0, 0x48}[below(6)];
    *at++ = 0xc4;
    *at++ = (c->code32 ? 0xc0 | below(2) << 5 : below(8) << 5) | (one_in(4) ? 3 : 2);
    *at++ = below(16) << 3 | (one_in(12) ? 4 : 0) | below(4) | below(2) << 7;
    *at = at[-2] & 1 ? 0xf0 : 0xf0 | (one_in(5) ? below(16) : (u8[]){2, 3, 3, 5, 6, 7}[below(6)]);
}

static void random_bytes(struct form_case *c)
{
    static const u8 maps[] = {0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3};
    unsigned map = maps[below(ARRAY_SIZE(maps))];
    u8 *at;

    if (one_in(12)) {
        vex_bytes(c);
        return;
    }
    at = put_prefixes(c->bytes, c->code32);
    at = put_map(at, map);
    if (!map && one_in(4))
        *at = 0xd8 | below(8);
    else if (at < c->bytes + FORM_BYTES)
        *at = below(256);
}

static void sweep_bytes(struct form_case *c, unsigned index)
{
    static const u8 prefixes[] = {0, 0x66, 0xf3, 0xf2};
    unsigned prefix = index & 3, modrm = index >> 2 & 15, opcode = index >> 6 & 255,
             map = index >> 14 & 3;
    u8 *at = c->bytes;

    c->code32 = index & 1 << 16;
    if (index >= 1 << 17) {
        c->code32 = index & 1;
        at[0] = 0xd8 | (index >> 1 & 7);
        at[1] = 0xc0 | (index >> 4 & 63);
        return;
    }
    if (prefixes[prefix])
        *at++ = prefixes[prefix];
    if (!c->code32 && one_in(4))
        *at++ = 0x40 | below(16);
    at = put_map(at, map);
    *at++ = opcode;
    *at = (modrm & 7) << 3 | below(8) | (modrm & 8 ? 0xc0 : below(3) << 6);
}

void form_gen_bytes(struct form_case *c, u64 seed, u64 index)
{
    state = seed * 0x100000001b3ull + index * 2;
    for (unsigned i = 0; i < FORM_BYTES; i++)
        c->bytes[i] = (u8)next();
    c->code32 = below(5) < 2;
    if (index < FORM_SWEEP)
        sweep_bytes(c, (unsigned)index);
    else
        random_bytes(c);
}

/* --- Values ----------------------------------------------------------------------------------- */

static u64 integer(void)
{
    static const u64 special[] = {
        0,
        1,
        2,
        7,
        8,
        15,
        16,
        31,
        32,
        63,
        64,
        0x7f,
        0x80,
        0xff,
        0x7fff,
        0x8000,
        0xffff,
        0x7fffffff,
        0x80000000,
        0xffffffff,
        0x100000000,
        0x7fffffffffffffff,
        0x8000000000000000,
        ~0ull,
        ~1ull,
        0xffffffff80000000,
        0x0000800000000000,
    };

    switch (below(4)) {
    case 0: return special[below(ARRAY_SIZE(special))];
    case 1: return next() >> below(64);
    case 2: return 0 - (next() >> below(64));
    default: return next();
    }
}

static u32 single(void)
{
    static const u32 special[] = {0,          1,          0x7fffff,   0x800000,   0x3f800000,
                                  0x3f000000, 0x4b000000, 0x4f000000, 0x5f000000, 0x7f7fffff,
                                  0x7f800000, 0x7fc00000, 0x7f800001, 0x7fbfffff, 0x7fffffff,
                                  0x4effffff, 0x3fc00000, 0x40200000, 0x3f7fffff, 0x00800001};
    u32 v = one_in(3) ? (u32)next()
                      : special[below(ARRAY_SIZE(special))] ^ (one_in(5) ? 1u << below(23) : 0);

    return v ^ (u32)below(2) << 31;
}

static u64 binary64(void)
{
    static const u64 special[] = {0,
                                  1,
                                  0x000fffffffffffff,
                                  0x0010000000000000,
                                  0x3ff0000000000000,
                                  0x3fe0000000000000,
                                  0x4330000000000000,
                                  0x41dfffffffc00000,
                                  0x41e0000000000000,
                                  0x43e0000000000000,
                                  0x7fefffffffffffff,
                                  0x7ff0000000000000,
                                  0x7ff8000000000000,
                                  0x7ff0000000000001,
                                  0x7ff7ffffffffffff,
                                  0x3ff8000000000000,
                                  0x4004000000000000,
                                  0x36a0000000000000,
                                  0x380fffffffffffff,
                                  0x47efffffe0000000,
                                  0x3fefffffffffffff};
    u64 v = one_in(3) ? next()
                      : special[below(ARRAY_SIZE(special))] ^ (one_in(5) ? 1ull << below(52) : 0);

    return v ^ (u64)below(2) << 63;
}

static void extended(u8 *to)
{
    static const u64 mantissas[] = {0,
                                    1,
                                    1ull << 63,
                                    (1ull << 63) + 1,
                                    ~0ull,
                                    0xc000000000000000,
                                    0xbfffffffffffffff,
                                    0x8000000000000400,
                                    0xfffffffffffffc00,
                                    0x7fffffffffffffff,
                                    0x8000008000000000,
                                    0xffffff0000000000};
    static const u16 exponents[] = {0,
                                    0,
                                    1,
                                    0x3ffe,
                                    0x3fff,
                                    0x4000,
                                    0x3fff + 15,
                                    0x3fff + 31,
                                    0x3fff + 63,
                                    0x3fff + 64,
                                    0x3fff - 126,
                                    0x3fff - 150,
                                    0x3fff - 1022,
                                    0x3fff - 1074,
                                    0x3fff + 127,
                                    0x3fff + 1023,
                                    0x7ffe,
                                    0x7fff,
                                    0x7fff};
    u64 m = one_in(3) ? next() | 1ull << 63 : mantissas[below(ARRAY_SIZE(mantissas))];
    u16 e = one_in(4)   ? (u16)next() & 0x7fff
            : one_in(3) ? (u16)(0x3fff - 70 + below(140))
                        : exponents[below(ARRAY_SIZE(exponents))];

    store_le64(to, m);
    store_le16(to + 8, (u16)(e | below(2) << 15));
}

/* 16 bytes of some kind. */
static void chunk(u8 *to)
{
    unsigned kind = below(6);

    for (unsigned i = 0; i < 16; i += 8)
        store_le64(to + i, kind == 0 ? next() : kind == 1 ? integer() : binary64());
    for (unsigned i = 0; kind == 2 && i < 16; i += 4)
        store_le32(to + i, single());
    for (unsigned i = 0; kind == 3 && i < 16; i++)
        to[i] = one_in(4) ? 0 : (u8)("\0\1aAzZ09"[below(8)]);
    if (kind == 4)
        extended(to);
    for (unsigned i = 0; kind == 5 && i < 10; i++)
        to[i] = (u8)(below(10) << 4 | below(10));
}

static void fill_memory(struct form_case *c)
{
    for (unsigned i = 0; i < sizeof(c->memory); i += 16)
        chunk(c->memory + i);
    for (unsigned i = 0; i < FORM_CONST_SIZE; i += 16)
        chunk(c->constant + i);
}

/* --- Registers -------------------------------------------------------------------------------- */

static u64 data_address(void)
{
    return FORM_DATA + below(FORM_DATA_SIZE - 64);
}

/* Where a memory operand shall lie. */
static u64 target(bool code32)
{
    unsigned kind = below(100);

    if (kind < 45)
        return data_address() & ~15ull;
    if (kind < 70)
        return data_address();
    if (kind < 78)
        return FORM_DATA + 0x1000 - below(20);
    if (kind < 85)
        return FORM_CONST - below(20);
    if (kind < 89)
        return FORM_CONST + (below(FORM_CONST_SIZE - 64) & ~15u);
    if (kind < 93)
        return FORM_CONST + FORM_CONST_SIZE - below(20);
    if (kind < 96)
        return FORM_DATA - below(20);
    if (code32)
        return next();
    return one_in(2) ? 0x800000000000ull - below(20) : next();
}

static void fill_registers(struct form_case *c)
{
    struct form_state *s = &c->s;

    for (unsigned i = 0; i < 16; i++)
        s->gpr[i] = integer();
    s->gpr[R_SP] = one_in(10) ? (one_in(2) ? FORM_STACK + below(24) : FLAT_STACK - below(24))
                              : FORM_STACK + 0x400 + below(0x100) * 8;
    if (one_in(40))
        s->gpr[R_SP] = target(c->code32);
    if (!one_in(3))
        s->gpr[R_BP] = FORM_STACK + 0x400 + below(0x100) * 8;
    for (unsigned r = R_SI; r <= R_DI; r++) {
        if (!one_in(4))
            s->gpr[r] = target(c->code32);
    }
    if (one_in(2))
        s->gpr[R_BX] = data_address();
    if (!one_in(3))
        s->gpr[R_CX] = one_in(2) ? below(8) : below(100);
    s->rip = FORM_CODE;
    s->flags = next() & (FL_ARITH | FL_DF);
    if (one_in(10))
        s->flags |= next() & (FL_AC | FL_NT | FL_ID);
    s->fs_base = one_in(2) ? data_address() : below(0x10000);
    s->gs_base = one_in(2) ? 0 - (u64)below(0x1000) : data_address();
    for (unsigned i = 0; c->code32 && i < 16; i++)
        s->gpr[i] = i < 8 ? (u32)s->gpr[i] : 0;
}

static void fill_fpu(struct form_case *c)
{
    struct native_fx *f = &c->s.fx;
    u16 exceptions = one_in(3) ? below(64) : 0;

    memset(f, 0, sizeof(*f));
    f->fcw = 0x40 | (one_in(3) ? 0x33f : (u16)(below(64) | below(16) << 8 | below(2) << 12));
    if (one_in(4) == 0)
        f->fcw |= 0x3f;
    if (!one_in(8))
        exceptions &= f->fcw;
    f->fsw = (u16)(exceptions | below(8) << 11 | below(8) << 8 | below(2) << 14 |
                   (one_in(4) ? 0x40 : 0));
    if (exceptions & ~f->fcw & 0x3f)
        f->fsw |= 0x8080;
    f->ftw = one_in(3) ? (u8)next() : one_in(4) ? 0 : 0xff;
    f->fip = FORM_CODE - 16;
    f->fdp = FORM_DATA;
    f->fop = 0x123;
    f->mxcsr = 0x1f80 | below(64) | below(4) << 13 | below(2) << 15 | below(2) << 6;
    if (one_in(4))
        f->mxcsr &= ~(below(64) << 7);
    for (unsigned i = 0; i < 8; i++) {
        extended((u8 *)&f->st[i]);
        if (one_in(3))
            store_le64((u8 *)&f->st[i], next());
    }
    for (unsigned i = 0; i < (c->code32 ? 8 : 16); i++)
        chunk((u8 *)&f->xmm[i]);
}

/* Make the memory operand lie at a wanted place. */
static void aim(struct form_case *c)
{
    ZydisDecoder d;
    ZydisDecodedInstruction z;
    u64 at = target(c->code32), other = 0;
    int base = -1, index = -1;
    unsigned rm, high_base, high_index;

    ZydisDecoderInit(&d, c->code32 ? ZYDIS_MACHINE_MODE_LEGACY_32 : ZYDIS_MACHINE_MODE_LONG_64,
                     c->code32 ? ZYDIS_STACK_WIDTH_32 : ZYDIS_STACK_WIDTH_64);
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&d, NULL, c->bytes, 15, &z)) ||
        z.address_width == 16)
        return;
    if (!(z.attributes & ZYDIS_ATTRIB_HAS_MODRM)) {
        if (z.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && z.opcode >= 0xa0 && z.opcode <= 0xa3 &&
            z.raw.disp.size >= 32)
            memcpy(c->bytes + z.raw.disp.offset, &at, z.raw.disp.size / 8);
        return;
    }
    if (z.raw.modrm.mod == 3)
        return;
    if (z.attributes & ZYDIS_ATTRIB_HAS_SEGMENT_FS)
        at -= c->s.fs_base;
    else if (z.attributes & ZYDIS_ATTRIB_HAS_SEGMENT_GS)
        at -= c->s.gs_base;
    /* AMD's processors want the offset itself to be canonical, too, which the manual does not say.
     */
    if ((z.attributes & (ZYDIS_ATTRIB_HAS_SEGMENT_FS | ZYDIS_ATTRIB_HAS_SEGMENT_GS)) &&
        (i64)(at << 16) >> 16 != (i64)at)
        at &= 0x7fffffffffff;
    rm = z.raw.modrm.rm;
    if (z.encoding != ZYDIS_INSTRUCTION_ENCODING_VEX &&
        z.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
        return;
    if (z.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX) {
        high_base = c->code32 ? 0 : !z.raw.vex.B << 3;
        high_index = c->code32 ? 0 : !z.raw.vex.X << 3;
    } else {
        high_base = z.raw.rex.B << 3;
        high_index = z.raw.rex.X << 3;
    }
    if (rm == 4) {
        index = z.raw.sib.index | (int)high_index;
        if (index == 4)
            index = -1;
        if (z.raw.sib.base != 5 || z.raw.modrm.mod)
            base = z.raw.sib.base | (int)high_base;
        if (index >= 0)
            other = c->s.gpr[index] << z.raw.sib.scale;
    } else if (rm == 5 && !z.raw.modrm.mod) {
        other = c->code32 ? 0 : FORM_CODE + z.length;
    } else {
        base = (int)(rm | high_base);
    }
    if (base < 0) {
        u32 disp = (u32)(at - other);
        memcpy(c->bytes + z.raw.disp.offset, &disp, 4);
    } else if (base != index && base != R_SP) {
        c->s.gpr[base] = at - other - (u64)z.raw.disp.value;
        if (c->code32)
            c->s.gpr[base] = (u32)c->s.gpr[base];
    }
}

void form_gen_state(struct form_case *c, u64 seed, u64 index)
{
    u64 id = seed * 0x100000001b3ull + (index >> 8) * 2 + 1;

    if (c->memory_id != id) {
        c->memory_id = id;
        state = id;
        fill_memory(c);
    }
    state = ~(seed * 0x100000001b3ull + index * 2);
    fill_registers(c);
    fill_fpu(c);
    aim(c);
}
