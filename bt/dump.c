/* SPDX-License-Identifier: MIT */
/*
 * -d in_asm,uops,out_asm: a block as it is translated, as text: the guest's instructions, its micro-ops with their
 * operands and the fate of the flags that they write (bt/flags.c), and the host code, each piece under the micro-op that
 * it belongs to. Behind the micro-ops comes what lies out of line: exits that are not chained yet, the end of the budget,
 * slow paths.
 *
 * Memory operands of host code that are fields of the vCPU are named in a comment; so are the pieces of bt/stubs.c that
 * it calls and jumps to. Branches to other blocks look as they did when the block was translated, before any was chained.
 *
 * One call of bt_dump_block() writes its lines while it holds the stream, so those of several vCPUs do not mix.
 */
#include <Zydis/Zydis.h>
#include <inttypes.h>

#include "bt/watch.h"
#include "cpu/decode.h"

#define TEXT 160

/* ---- Names ----------------------------------------------------------------------------------------------------------- */

static const char *const names64[] = {"rax", "rcx", "rdx",  "rbx", "rsp", "rbp", "rsi",
                                      "rdi", "r8",  "r9",   "r10", "r11", "r12", "r13",
                                      "r14", "r15", "zero", "t0",  "t1",  "t2"};

/* Guest register n of `size` bytes; n counts bytes for 1. */
static const char *reg_name(char *text, unsigned n, unsigned size)
{
    static const char *const low8[] = {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"};
    static const char *const high8[] = {"ah", "ch", "dh", "bh"};
    unsigned g = bt_gpr(n, size);

    if (g >= ARRAY_SIZE(names64))
        snprintf(text, TEXT, "?%u", n);
    else if (g >= UREG_ZERO || size == 8 || !size)
        snprintf(text, TEXT, "%s", names64[g]);
    else if (g >= 8)
        snprintf(text, TEXT, "%s%c", names64[g], size == 4 ? 'd' : size == 2 ? 'w' : 'b');
    else if (size == 4)
        snprintf(text, TEXT, "e%s", names64[g] + 1);
    else if (size == 2)
        snprintf(text, TEXT, "%s", names64[g] + 1);
    else
        snprintf(text, TEXT, "%s", bt_is_high(n, 1) && g < 4 ? high8[g] : low8[g]);
    return text;
}

const char *bt_mode_text(char *text, u32 key)
{
    static const struct {
        u32 bit;
        const char *name;
    } bits[] = {{KEY_V86, "v86"}, {KEY_FPU, "fpu"}, {KEY_SSE, "sse"},
                {KEY_AVX, "avx"}, {KEY_AC, "ac"},   {KEY_STEP, "step"}};
    unsigned code = key & KEY_CODE;
    int n = snprintf(text, BT_MODE_TEXT, "code%u %s",
                     code == CODE_64   ? 64
                     : code == CODE_32 ? 32
                                       : 16,
                     !(key & KEY_PE)  ? "real"
                     : key & KEY_USER ? "user"
                                      : "kernel");

    if (code != CODE_64 && !(key & KEY_FLAT))
        n += snprintf(text + n, BT_MODE_TEXT - (size_t)n, " segments");
    for (unsigned i = 0; i < ARRAY_SIZE(bits); i++)
        if (key & bits[i].bit)
            n += snprintf(text + n, BT_MODE_TEXT - (size_t)n, " %s", bits[i].name);
    return text;
}

void bt_mnemonic(char *text, size_t size, const struct block *b, const struct uop *u)
{
    static const char *const prefixes[] = {"rep ",   "repe ", "repne ", "repz ",
                                           "repnz ", "lock ", "data16 "};
    char all[TEXT], *end = all;

    insn_disassemble(all, sizeof(all), (enum code_mode)(b->key & KEY_CODE),
                     block_bytes(b) + u->rip_off, u->ilen, b->rip + u->rip_off);
    for (unsigned i = 0; i < ARRAY_SIZE(prefixes); i++)
        if (!strncmp(end, prefixes[i], strlen(prefixes[i]))) {
            end += strlen(prefixes[i]);
            i = ~0u;
        }
    end += strcspn(end, " ");
    snprintf(text, size, "%.*s", (int)(end - all), all);
}

/* ---- Guest instructions ----------------------------------------------------------------------------------------------- */

static void print_bytes(FILE *to, const u8 *bytes, unsigned n, unsigned columns)
{
    for (unsigned i = 0; i < n; i++)
        fprintf(to, " %02x", bytes[i]);
    fprintf(to, "%*s", (int)(n < columns ? 3 * (columns - n) : 0) + 2, "");
}

void bt_print_guest(FILE *to, u32 key, u64 rip, const u8 *bytes, unsigned n)
{
    char text[TEXT];

    for (unsigned at = 0, len; at < n; at += len) {
        len = insn_disassemble(text, sizeof(text), (enum code_mode)(key & KEY_CODE), bytes + at,
                               n - at, rip + at);
        fprintf(to, "%#" PRIx64 ": ", rip + at);
        print_bytes(to, bytes + at, len, 8);
        fprintf(to, "%s\n", text);
    }
}

/* ---- Micro-ops -------------------------------------------------------------------------------------------------------- */

enum {
    P_DST = 1,
    P_SRC = 2,
    P_MEM = 4,
    P_IMM = 8,
    P_CL = 16,
    P_MEM_FIRST = 32,
    P_TARGET = 64,
    P_RAW = 128
};

static unsigned parts_of_form(const struct low *l)
{
    switch ((enum low_form)l->form) {
    case FORM_R: return P_DST | P_SRC;
    case FORM_M: return P_DST | P_MEM;
    case FORM_RR: return P_DST | P_SRC;
    case FORM_RI: return P_DST | P_IMM;
    case FORM_RM: return P_DST | P_MEM;
    case FORM_MR:
    case FORM_L: return P_MEM_FIRST | P_SRC;
    case FORM_MI: return P_MEM_FIRST | P_IMM;
    case FORM_RC: return P_DST | P_CL;
    case FORM_MC: return P_MEM_FIRST | P_CL;
    default: return 0;
    }
}

/* Which operands micro-op u has. */
static unsigned parts_of(const struct uop *u, const struct low *l)
{
    switch ((enum low_kind)l->kind) {
    case LOW_UNARY:
    case LOW_SET:
    case LOW_POP: return l->form == FORM_M ? P_MEM : P_DST;
    case LOW_BSWAP: return P_DST;
    case LOW_MUL: return l->form == FORM_M ? P_MEM : P_SRC;
    case LOW_PUSH: return l->form == FORM_M ? P_MEM : l->form == FORM_RI ? P_IMM : P_SRC;
    case LOW_CALL:
    case LOW_JMP: return l->form == FORM_M ? P_MEM : l->form == FORM_RI ? P_TARGET : P_SRC;
    case LOW_LEA: return P_DST | P_MEM;
    case LOW_DSHIFT: return parts_of_form(l) | P_SRC;
    case LOW_IMUL: return parts_of_form(l) | (l->op ? P_IMM : 0);
    case LOW_LOCK: return P_MEM_FIRST | (u->aux ? P_IMM : P_SRC);
    case LOW_CMPXCHG:
    case LOW_XADD: return l->form == FORM_R ? P_DST | P_SRC : P_MEM_FIRST | P_SRC;
    case LOW_JCC:
    case LOW_END: return P_TARGET;
    case LOW_RET: return u->imm ? P_IMM : 0;
    case LOW_LEAVE:
    case LOW_NOP:
    case LOW_CARRY:
    case LOW_DIRECTION:
    case LOW_CWD: return 0;
    case LOW_NONE:
    case LOW_SSE:
    case LOW_AVX:
    case LOW_MMX:
    case LOW_HELPER:
    case LOW_LEAVES: return P_RAW;
    default: return parts_of_form(l);
    }
}

static bool has_address(const struct uop *u)
{
    return u->base != UREG_ZERO || u->index != UREG_ZERO || u->disp;
}

/* The address expression, with its segment where that matters. */
static void add_address(char *text, const struct uop *u)
{
    static const char *const segs[] = {"es:", "cs:", "ss:", "ds:", "fs:", "gs:"};
    char reg[TEXT];
    int n = snprintf(text, TEXT, "%s[", u->seg < ARRAY_SIZE(segs) ? segs[u->seg] : "");
    const char *plus = "";

    if (u->base != UREG_ZERO) {
        n += snprintf(text + n, TEXT - (size_t)n, "%s", reg_name(reg, u->base, u->asize));
        plus = "+";
    }
    if (u->index != UREG_ZERO) {
        n += snprintf(text + n, TEXT - (size_t)n, "%s%s*%u", plus,
                      reg_name(reg, u->index, u->asize), 1u << u->shift);
        plus = "+";
    }
    if (u->disp < 0 && *plus)
        n += snprintf(text + n, TEXT - (size_t)n, "-%#" PRIx64, -(u64)u->disp);
    else if (u->disp || !*plus)
        n += snprintf(text + n, TEXT - (size_t)n, "%s%#" PRIx64, plus, (u64)u->disp);
    snprintf(text + n, TEXT - (size_t)n, "]");
}

struct operand_list {
    char text[TEXT * 2];
    size_t n;
};

static void add(struct operand_list *l, const char *operand)
{
    l->n +=
        (size_t)snprintf(l->text + l->n, sizeof(l->text) - l->n, "%s%s", l->n ? ", " : "", operand);
}

/* Operands of what this file does not know the meaning of: the fields. */
static void list_raw(struct operand_list *l, const struct uop *u)
{
    char text[TEXT];

    snprintf(text, sizeof(text), "dst=%u, src=%u, osize=%u", u->dst, u->src, u->osize);
    add(l, text);
    if (has_address(u)) {
        add_address(text, u);
        add(l, text);
    }
    if (u->imm) {
        snprintf(text, sizeof(text), "imm=%#" PRIx64, u->imm);
        add(l, text);
    }
}

static void list_operands(struct operand_list *l, const struct uop *u)
{
    const struct low *low = &bt_low[u->op];
    unsigned parts = parts_of(u, low);
    char text[TEXT];

    if (parts & P_RAW)
        list_raw(l, u);
    if (parts & P_DST)
        add(l, reg_name(text, u->dst, low->size));
    if (parts & (P_MEM | P_MEM_FIRST)) {
        add_address(text, u);
        add(l, text);
    }
    if (parts & P_SRC)
        add(l, reg_name(text, u->src, low->from ? low->from : low->size));
    if (parts & (P_IMM | P_TARGET)) {
        snprintf(text, sizeof(text), "%#" PRIx64, u->imm);
        add(l, text);
    }
    if (low->kind == LOW_JCC) {
        snprintf(text, sizeof(text), "else %#" PRIx64, u->imm2);
        add(l, text);
    }
    if (parts & P_CL)
        add(l, "cl");
}

static const char *fate_name(const struct trans *t, unsigned i)
{
    static const char *const names[] = {[FLAGS_DEAD] = "dead",
                                        [FLAGS_HOST] = "host",
                                        [FLAGS_AGAIN] = "again",
                                        [FLAGS_SAVED] = "saved",
                                        [FLAGS_STORE] = "store"};

    if (!bt_low[t->seq[i]->op].flags && t->fate[i] == FLAGS_DEAD)
        return NULL;
    return names[t->fate[i]];
}

/* Micro-op i in one line, without the line's end. */
static void print_uop(FILE *to, const struct trans *t, unsigned i)
{
    const struct uop *u = t->seq[i];
    struct operand_list l = {"", 0};
    const char *fate = fate_name(t, i);
    char name[TEXT], mnemonic[TEXT];

    snprintf(name, sizeof(name), "%s", uop_table[u->op].name);
    if (u->op == UOP_CALL || u->op == UOP_CALL_EXIT || u->op == UOP_CALL_JUMP) {
        bt_mnemonic(mnemonic, sizeof(mnemonic), t->blocks[t->of[i]], u);
        snprintf(name, sizeof(name), "%s %.100s", uop_table[u->op].name, mnemonic);
    }
    list_operands(&l, u);
    fprintf(to, "%2u %-16s %s", i, name, l.text);
    if (fate)
        fprintf(to, "%*sflags: %s", l.n < 30 ? (int)(30 - l.n) : 2, "", fate);
    if (!bt_is_lowered(u))
        fprintf(to, "%*snot lowered", l.n < 30 && !fate ? (int)(30 - l.n) : 2, "");
}

static void print_uops(FILE *to, const struct trans *t)
{
    fprintf(to, "UOPS: %u\n", t->n_seq);
    for (unsigned i = 0; i < t->n_seq; i++) {
        print_uop(to, t, i);
        fputc('\n', to);
    }
}

/* ---- Host code -------------------------------------------------------------------------------------------------------- */

#define FIELD(name, member, size)                                                                  \
    {                                                                                              \
        name, offsetof(struct vcpu, member), size                                                  \
    }
static const struct {
    const char *name;
    size_t at, size;
} fields[] = {
    FIELD("cc", cc, 4),
    FIELD("budget", p.budget.word, 8),
    FIELD("saved", t.saved, sizeof(((struct vcpu *)0)->t.saved)),
    FIELD("aside", t.aside, sizeof(((struct vcpu *)0)->t.aside)),
    FIELD("held", t.held, sizeof(((struct vcpu *)0)->t.held)),
    FIELD("target", t.target, 8),
    FIELD("xmm_live", t.xmm_live, 1),
    FIELD("jump_tag", t.jump_tag, 4),
    FIELD("page_id", t.page_id, sizeof(((struct vcpu *)0)->t.page_id)),
    FIELD("jump", t.jump, sizeof(((struct vcpu *)0)->t.jump)),
    FIELD("tlb", mmu.sets, sizeof(((struct vcpu *)0)->mmu.sets)),
    FIELD("seg.base", seg, sizeof(((struct vcpu *)0)->seg)),
    FIELD("xmm", fpu.xmm, sizeof(((struct vcpu *)0)->fpu.xmm)),
    FIELD("ymmh", fpu.ymmh, sizeof(((struct vcpu *)0)->fpu.ymmh)),
    FIELD("mxcsr", fpu.mxcsr, 4),
};

/* The vCPU's field at RBP + disp. NULL: none that has a name. */
static const char *field_name(i64 disp)
{
    size_t at = (size_t)(disp + (i64)offsetof(struct vcpu, r));

    if (disp >= 0 && disp < UREG_COUNT * 8)
        return names64[disp / 8];
    for (unsigned i = 0; i < ARRAY_SIZE(fields); i++)
        if (at >= fields[i].at && at < fields[i].at + fields[i].size)
            return fields[i].name;
    return NULL;
}

/* What a comment behind the host instruction can say; NULL: nothing. */
static const char *explain(const struct bt *bt, const ZydisDisassembledInstruction *d)
{
    ZyanU64 target;

    for (unsigned i = 0; i < d->info.operand_count_visible; i++) {
        const ZydisDecodedOperand *o = &d->operands[i];

        if (o->type == ZYDIS_OPERAND_TYPE_MEMORY && o->mem.base == ZYDIS_REGISTER_RBP)
            return field_name(o->mem.disp.value);
        if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && o->imm.is_relative &&
            ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&d->info, o, d->runtime_address, &target)))
            return bt_stub_name(bt, (const u8 *)(uintptr_t)target - bt->to_exec);
    }
    return NULL;
}

