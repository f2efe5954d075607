/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: bytes as instructions. They are decoded in every mode and lifted under every kind of block key. What must
 * hold: lengths up to 15 and within the bytes, a shorter prefix asks for more, the disassembler agrees on the length, an
 * instruction is at most 16 micro-ops, and after the last step every micro-op has a handler.
 *
 * The first byte chooses mode, key and CPU features; the rest is code, taken as one block.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/decode.h"
#include "cpu/lift_int.h"
#include "src/base/types.h"

enum { UOPS_PER_INSN = 16, INSNS_MAX = 32 };

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

static void check_disassembly(const struct insn *in, enum code_mode mode, const u8 *code,
                              unsigned n)
{
    char text[96];
    unsigned len = insn_disassemble(text, sizeof(text), mode, code, n, 0x1000);

    require(memchr(text, 0, sizeof(text)) && *text);
    require(len == in->len || !strcmp(text, "(bad)"));
    require(strcmp(text, "(bad)") || len == 1);
}

/* UD0 and UD1 are undefined by their opcode, and what follows it need not be there. */
static bool ends_with_opcode(const struct insn *in)
{
    return in->map == 1 && (in->opcode == 0xb9 || in->opcode == 0xff);
}

/* Every shorter piece is the beginning of an instruction, not another one and not a bad one. */
static void check_prefixes(const struct insn *in, enum code_mode mode, const u8 *code)
{
    for (unsigned k = 0; k < in->len; k++) {
        u8 *piece = malloc(k ? k : 1); /* of exact size, for a sanitizer */
        struct insn part;
        int rc;

        require(piece);
        memcpy(piece, code, k);
        rc = insn_decode(&part, mode, piece, k);
        require(rc == -EAGAIN || (rc == -EILSEQ && ends_with_opcode(in)));
        free(piece);
    }
}

static void lift_block(u32 key, cpu_features_t features, const u8 *code, unsigned size)
{
    static struct uop u[INSNS_MAX * UOPS_PER_INSN + 2];
    struct insn in;
    struct lift_state l = {.in = &in, .key = key, .features = features, .out = u};
    unsigned at = 0, insns = 0, n;

    memset(u, 0xa5, sizeof(u));
    while (!l.end && insns < INSNS_MAX && at < size) {
        struct uop *first = l.out;
        int rc = insn_decode(&in, key & KEY_CODE, code + at, MIN(size - at, INSN_LEN_MAX));

        require(rc == 0 || rc == -EILSEQ || rc == -E2BIG || rc == -EAGAIN);
        require(rc != -EAGAIN || size - at < INSN_LEN_MAX);
        if (rc)
            break;
        require(in.len >= 1 && in.len <= INSN_LEN_MAX && in.len <= size - at);
        check_disassembly(&in, key & KEY_CODE, code + at, MIN(size - at, INSN_LEN_MAX));
        if (!insns)
            check_prefixes(&in, key & KEY_CODE, code + at);
        l.rip = 0x1000 + at;
        at += in.len;
        l.next_rip = 0x1000 + at;
        l.n = 0;
        lift_insn(&l);
        require(l.out > first && l.out <= first + UOPS_PER_INSN);
        for (struct uop *p = first; p < l.out; p++) {
            p->idx = (u8)insns;
            p->ilen = in.len;
            p->rip_off = (u16)(l.rip - 0x1000);
        }
        insns++;
    }
    if (!insns)
        return;
    if (!l.end)
        l.out = lift_end(l.out, l.next_rip);
    n = (unsigned)(l.out - u);
    require(lift_finish(u, n) == n);
    for (unsigned i = 0; i < n; i++)
        require(u[i].op < UOP_COUNT && u[i].fn);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static const u32 keys[] = {
        CODE_64 | KEY_FLAT | KEY_PE | KEY_FPU | KEY_SSE,
        CODE_64 | KEY_FLAT | KEY_PE | KEY_USER,
        CODE_32 | KEY_FLAT | KEY_SS32 | KEY_PE | KEY_FPU | KEY_SSE,
        CODE_32 | KEY_PE | KEY_SS32,
        CODE_16 | KEY_FPU,
        CODE_16 | KEY_PE | KEY_V86 | KEY_USER | KEY_SSE,
    };

    if (size < 2)
        return 0;
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
        lift_block(keys[i],
                   data[0] & 1   ? CPU_FEATURES_ALL
                   : data[0] & 2 ? 0
                                 : (cpu_features_t)data[0] * 0x0101010101010101u * (BIT(32) + 1),
                   data + 1, (unsigned)MIN(size - 1, 512));
    return 0;
}
