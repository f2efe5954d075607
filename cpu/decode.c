/* SPDX-License-Identifier: MIT */
/*
 * Instruction decoding through Zydis.
 *
 * Zydis knows which byte sequences are instructions and where their parts lie; we use its plain
 * decoder (no operands) and read the raw parts ourselves, because lifting wants register numbers
 * and effective sizes, not operand objects. Encodings that newer CPUs gave a meaning to, but older
 * ones execute as something else, stay decodable: the decoder modes for MPX, CET, CLDEMOTE and
 * WBNOINVD are off, so the hint space is NOP and WBNOINVD is WBINVD; TZCNT and LZCNT have the shape
 * of BSF and BSR, and the rows of the instruction table choose by CPU feature. Of a VEX prefix the
 * parts become what REX, mandatory prefix and opcode map are for others, plus L, W and vvvv; that
 * LOCK, 66, F2, F3 and REX may not stand before it, nor vvvv name a register that is not used, is
 * Zydis' to check. EVEX, XOP and 3DNow! are announced by no model and are refused here.
 *
 * A 66 prefix on a near branch in 64-bit code follows AMD (the operand size becomes 16), as the
 * vendor is AMD; so does what is fetched of an instruction that does not exist, before its #UD: an
 * opcode of UD0 or UD1 ends it, others have their operands, which may fault or be too long. Intel SDM vol. 2 ch. 2, AMD APM vol. 3 ch. 1.
 */
#include "cpu/decode.h"

#include <Zydis/Zydis.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "src/base/check.h"

static ZydisDecoder decoders[3];
static ZydisFormatter formatter;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const ZydisMachineMode machine_modes[3] = {
    [CODE_16] = ZYDIS_MACHINE_MODE_LEGACY_16,
    [CODE_32] = ZYDIS_MACHINE_MODE_LEGACY_32,
    [CODE_64] = ZYDIS_MACHINE_MODE_LONG_64,
};

static void setup(void)
{
    static const ZydisStackWidth stack[3] = {[CODE_16] = ZYDIS_STACK_WIDTH_16,
                                             [CODE_32] = ZYDIS_STACK_WIDTH_32,
                                             [CODE_64] = ZYDIS_STACK_WIDTH_64};
    static const ZydisDecoderMode off[] = {ZYDIS_DECODER_MODE_MPX, ZYDIS_DECODER_MODE_CET,
                                           ZYDIS_DECODER_MODE_WBNOINVD,
                                           ZYDIS_DECODER_MODE_CLDEMOTE};

    for (unsigned i = 0; i < 3; i++) {
        ZydisDecoder *d = &decoders[i];
        CHECK(ZYAN_SUCCESS(ZydisDecoderInit(d, machine_modes[i], stack[i])));
        for (unsigned k = 0; k < ARRAY_SIZE(off); k++)
            CHECK(ZYAN_SUCCESS(ZydisDecoderEnableMode(d, off[k], ZYAN_FALSE)));
        CHECK(ZYAN_SUCCESS(ZydisDecoderEnableMode(d, ZYDIS_DECODER_MODE_AMD_BRANCHES, ZYAN_TRUE)));
    }
    CHECK(ZYAN_SUCCESS(ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL)));
}

/* Prefixes; returns the segment override or -1. */
static int read_prefixes(struct insn *in, const ZydisDecodedInstruction *z, enum code_mode mode)
{
    int seg = -1;

    for (unsigned i = 0; i < z->raw.prefix_count; i++) {
        switch (z->raw.prefixes[i].value) {
        case 0x66: in->p66 = true; break;
        case 0x67: in->p67 = true; break;
        case 0xf2:
            in->pf2 = true;
            in->pf3 = false;
            break;
        case 0xf3:
            in->pf3 = true;
            in->pf2 = false;
            break;
        case 0xf0: in->lock = true; break;
        case 0x26: seg = mode == CODE_64 ? seg : SEG_ES; break;
        case 0x2e: seg = mode == CODE_64 ? seg : SEG_CS; break;
        case 0x36: seg = mode == CODE_64 ? seg : SEG_SS; break;
        case 0x3e: seg = mode == CODE_64 ? seg : SEG_DS; break;
        case 0x64: seg = SEG_FS; break;
        case 0x65: seg = SEG_GS; break;
        }
    }
    if (z->attributes & ZYDIS_ATTRIB_HAS_REX)
        in->rex = 0x40 | z->raw.rex.W << 3 | z->raw.rex.R << 2 | z->raw.rex.X << 1 | z->raw.rex.B;
    return seg;
}

/* Register numbers have three bits outside 64-bit code, whatever stands there for the fourth. */
static void read_vex(struct insn *in, const ZydisDecodedInstruction *z, const u8 *bytes,
                     enum code_mode mode)
{
    const u8 *vex = bytes + z->raw.vex.offset;
    bool three = vex[0] == 0xc4;
    u8 first = ~vex[1], last = vex[three ? 2 : 1];
    unsigned rxb = three ? first >> 5 : (first >> 5) & 4;

