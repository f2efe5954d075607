/* SPDX-License-Identifier: MIT */
/*
 * See encode.h. The letters of a row's operands are those of the manual's opcode map (SDM vol. 2 app. A.2), as cpu/insn.def
 * uses them; operand() reads them, write_insn() writes prefixes, opcode, ModRM, SIB, displacement and immediates. Whatever
 * comes out is decoded again, and counts only if the table finds the same row.
 */
#include "tests/forms/encode.h"

#include "cpu/decode.h"
#include "tests/forms/encode_parts.h"

static u64 state;

u64 encode_random(void)
{
    u64 z = state += 0x9e3779b97f4a7c15ull;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* Both are hashed: the generator counts, and streams with neighbouring numbers would be the same but for an offset. */
void encode_seed(u64 seed, u64 index)
{
    state = seed;
    state = encode_random() + index;
    state = encode_random() ^ seed;
    state = encode_random();
}

unsigned encode_below(unsigned n)
{
    return (unsigned)((encode_random() >> 32) * n >> 32);
}

static bool one_in(unsigned n)
{
    return encode_below(n) == 0;
}

/* --- Writing bytes ---------------------------------------------------------------------------- */

void encode_byte(struct encoding *e, unsigned b)
{
    e->it->bytes[e->it->len++] = (u8)b;
}

void encode_value(struct encoding *e, u64 v, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        encode_byte(e, (u8)(v >> 8 * i));
}

/* --- Choosing operands ------------------------------------------------------------------------ */

/* A general register that an instruction may change. */
static unsigned any_gpr(const struct encoding *e)
{
    static const u8 regs[] = {R_AX, R_CX, R_DX, R_BX, R_SI, R_DI, 8, 9, 10, 11};

    return regs[encode_below(e->code32 ? 6 : 10)];
}

/* One of 8 bits: AH to BH forbid a REX prefix, SIL, DIL and those above need one. */
static unsigned any_byte_gpr(struct encoding *e)
{
    unsigned r;

    if (e->code32 || one_in(3)) {
        r = encode_below(8);
        if (r >= 4)
            e->no_rex = true;
        return r;
    }
    r = any_gpr(e);
    if (r >= 4)
        e->need_rex = true;
    return r;
}

static unsigned gpr_of(struct encoding *e, char size)
{
    return size == 'b' ? any_byte_gpr(e) : any_gpr(e);
}

static unsigned any_vector(const struct encoding *e)
{
    return encode_below(e->code32 ? 8 : 16);
}

/* Rows whose memory operand has to be aligned, else #GP. */
static bool wants_alignment(const struct encoding *e)
{
    const char *name = e->row->name;

    if (!strcmp(name, "CMPXCHG8B") || !strncmp(name, "FX", 2))
        return true;
    if (e->vex)
        return !strncmp(name, "VMOVA", 5) || !strncmp(name, "VMOVNT", 6) ||
               !strcmp(name, "VMOVDQA");
    return strpbrk(e->row->operands, "VWU") != NULL;
}

/* Where a memory operand shall lie. */
static u64 any_address(const struct encoding *e)
{
    unsigned k = encode_below(1000);

    if (k < 3) /* what cannot be written, or is not there */
        return k == 0   ? FORM_CONST + encode_below(FORM_CONST_SIZE - 64)
               : k == 1 ? FORM_CONST - encode_below(20)
                        : FORM_DATA - encode_below(20);
    if (wants_alignment(e))
        return FORM_DATA + 0x200 +
               ((encode_below(0x1a00) & ~31u) | (k < 15 ? encode_below(32) : 0));
    if (k < 120)
        return FORM_DATA + 0x1000 - encode_below(20);
    return FORM_DATA + 0x200 + (encode_below(0x1a00) & (k < 600 ? ~7u : ~0u));
}

/* An address expression for e->target. */
static void choose_address(struct encoding *e)
{
    static const u8 bases[] = {R_BP, 15, 13, 12};
    unsigned kind = encode_below(8);

    e->target = any_address(e);
    e->base = e->index = NO_REG;
    e->mem = true;
    if (e->code32) {
        e->base = kind < 5 ? R_BP : NO_REG;
        e->sib = e->vsib || one_in(6);
    } else {
        e->rip_relative = kind == 0 && !e->vsib;
        if (kind > 1)
            e->base = e->no_rex ? R_BP : bases[encode_below(4)];
        e->sib = e->vsib || kind == 1 || one_in(6);
        if (!e->no_rex && !e->vsib && e->base != NO_REG && one_in(4)) {
            e->index = 14;
            e->sib = true;
        }
        if (one_in(20))
            e->seg = one_in(2) ? 0x64 : 0x65;
        e->p67 = one_in(30);
    }
    if (one_in(40))
        e->seg = "\x36\x3e\x26"[encode_below(3)];
    if (e->vsib)
        e->index = any_vector(e);
    e->scale = encode_below(4);
}

static u64 any_immediate(void)
{
    u64 x = encode_random();

    switch (encode_below(6)) {
    case 0: return x & 0xf;
    case 1: return 0 - (x & 0xf);
    case 2: return 1ull << (x & 63);
    case 3: return (1ull << (x & 63)) - 1;
    default: return x;
    }
}

static void add_immediate(struct encoding *e, u64 value, unsigned size)
{
    e->imm[e->n_imm] = value;
    e->imm_size[e->n_imm++] = (u8)size;
}

static void immediate(struct encoding *e, char size)
{
    if (size == 'b')
        add_immediate(e, any_immediate(), 1);
    else if (size == 'w')
        add_immediate(e, any_immediate(), 2);
    else
        add_immediate(e, any_immediate(), size == 'v' ? e->osize : MIN(e->osize, 4u));
}

/* Branches jump over one byte (CMC), taken or not taken. */
static void branch(struct encoding *e, char size)
{
    e->p66 = false;
    e->osize = 4;
    add_immediate(e, 1, size == 'b' ? 1 : 4);
    e->filler = true;
}

static void rm_operand(struct encoding *e, char size)
{
    e->has_modrm = true;
    e->rm = gpr_of(e, size);
}

static void vector_rm(struct encoding *e)
{
    e->has_modrm = true;
    e->rm = any_vector(e);
}

/* One operand of the row. */
static void operand(struct encoding *e, const char *o, unsigned n)
{
    char size = n > 1 ? o[1] : 0;

    switch (o[0]) {
    case 'E': rm_operand(e, size); break;
    case 'R': rm_operand(e, 'v'); break;
    case 'G':
        e->has_modrm = true;
        e->reg = gpr_of(e, size);
        break;
    case 'M': e->has_modrm = true; break;
    case 'B': e->vvvv = any_gpr(e); break;
    case 'Z':
        e->low = e->row->opcode & 7;
        if (size == 'b' && e->low >= 4)
            e->no_rex = true;
        else if (!e->code32 && e->low < 4 && one_in(3))
            e->low |= 8;
        break;
    case 'V':
        e->has_modrm = true;
        e->reg = any_vector(e);
        break;
    case 'W':
    case 'U': vector_rm(e); break;
    case 'H': e->vvvv = any_vector(e); break;
    case 'L': add_immediate(e, any_vector(e) << 4 | encode_below(16), 1); break;
    case 'P':
        e->has_modrm = true;
        e->reg = encode_below(8);
        break;
    case 'Q':
    case 'N':
        e->has_modrm = true;
        e->rm = encode_below(8);
        break;
    case 'I': immediate(e, size); break;
    case 'J': branch(e, size); break;
    case 'O':
        e->target = any_address(e);
        add_immediate(e, e->target, e->code32 ? 4 : 8);
        break;
    case 'S':
        if (!strncmp(o, "STi", 3)) {
            e->has_modrm = true;
            e->rm = encode_below(8);
        } else if (size == 'w') {
            e->has_modrm = true;
            e->reg = encode_below(6);
        }
        break;
    case 'C':
    case 'D':
        if (size == 'y') {
            e->has_modrm = true;
            e->reg = encode_below(8);
        }
        break;
    case 'A':
        if (size == 'p') {
            add_immediate(e, encode_random(), e->osize);
            add_immediate(e, encode_random(), 2);
        }
        break;
    default: break; /* registers that the opcode names; strings */
    }
}

/* Operand size, and VEX.L and W. */
static void choose_size(struct encoding *e)
{
    const char *o = e->row->operands;
    bool by_size = strpbrk(o, "vyz") || strstr(o, "rAX");

    if (e->vex) {
        e->l = (e->row->mode & VEX_L0) && (e->row->mode & VEX_L1) ? encode_below(2)
                                                                  : !(e->row->mode & VEX_L0);
        e->w = (e->row->mode & VEX_W0)   ? 0
               : (e->row->mode & VEX_W1) ? 1
                                         : !e->code32 && encode_below(2);
        e->osize = e->w ? 8 : 4;
        return;
    }
    e->w = !e->code32 && (by_size ? encode_below(2) : one_in(16));
    e->p66 = e->row->pfx == P66;
    if (e->row->pfx == ANY || e->row->pfx == PF2 || e->row->pfx == PF3)
        e->p66 = by_size ? one_in(4) : e->row->pfx == ANY && one_in(24);
    e->osize = e->w ? 8 : e->p66 ? 2 : 4;
}

static void choose_operands(struct encoding *e)
{
    const struct insn_row *row = e->row;

    for (const char *o = row->operands; *o;) {
        unsigned n = (unsigned)strcspn(o, ",");

        operand(e, o, n);
        o += n + (o[n] == ',');
    }
    if (row->ext != XX || row->mod != ANYMOD)
        e->has_modrm = true;
    if (row->ext != XX) {
        e->reg = (unsigned)row->ext >> (row->ext >= 0xc0 ? 3 : 0) & 7;
        if (row->ext >= 0xc0)
            e->rm = row->ext & 7;
    }
    e->vsib = strstr(row->operands, "Mv,H") != NULL;
    if (e->has_modrm && row->mod != REG && (row->mod == MEM || encode_below(2)))
        choose_address(e);
    if (row->mod == ANYMOD && !strcmp(row->operands, "Ry"))
        e->mem = false;
}

/* --- Writing an instruction ------------------------------------------------------------------- */

static unsigned rex_bits(const struct encoding *e)
{
    unsigned rex = e->w << 3 | (e->has_modrm ? e->reg >> 3 << 2 : 0);

    if (!e->has_modrm)
        return rex | e->low >> 3;
    if (!e->mem)
        return rex | e->rm >> 3;
    if (e->index != NO_REG)
        rex |= e->index >> 3 << 1;
    return e->base != NO_REG ? rex | e->base >> 3 : rex;
}

static void write_vex(struct encoding *e)
{
    static const u8 pps[] = {[NP] = 0, [P66] = 1, [PF3] = 2, [PF2] = 3};
    unsigned rex = rex_bits(e), pp = pps[e->row->pfx], map = 1u + e->row->map - V0F;
    unsigned last = (~e->vvvv & 15) << 3 | e->l << 2 | pp;

    if (map == 1 && !(rex & 11) && encode_below(2)) {
        encode_byte(e, 0xc5);
        encode_byte(e, (rex & 4 ? 0 : 0x80) | last);
    } else {
        encode_byte(e, 0xc4);
        encode_byte(e, (~rex & 7) << 5 | map);
        encode_byte(e, e->w << 7 | last);
    }
    encode_byte(e, e->row->opcode);
}

static void write_legacy(struct encoding *e)
{
    unsigned rex = rex_bits(e);

    if (e->lock)
        encode_byte(e, 0xf0);
    if (e->p66)
        encode_byte(e, 0x66);
    if (e->row->pfx == PF2 || e->row->pfx == PF3)
        encode_byte(e, e->row->pfx == PF2 ? 0xf2 : 0xf3);
    else if (e->rep)
        encode_byte(e, e->rep);
    if (!e->code32 && !e->no_rex && (rex || e->need_rex || one_in(24)))
        encode_byte(e, 0x40 | rex);
    if (e->row->map != M1)
        encode_byte(e, 0x0f);
    if (e->row->map == M38 || e->row->map == M3A)
        encode_byte(e, e->row->map == M38 ? 0x38 : 0x3a);
    encode_byte(e, e->row->opcode);
}

/* The displacement: the target less what the registers will hold. */
static u32 displacement(const struct encoding *e)
{
    u64 d = e->target;

    if (e->seg == 0x64)
        d -= STREAM_FS;
    else if (e->seg == 0x65)
        d -= STREAM_GS;
    if (e->base != NO_REG)
        d -= STREAM_POINTER;
    return (u32)d;
}

static void write_modrm(struct encoding *e)
{
    unsigned reg = (e->reg & 7) << 3, imm = 0, mod;
    u32 disp;

    if (!e->mem) {
        encode_byte(e, 0xc0 | reg | (e->rm & 7));
        return;
    }
    if (e->rip_relative) {
        for (unsigned i = 0; i < e->n_imm; i++)
            imm += e->imm_size[i];
        encode_byte(e, 0x05 | reg);
        encode_value(e, displacement(e) - (e->at + e->it->len + 4 + imm), 4);
        return;
    }
    disp = displacement(e);
    mod = e->base == NO_REG ? 0 : disp + 128 < 256 && encode_below(4) ? 1 : 2;
    /* Without a base 64-bit code needs SIB; with RSP's number or R12 all do. */
    if (e->sib || (e->base == NO_REG && !e->code32) || (e->base & 7) == 4) {
        encode_byte(e, mod << 6 | reg | 4);
        encode_byte(e, e->scale << 6 | (e->index == NO_REG ? 4 : e->index & 7) << 3 |
                           (e->base == NO_REG ? 5 : e->base & 7));
    } else {
        encode_byte(e, mod << 6 | reg | (e->base == NO_REG ? 5 : e->base & 7));
    }
    encode_value(e, disp, mod == 1 ? 1 : 4);
}

static void write_insn(struct encoding *e)
{
    struct stream_item *it = e->it;

    it->from = it->len;
    if (e->seg && e->has_modrm && e->mem)
        encode_byte(e, e->seg);
    if (e->p67 && e->has_modrm && e->mem)
        encode_byte(e, 0x67);
    if (e->vex)
        write_vex(e);
    else
        write_legacy(e);
    if (e->has_modrm)
        write_modrm(e);
    for (unsigned i = 0; i < e->n_imm; i++)
        encode_value(e, e->imm[i], e->imm_size[i]);
    it->to = it->len;
}

/* PUSHF; AND dword [RSP], ~flags; POPF. */
static void clear_flags(struct encoding *e, u32 flags)
{
    if (!flags)
        return;
    encode_value(e, 0x2424819c, 4);
    encode_value(e, ~(u64)flags, 4);
    encode_byte(e, 0x9d);
}

/* The row that the bytes are found under. */
static const struct insn_row *row_of(const struct encoding *e, cpu_features_t features)
{
    struct insn in;
    struct lift_state l = {
        .in = &in, .key = (e->code32 ? CODE_32 : CODE_64) | KEY_PE, .features = features};

    if (insn_decode(&in, l.key & KEY_CODE, e->it->bytes + e->it->from, INSN_LEN_MAX) ||
        in.len != e->it->to - e->it->from)
        return NULL;
    return lift_find(&l);
}

static void classify(struct encoding *e)
{
    static struct form_case c;
    struct stream_item *it = e->it;

    memset(c.bytes, 0, sizeof(c.bytes));
    memcpy(c.bytes, it->bytes + it->from, it->to - it->from);
    c.code32 = e->code32;
    /* A count that is not known: any above 1; for SHLD and SHRD encode_helpers() sees to it. */
    c.s.gpr[R_CX] = !strncmp(e->row->name, "SH", 2) && e->row->name[3] == 'D' ? 9 : 31;
    form_classify(&it->class, &c);
}

bool encode_item(struct stream_item *it, const struct insn_row *row, bool code32, u64 at,
                 cpu_features_t features)
{
    struct encoding e = {.it = it, .row = row, .code32 = code32, .at = at};

    it->row = row;
    it->len = 0;
    it->is_off = false;
    e.vex = row->map >= V0F;
    choose_size(&e);
    choose_operands(&e);
    if (e.no_rex && (e.need_rex || (!e.vex && rex_bits(&e))))
        return false;
    if (!encode_before(&e))
        return false;
    write_insn(&e);
    if (row_of(&e, features) != row || (e.exact && e.exact != it->to - it->from))
        return false;
    classify(&e);
    if (it->class.expect != FORM_COMPARED || it->class.inexact_x87 || it->class.inexact_sse)
        return false;
    if (e.filler)
        encode_byte(&e, 0xf5);
    encode_after(&e);
    clear_flags(&e, it->class.undefined_flags);
    return it->len <= sizeof(it->bytes) - 16;
}