/* Host code from..end, as offsets from the block's. */
static void print_host(FILE *to, const struct trans *t, u32 from, u32 end)
{
    const u8 *code = t->code;

    while (from < end) {
        u64 exec = (u64)(uintptr_t)bt_exec(t->bt, code + from);
        ZydisDisassembledInstruction d;
        const char *comment;

        if (!ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LONG_64, exec, code + from,
                                                end - from, &d))) {
            fprintf(to, "%#" PRIx64 ":  %02x (bad)\n", exec, code[from]);
            from++;
            continue;
        }
        comment = explain(t->bt, &d);
        fprintf(to, "%#" PRIx64 ": ", exec);
        print_bytes(to, code + from, d.info.length, 8);
        fprintf(to, comment ? "%-40s ; %s\n" : "%s\n", d.text, comment);
        from += d.info.length;
    }
}

/* Where the displacement at `at` leads to, as an offset from the block's code. */
static u32 leads_to(const struct trans *t, const u8 *at)
{
    i32 rel;

    memcpy(&rel, at, sizeof(rel));
    return (u32)(at + 4 + rel - t->code);
}

/* What begins out of line at `at`? Writes a line if something does. */
static void print_mark(FILE *to, const struct trans *t, u32 at)
{
    const struct bt *bt = t->bt;

    for (unsigned i = 0; i < t->n_outs; i++)
        if (bt->exits[t->outs[i].exit].stub == t->code + at) {
            fprintf(to, "  -- exit to %#" PRIx64 ", not chained\n", bt->exits[t->outs[i].exit].rip);
            break;
        }
    if (leads_to(t, t->budget[0]) == at)
        fprintf(to, "  -- the budget is used up, or somebody asks for attention\n");
    for (unsigned i = 0; i < t->n_forward; i++)
        if (leads_to(t, t->forward[i].jump) == at) {
            const struct bt_point *pt = &bt->points[t->forward[i].point];

            fprintf(to, "  -- slow path of %u %s%s\n", pt->uop,
                    uop_table[pt->b->u[pt->uop].op].name, pt->access ? "" : ", with no second try");
            break;
        }
}