    in->vex = true;
    in->vex_w = three && (last & 0x80);
    in->vex_l = last >> 2 & 1;
    in->vvvv = (u8)~last >> 3 & 15;
    in->p66 = (last & 3) == 1;
    in->pf3 = (last & 3) == 2;
    in->pf2 = (last & 3) == 3;
    if (mode == CODE_64)
        in->rex = 0x40 | in->vex_w << 3 | rxb;
    else
        in->vvvv &= 7;
}

static void read_sizes(struct insn *in, enum code_mode mode)
{
    bool small = !in->vex && (mode == CODE_16) != in->p66;

    in->osize = mode == CODE_64 && (in->rex & 8) ? 8 : small ? 2 : 4;
    if (mode == CODE_64)
        in->asize = in->p67 ? 4 : 8;
    else
        in->asize = (mode == CODE_16) != in->p67 ? 2 : 4;
}

/* 16-bit address forms, SDM vol. 2 table 2-1. */
static void read_address16(struct insn *in)
{
    static const u8 base[8] = {R_BX, R_BX, R_BP, R_BP, R_SI, R_DI, R_BP, R_BX};
    static const u8 index[8] = {R_SI, R_DI, R_SI, R_DI, UREG_ZERO, UREG_ZERO, UREG_ZERO, UREG_ZERO};
    unsigned rm = in->modrm & 7;

    if (rm == 6 && in->mod == 0)
        return;
    in->base = base[rm];
    in->index = index[rm];
}

/* Gathers: the index is a vector register, and 4 is one too. */
static bool has_vector_index(const struct insn *in)
{
    return in->map == V38 && in->opcode >= 0x90 && in->opcode <= 0x93;
}

/* 32- and 64-bit address forms, SDM vol. 2 tables 2-2 and 2-3. */
static void read_address32(struct insn *in, u8 sib, enum code_mode mode)
{
    unsigned rm = in->modrm & 7;
    unsigned b = (in->rex & 1) << 3, x = (in->rex & 2) << 2;

    if (rm == 4) {
        unsigned index = ((sib >> 3) & 7) | x;
        if (index != 4 || has_vector_index(in)) {
            in->index = index;
            in->shift = sib >> 6;
        }
        if ((sib & 7) != 5 || in->mod != 0)
            in->base = (sib & 7) | b;
    } else if (rm == 5 && in->mod == 0) {
        in->rip_relative = mode == CODE_64;
    } else {
        in->base = rm | b;
    }
}

/* Immediates are sign-extended unless the manual treats the form as unsigned. */
static bool imm_is_signed(const struct insn *in, unsigned bits)
{
    unsigned op = in->opcode;

    if (in->map == M0F)
        return (op & 0xf0) == 0x80;
    if (in->map != M1)
        return false;
    if (op == 0xc2 || op == 0xca || op == 0xc8 || op == 0x9a || op == 0xea)
        return false;
    if (bits > 8)
        return true;
    return op == 0x6a || op == 0x6b || op == 0x83 || (op & 0xf0) == 0x70 ||
           (op >= 0xe0 && op <= 0xe3) || op == 0xeb;
}

static u64 read_imm(const struct insn *in, const ZydisDecodedInstruction *z, unsigned which)
{
    unsigned bits = z->raw.imm[which].size;
    u64 value = z->raw.imm[which].value.u;

    if (!bits)
        return 0;
    return imm_is_signed(in, bits) ? sext64(value, bits) : value & mask64(bits);
}

static bool read_map(struct insn *in, const ZydisDecodedInstruction *z)
{
    bool vex = z->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;

    if (z->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY && !vex)
        return false;
    switch (z->opcode_map) {
    case ZYDIS_OPCODE_MAP_DEFAULT: in->map = M1; return !vex;
    case ZYDIS_OPCODE_MAP_0F: in->map = vex ? V0F : M0F; return true;
    case ZYDIS_OPCODE_MAP_0F38: in->map = vex ? V38 : M38; return true;
    case ZYDIS_OPCODE_MAP_0F3A: in->map = vex ? V3A : M3A; return true;
    default: return false;
    }
}

static void read_operands(struct insn *in, const ZydisDecodedInstruction *z, const u8 *bytes,
                          enum code_mode mode, int override)
{
    bool moffs = in->map == M1 && in->opcode >= 0xa0 && in->opcode <= 0xa3;

    in->base = in->index = UREG_ZERO;
    in->has_modrm = z->attributes & ZYDIS_ATTRIB_HAS_MODRM;
    if (in->has_modrm) {
        in->modrm = bytes[z->raw.modrm.offset];
        in->mod = in->modrm >> 6;
        in->reg = ((in->modrm >> 3) & 7) | (in->rex & 4) << 1;
        in->rm = (in->modrm & 7) | (in->rex & 1) << 3;
        if (in->mod != 3) {
            if (in->asize == 2)
                read_address16(in);
            else
                read_address32(in, bytes[z->raw.sib.offset], mode);
        }
    }
    if ((in->has_modrm && in->mod != 3) || moffs)
        in->disp = z->raw.disp.value;
    in->seg = in->base == R_SP || in->base == R_BP ? SEG_SS : SEG_DS;
    if (override >= 0)
        in->seg = override;
    in->imm = read_imm(in, z, 0);
    in->imm2 = read_imm(in, z, 1);
}

/* ---- What does not exist ---------------------------------------------------------------------------------------- */

static bool is_prefix(enum code_mode mode, u8 byte)
{
    static const u8 prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65};

    return memchr(prefixes, byte, sizeof(prefixes)) || (mode == CODE_64 && (byte & 0xf0) == 0x40);
}

static unsigned prefixes_of(enum code_mode mode, const u8 *bytes, unsigned n)
{
    unsigned i = 0;

    while (i < n && is_prefix(mode, bytes[i]))
        i++;
    return i;
}

/* Bytes from ModRM on, without an immediate; as many as can be told from n. */
static unsigned modrm_length(enum code_mode mode, bool p67, const u8 *b, unsigned n)
{
    unsigned mod = n ? b[0] >> 6 : 3, rm = n ? b[0] & 7 : 0, length = 1;

    if (mod == 3)
        return 1;
    if (mode != CODE_64 && (mode == CODE_16) != p67)
        return mod == 1 ? 2 : mod == 2 || rm == 6 ? 3 : 1;
    if (rm == 4) {
        if (n < 2)
            return 2;
        rm = b[1] & 7;
        length = 2;
    }
    return length + (mod == 1 ? 1u : mod == 2 || rm == 5 ? 4u : 0);
}

/* How many bytes, or at least how many, are fetched before #UD: in the three-byte maps an undefined opcode has ModRM, and an
 * immediate in the second, as a defined one; so have those that 64-bit code has lost their immediates. */
static unsigned undefined_length(enum code_mode mode, const u8 *bytes, unsigned n)
{
    unsigned i = prefixes_of(mode, bytes, n), left = n - i;
    const u8 *op = bytes + i;

    if (left >= 2 && op[0] == 0x0f && (op[1] == 0x38 || op[1] == 0x3a))
        return left < 3 ? i + 3
                        : i + 3 + (op[1] == 0x3a) +
                              modrm_length(mode, memchr(bytes, 0x67, i), op + 3, left - 3);
    if (mode != CODE_64 || !left)
        return i;
    if (op[0] == 0x9a || op[0] == 0xea)
        return i + (memchr(bytes, 0x66, i) ? 5 : 7);
    return op[0] == 0xd4 || op[0] == 0xd5 ? i + 2 : i;
}

/* UD0, UD1 and what VIA has between: undefined by the opcode, and nothing behind it is fetched. */
static bool ends_with_opcode(enum code_mode mode, const u8 *bytes, unsigned n)
{
    static const u8 opcodes[] = {0xa6, 0xa7, 0xb9, 0xff};
    unsigned i = prefixes_of(mode, bytes, n);

    return i + 2 <= MIN(n, INSN_LEN_MAX) && bytes[i] == 0x0f &&
           memchr(opcodes, bytes[i + 1], sizeof(opcodes));
}

/* Zydis has found no instruction, for the reason `st`. */
static int not_found(ZyanStatus st, enum code_mode mode, const u8 *bytes, unsigned n)
{
    unsigned length;

    if (st == ZYDIS_STATUS_NO_MORE_DATA || st == ZYDIS_STATUS_INSTRUCTION_TOO_LONG) {
        if (ends_with_opcode(mode, bytes, n))
            return -EILSEQ;
        return st == ZYDIS_STATUS_NO_MORE_DATA && n < INSN_LEN_MAX ? -EAGAIN : -E2BIG;
    }
    length = undefined_length(mode, bytes, n);
    return length > INSN_LEN_MAX ? -E2BIG : length > n ? -EAGAIN : -EILSEQ;
}

int insn_decode(struct insn *in, enum code_mode mode, const u8 *bytes, unsigned n)
{
    ZydisDecodedInstruction z;
    ZyanStatus st;

    pthread_once(&once, setup);
    if (!n)
        return -EAGAIN;
    st = ZydisDecoderDecodeInstruction(&decoders[mode], NULL, bytes, n, &z);
    if (!ZYAN_SUCCESS(st))
        return not_found(st, mode, bytes, n);

    memset(in, 0, sizeof(*in));
    if (!read_map(in, &z))
        return -EILSEQ;
    in->len = z.length;
    in->opcode = z.opcode;
    in->mnemonic = z.mnemonic;
    int override = read_prefixes(in, &z, mode);
    if (z.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX)
        read_vex(in, &z, bytes, mode);
    read_sizes(in, mode);
    read_operands(in, &z, bytes, mode, override);
    return 0;
}

unsigned insn_disassemble(char *text, size_t size, enum code_mode mode, const u8 *bytes, unsigned n,
                          u64 rip)
{
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    ZydisDecodedInstruction z;

    pthread_once(&once, setup);
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoders[mode], bytes, n, &z, operands)) ||
        !ZYAN_SUCCESS(ZydisFormatterFormatInstruction(
            &formatter, &z, operands, z.operand_count_visible, text, size, rip, NULL))) {
        snprintf(text, size, "(bad)");
        return 1;
    }
    return z.length;
}