/* The next place behind `at` where something begins out of line. */
static u32 next_mark(const struct trans *t, u32 at)
{
    u32 next = t->code_size, x;

    for (unsigned i = 0; i < t->n_outs; i++) {
        x = (u32)(t->bt->exits[t->outs[i].exit].stub - t->code);
        next = x > at && x < next ? x : next;
    }
    x = leads_to(t, t->budget[0]);
    next = x > at && x < next ? x : next;
    for (unsigned i = 0; i < t->n_forward; i++) {
        x = leads_to(t, t->forward[i].jump);
        next = x > at && x < next ? x : next;
    }
    return next;
}

static void print_out(FILE *to, const struct trans *t)
{
    unsigned n = t->n_seq;

    fprintf(to, "OUT: [size=%u]\n  -- entry\n", t->code_size);
    print_host(to, t, 0, t->at[0]);
    for (unsigned i = 0; i < n; i++) {
        fprintf(to, "  -- ");
        print_uop(to, t, i);
        fputc('\n', to);
        print_host(to, t, t->at[i], t->at[i + 1]);
    }
    fprintf(to, "  -- out of line:\n");
    for (u32 at = t->at[n], next; at < t->code_size; at = next) {
        next = next_mark(t, at);
        print_mark(to, t, at);
        print_host(to, t, at, next);
    }
}

void bt_dump_block(const struct trans *t)
{
    const struct bt_options *o = t->bt->options;
    const struct block *b = t->b;
    FILE *to = o->log_to;
    char mode[BT_MODE_TEXT];
    unsigned len = 0;

    for (unsigned k = 0; k < t->n_blocks; k++)
        len += t->blocks[k]->len;
    flockfile(to);
    fprintf(to,
            "----------------\n%sBLOCK %#" PRIx64 " gpa=%#" PRIx64
            " mode=%#x (%s) vcpu=%u insns=%u bytes=%u\n",
            t->is_trace ? "SUPER" : "", b->rip, b->gpa, b->key, bt_mode_text(mode, b->key),
            t->v->id, t->n_insns, len);
    if (o->log & BT_LOG_IN_ASM) {
        fprintf(to, "IN: %u\n", t->n_insns);
        for (unsigned k = 0; k < t->n_blocks; k++)
            bt_print_guest(to, b->key, t->blocks[k]->rip, block_bytes(t->blocks[k]),
                           t->blocks[k]->len);
    }
    if (o->log & BT_LOG_UOPS)
        print_uops(to, t);
    if (o->log & BT_LOG_OUT_ASM)
        print_out(to, t);
    fflush(to);
    funlockfile(to);
}
