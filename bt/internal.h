/* SPDX-License-Identifier: MIT */
/*
 * What the files of the translator share.
 *
 *   code.c        memory for host code, writable at one address and executable at another
 *   low.c         what the lowering knows of each micro-op: family, form, size (a table, from the families' lists)
 *   flags.c       which flags of a block are wanted by whom, and how they are had back when a block is left
 *   sites.c       what accesses of superblocks remember of the soft TLB
 *   lend.c        which host registers a superblock that loops uses for something else
 *   mem.c         guest addresses and the inline look-up in the soft TLB
 *   lower_*.c     micro-ops to host instructions
 *   translate.c   a block: its entry, its micro-ops in order, its exits, what lies out of line
 *   stubs.c       code made once: entering and leaving, the slow path, loading and saving of vector registers
 *   runtime.c     the dispatcher: finds, translates and chains blocks; slow paths end here
 *   shared.c      what all vCPUs share: tables, chains, page numbers, and how all that falls
 *   watch.h       what can be seen of all this: dumps, profile, names for perf and GDB
 *
 * Host registers: RBP holds &vcpu->r[0], so the guest registers that have no host register of their own lie at short
 * displacements; RSP is the host's stack; RAX, RCX and RDX are free within a micro-op. The eleven others hold guest
 * registers wherever translated code runs (bt_home).
 */
#ifndef BT_INTERNAL_H
#define BT_INTERNAL_H

#include <stddef.h>

#include "bt/bt.h"
#include "bt/emit.h"
#include "cpu/code_cache.h"
#include "cpu/uops.h"
#include "cpu/vcpu.h"

/* ---- What is known of micro-ops (low.c) ---------------------------------------------------------------------------- */

enum low_kind {
    LOW_NONE, /* no lowering: the interpreter's routine is called */
    LOW_ALU,
    LOW_UNARY,
    LOW_SHIFT,
    LOW_DSHIFT,
    LOW_BIT,
    LOW_MOV,
    LOW_MOVX,
    LOW_JCC,
    LOW_SET,
    LOW_CMOV,
    LOW_MUL,
    LOW_IMUL,
    LOW_BITS,
    LOW_BMI,
    LOW_COUNT,
    LOW_ADX,
    LOW_MOVBE,
    LOW_XCHG,
    LOW_CMPXCHG,
    LOW_XADD,
    LOW_LOCK,
    LOW_PUSH,
    LOW_POP,
    LOW_LEAVE,
    LOW_CALL,
    LOW_RET,
    LOW_JMP,
    LOW_LEA,
    LOW_BSWAP,
    LOW_NOP,
    LOW_CARRY,     /* CLC, STC, CMC */
    LOW_DIRECTION, /* CLD, STD */
    LOW_CWD,
    LOW_END,
    LOW_SSE,
    LOW_AVX,
    LOW_X87,
    LOW_MMX,
    LOW_HELPER, /* UOP_CALL: the helper is called directly */
    LOW_LEAVES, /* no lowering, and the block ends in it */
};

/* Form of the operands. */
enum low_form {
    FORM_NONE,
    FORM_R,
    FORM_M,
    FORM_RR,
    FORM_RI,
    FORM_RM,
    FORM_MR,
    FORM_MI,
    FORM_RC,
    FORM_MC,
    FORM_L
};

struct low {
    u8 kind, form;
    u8 op;        /* operation within the family; condition */
    u8 size;      /* bytes */
    u8 from;      /* bytes of the source of a widening move; LOW_X87: of the memory operand */
    bool flags;   /* this twin writes flags */
    u32 host;     /* LOW_SSE, LOW_AVX, LOW_MMX: the host's opcode */
    u8 sse;       /* LOW_SSE: enum sse_shape; LOW_AVX: enum avx_shape; LOW_MMX: enum mmx_shape */
    bool aligned; /* LOW_SSE, LOW_AVX: the memory operand has to be */
};

extern struct low bt_low[UOP_COUNT];

/* Order of the families' operations (uops_families.h). */
enum { OP_ADD, OP_OR, OP_ADC, OP_SBB, OP_AND, OP_SUB, OP_XOR, OP_CMP, OP_TEST };
enum { OP_INC, OP_DEC, OP_NEG, OP_NOT };
enum { CARRY_CLEAR, CARRY_SET, CARRY_TURN };
enum { OP_ROL, OP_ROR, OP_RCL, OP_RCR, OP_SHL, OP_SHR, OP_SAR };

/* ---- Places where translated code can be left ---------------------------------------------------------------------- */

#define BT_PENDING_MAX 4

/* Flags that were not stored, because they are wanted only if the block is left unexpectedly: made again then, from the
 * operands of the micro-op that makes them. */
struct bt_pending {
    const struct uop *u;
    i8 slot; /* where the destination's old value was saved (vcpu->t.saved); -1: it follows from the result */
};

/* A micro-op that may have to be done by the interpreter. */
struct bt_point {
    struct block *b;
    u32 resume; /* offset of the code that tries again; 0: there is none */
    u32 stored; /* of what follows, if the micro-op does nothing but store; 0: it does more */
    u16 uop;
    u16 refund; /* instructions of the trace that come behind the block: charged, but not yet due */
    u8 size, access; /* what to fill the TLB for: enum mmu_access; 0: do not try */
    bool windows;    /* what was checked at the superblock's head is relied on behind it */
    u16 site;        /* + 1: of the site that missed too often; 0: another reason */
    u8 n_pending;    /* flags that are not in vcpu->cc yet, in the order of their making */
    struct bt_pending pending[BT_PENDING_MAX];
    u8 note_seg; /* segment of the last x87 memory operand, + 1; 0: vcpu->fpu has it */
    u32 note;    /* the last x87 instruction; 0: vcpu->fpu has it */
};

/* An x87 instruction's pointers, by number. */
struct bt_note {
    u64 ip;
    u16 opcode;
};

/* A direct branch out of a block. */
struct bt_exit {
    _Atomic(struct bt_block *) to; /* changed under the lock */
    struct bt_exit *next, **at;    /* of those that lead to `to` */
    u8 *jump;                      /* displacement of the jump that is patched */
    u8 *id;      /* immediate of the page check that stands before it; NULL: same page */
    u32 only_id; /* what that was set to first, and may be set to at all */
    bool gone;   /* of a region that has fallen */
    const u8 *stub;
    u64 rip;
};

/* A linear page of code as it is mapped and executed: what a branch into it has to find again. */
struct bt_page {
    u64 page, gfn;
    u32 key, id;
};

struct bt_trace;

struct bt_block {
    struct block *b;
    _Atomic bool gone;                /* changed under the lock */
    _Atomic(struct bt_trace *) trace; /* it begins here, and is entered instead; NULL: none */
    bool traced;                      /* there is, or was, a trace that holds it; under the lock */
    _Atomic u8 samples;               /* how often the block was met when the budget was used up */
    u8 *code;
    struct bt_exit *in;  /* under the lock */
    _Atomic u32 page_id; /* 0: nothing is chained to it */
    u32 second_id; /* of the page in which it ends, if it crosses; its own code looks for that, */
    u32 past;      /* in so many bytes: whoever has just found the block goes past them */
    u32 code_size;
    /* What does not pay: micro-ops without a site, windows of the superblock that begins here (bt/sites.c). */
    u64 plain[2];
    u16 no_window;
    u8 remade;
};
_Static_assert(BLOCK_UOPS_MAX <= 128, "one bit of bt_block.plain each");

/* ---- One translation ------------------------------------------------------------------------------------------------ */

struct bt;

#define BT_TRACE_BLOCKS 24
#define BT_SEQ_MAX 240
#define BT_TRACES_MAX (1u << 14)
struct bt_trace {
    struct bt_block *blocks[BT_TRACE_BLOCKS]; /* the first is the head */
    unsigned n;
    unsigned first_site, end_site;
    u8 *code;
    bool gone, loops;
};
/* What was executed since the head of a trace to be. */
struct bt_recorder {
    struct block *head; /* NULL: nothing is recorded */
    struct block *blocks[BT_TRACE_BLOCKS];
    unsigned n, n_uops, waited;
    unsigned repeats;       /* how often the last block led to itself */
    unsigned visits, again; /* of a head that may lead to itself: how often it was met, and did */
    bool at_head;
};

#define BT_FORWARD_MAX 1024
/* Room that one block may take, and tables. */
#define BT_BLOCK_MAX 32768
#define BT_POINTS_MAX (1u << 20)
#define BT_EXITS_MAX (1u << 19)
#define BT_BLOCKS_MAX (1u << 18)
#define BT_COPIES_MAX (1u << 17)
#define BT_NOTES_MAX (1u << 19)
#define BT_IDS (1u << 16)
#define BT_JUMP_SHIFT 9

/* Operands of a superblock in one page: at `base` + (`index` << `shift`), as the registers are at the head, plus lo to hi. */
#define BT_WINDOWS_MAX 16
struct bt_window {
    u8 base, index, shift, n;
    bool write, used;
    bool stays; /* the registers hold the same at the end of a loop */
    bool
        ranged; /* operands with an index that is small, besides: hi is behind the last that they can reach */
    u8 reg; /* the host register that holds where its registers point, as a host address; H_AX: none does */
    u16 site;
    i32 lo, hi;
    u8 *jump, *back;
};
/* Whose a site is: of micro-op `uop` of `bb`, or of window `window` - 1 of the superblock at `head`. */
struct bt_site_owner {
    struct bt_block *bb, *head;
    u16 uop;
    u8 window;
};

/* A host register that a superblock uses otherwise while it runs (bt/lend.c). */
#define BT_LENT_MAX 10
struct bt_lent {
    u8 host;
    u8 owner;  /* the guest register whose home it is */
    u8 guest;  /* the one that it holds instead, if `window` is 0 */
    u8 window; /* + 1: the one whose place it holds */
};

struct trans {
    struct emitter e;
    struct bt *bt;
    struct vcpu *v;
    struct block *b;
    struct bt_block *bb;
    const struct uop *u; /* being lowered */
    unsigned i;
    /* The micro-ops: of one block, or of those of a trace in the order of their execution. */
    const struct uop *seq[BT_SEQ_MAX + 1];
    u8 of[BT_SEQ_MAX + 1]; /* index of their block */
    struct block *blocks[BT_TRACE_BLOCKS];
    u16 after[BT_TRACE_BLOCKS]; /* instructions of the blocks behind it */
    unsigned n_seq, n_blocks, n_insns;
    bool is_trace, loops;
    struct {
        struct bt_lent lent[BT_LENT_MAX];
        unsigned n;
        i8 home[UREG_COUNT];
        bool xmm, ymm; /* vector registers, and their upper halves, are loaded at the entry */
    } lend;
    /* From here on: what is made anew each time that the sequence is emitted. */
    u8 *code; /* the result */
    u32 code_size;
    u8 *loop_head;
    const i8 *home;       /* where guest registers are at this place of the code: as bt_home */
    u16 uses[UREG_COUNT]; /* how often each was looked for */
    u32 pinned;           /* those that have to be in their home, as a mask */
    u8 *slow;             /* gives back what is lent, and goes on to bt->slow; NULL: nothing is */
    struct bt_window windows[BT_WINDOWS_MAX];
    unsigned n_windows;
    bool has_windows;
    u8 window_of[BT_SEQ_MAX]; /* + 1; 0: none */
    i32 window_off[BT_SEQ_MAX];
    u8 window_index
        [BT_SEQ_MAX];    /* + 1: the guest register that is the small index; 0: there is none */
    u8 fate[BT_SEQ_MAX]; /* enum flag_fate of the flags that micro-op i writes */
    bool guard
        [BT_SEQ_MAX]; /* micro-op i is a branch whose target is compared with where the trace goes on */
    bool out_of_line; /* what is emitted now is: no sites, no windows */
    bool exit_store;  /* flags are in EFLAGS alone: who leaves the trace here has to store them */
    u8 exit_shape;
    struct bt_pending pending[BT_PENDING_MAX];
    u8 n_pending, next_slot;
    u8 host_flags; /* UF_*: those of EFLAGS that are the guest's at this moment */
    bool xmm;      /* the guest's vector registers are loaded */
    bool ymm;      /* and their upper halves */
    bool x87;      /* the guest's x87 state is */
    struct {
        bool pending; /* micro-op u of b is the last x87 instruction, and not noted yet */
        u8 seg;       /* as in struct bt_point */
        const struct uop *u;
        const struct block *b;
        u32 id; /* in bt->notes; 0: not there yet */
    } note;
    struct {
        u8 *jump; /* displacement that leads to the stub */
        u32 point;
    } forward[BT_FORWARD_MAX];
    unsigned n_forward;
    /* Accesses whose site did not know their page. */
    struct {
        u8 *jump, *back;
        u32 point;
        u16 site;
        u8 size, access;
        i8 reg;
    } missed[BT_SEQ_MAX];
    unsigned n_missed;
    struct {
        u8 *jump;
        u32 exit;
    } outs[12 + 2 * BT_TRACE_BLOCKS];
    unsigned n_outs;
    /* Branches out of a trace. */
    struct {
        u8 *jump;
        u64 rip;
        u8 shape, block;
        bool store;
    } side[BT_TRACE_BLOCKS];
    unsigned n_side;
    /* Indirect branches that went elsewhere. */
    struct {
        u8 *jump;
        u16 uop; /* in seq */
    } elsewhere[BT_TRACE_BLOCKS];
    unsigned n_elsewhere;
    u8 *budget[2];
    u8 *second; /* the test of the page in which it ends, if it crosses */
    /* Where the host code of micro-op i begins, from the block's; then: what is out of line. */
    u32 at[BT_SEQ_MAX + 1];
};

/* How far each table is filled. Each has a part for each region, as the code memory has (bt/shared.c). */
#define BT_REGIONS 2
struct bt_fill {
    size_t used;
    unsigned n_points, n_exits, n_blocks, n_copies, n_notes, n_traces, n_sites;
};

/* What all vCPUs share. Changed under the code cache's lock; read by translated code's slow paths without, of what was
 * published before (bt_published). */
struct bt {
    unsigned users;
    struct code_cache *cache; /* NULL: one vCPU, without one (tests) */
    u8 *write;                /* the code memory, writable */
    ptrdiff_t to_exec;        /* add this: the same, executable */
    size_t size, fixed;
    struct bt_fill now;                /* of the region that is being filled */
    struct bt_fill filled[BT_REGIONS]; /* of the others, when they ceased to be */
    unsigned region;
    u64 retiring; /* the other region fell with that number (code_retire()), and may still be known to somebody */
    _Atomic u64 published; /* how often something was made */
    struct bt_point *points;
    struct bt_exit *exits;
    struct bt_block *blocks;
    struct bt_page *pages; /* BT_IDS, by hash */
    u32 n_pages, last_id;
    const struct bt_options *options;
    /* Code made once. */
    const u8 *clear_sites;
    const u8 *enter, *leave, *leave_saved, *slow, *call, *call_leave, *load_xmm, *save_xmm,
        *load_ymm;
    const u8 *load_x87, *reload_x87, *save_x87, *save;
    struct uop (*copies)[2];
    struct bt_note *notes; /* from 1 on */
    struct bt_stats stats; /* but for what each vCPU counts */
    /* What bt/watch.h needs; NULL where it is not wanted. */
    struct bt_unlowered *unlowered;
    u64 *rests; /* by micro-op */
    struct bt_profile *profile;
    struct bt_symbols *symbols;
    struct trans trans;
    struct bt_trace *traces;      /* BT_TRACES_MAX */
    struct bt_site_owner *owners; /* BT_SITES */
};

/* What each vCPU has of its own, besides what translated code reads (struct translated). */
struct bt_own {
    struct bt_recorder recorder;
    struct bt_exit *from; /* the exit that was taken last, if a chain can start there */
    unsigned missed;      /* + 1: the site for which a superblock is to be made again */
    struct uop alone[2];  /* of the store that the slow path makes; vcpu->cur, if it escapes */
    u64 entered, filled, stored, interpreted;
};

static inline void bt_lock(struct bt *bt)
{
    if (bt->cache)
        pthread_mutex_lock(&bt->cache->lock);
}
static inline void bt_unlock(struct bt *bt)
{
    if (bt->cache)
        pthread_mutex_unlock(&bt->cache->lock);
}
/* Something was made, and code leads to it / what code has led to was made before. */
static inline void bt_publish(struct bt *bt)
{
    atomic_fetch_add_explicit(&bt->published, 1, memory_order_release);
}
static inline void bt_published(struct bt *bt)
{
    (void)atomic_load_explicit(&bt->published, memory_order_acquire);
}

/* The host register of a guest register, or -1: it lies in memory. So it is wherever translated code is entered and left; within
 * a translation ask bt_home_of(), and where no other register will do bt_pinned(). */
extern const i8 bt_home[UREG_COUNT];
static inline int bt_home_of(struct trans *t, unsigned g)
{
    t->uses[g]++;
    return t->home[g];
}
static inline unsigned bt_pinned(struct trans *t, unsigned g)
{
    t->pinned |= BIT(g);
    if (t->home[g] != bt_home[g])
        t->e.full = true; /* the plan was another: no superblock */
    return (unsigned)bt_home[g];
}

#define VCPU_AT(field)                                                                             \
    host_at(H_BP, (i32)offsetof(struct vcpu, field) - (i32)offsetof(struct vcpu, r))
static inline struct host_mem bt_slot(unsigned g)
{
    return host_at(H_BP, (i32)g * 8);
}

/* Where vcpu->t.jump has `rip`, if it has. */
static inline unsigned bt_jump_index(u64 rip)
{
    return ((u32)rip >> BT_JUMP_SHIFT ^ (u32)rip) % BT_JUMPS;
}

/* low.c */
void bt_low_init(void);
void bt_low_init_sse(void);
void bt_low_init_avx(void);
void bt_low_init_x87(void);
void bt_low_init_bmi(void);
void bt_low_init_mmx(void);
/* Fill pair[0] with a copy of u that is executed alone: its neighbour returns. Returns pair. */
const struct uop *bt_alone(struct uop *pair, const struct uop *u);
/* Is there a lowering for just this one? */
bool bt_is_lowered(const struct uop *u);
/* May it fault, miss or be left for the interpreter half-way? */
static inline bool bt_is_pure(const struct uop *u)
{
    return uop_table[u->op].reads & UF_PURE;
}

/* flags.c */
enum flag_fate {
    FLAGS_DEAD,  /* nobody looks */
    FLAGS_HOST,  /* only micro-ops close behind, which find them in EFLAGS */
    FLAGS_AGAIN, /* nobody but an unexpected end: bt_pending, from the result */
    FLAGS_SAVED, /* the same, from a saved operand */
    FLAGS_STORE, /* they go to vcpu->cc */
};
void bt_flags_init(void);
/* Guest registers written, as a mask; all if that is not known. */
u32 bt_defines(const struct uop *u);
void bt_flags_analyse(struct trans *t);
/* Before the present micro-op's host instruction: saves the destination where its fate wants that. */
void bt_flags_before(struct trans *t);
/* Behind it. The shape says which flags of EFLAGS are the guest's and what the others are. Clobbers RAX, and more as the
 * shape says. */
enum flag_shape {
    SHAPE_HOST,   /* all are the host's */
    SHAPE_LOGIC,  /* AF is 0 */
    SHAPE_SHIFT1, /* the same, after a shift by 1 */
    SHAPE_SHL,    /* OF = SF ^ CF, AF is 0; RCX and RDX are clobbered */
    SHAPE_SHR,    /* OF and AF are 0 */
    SHAPE_BITS,   /* OF, AF and PF are 0 */
    SHAPE_COUNT,  /* all but CF and ZF are 0 */
};
void bt_flags_after(struct trans *t, enum flag_shape shape);
void bt_flags_store(struct trans *t, enum flag_shape shape);
/* All of them are in vcpu->cc: nothing is put off, nothing of EFLAGS counts. */
static inline void bt_flags_are_stored(struct trans *t)
{
    t->host_flags = 0;
    t->n_pending = 0;
    t->exit_store = false;
}
enum flag_fate bt_fate(const struct trans *t);
/* Emit a test of a condition; returns the host's condition code that then tells it. */
unsigned bt_condition(struct trans *t, unsigned cond);
void bt_load_carry(struct trans *t);
void bt_replace_carry(struct trans *t);
void bt_recover_flags(struct vcpu *v, const struct bt_point *pt);

/* mem.c */
/* A point for the present micro-op; a jump to its stub is emitted on condition `cond` (< 0: always). */
u32 bt_point(struct trans *t, unsigned size, unsigned access);
void bt_slow_if(struct trans *t, int cond, u32 point);
/* The host operand of the micro-op's memory operand, checked for `access`. Uses RAX, RCX, RDX; RDX is free afterwards. */
struct host_mem bt_access(struct trans *t, unsigned size, unsigned access, bool fill);
struct host_mem bt_access_aligned(struct trans *t, unsigned size, unsigned access);
/* The entry of the TLB at offset RAX. */
struct host_mem bt_tlb_tag(const struct trans *t, unsigned access);
struct host_mem bt_tlb_addend(const struct trans *t);
/* Look the address in `reg` up: RAX becomes its entry's offset, or goes to `point`, or to where the jump leads that is
 * returned. Uses RDX. */
void bt_tlb_look_up(struct trans *t, int reg, unsigned size, unsigned access, u32 point);
u8 *bt_tlb_compare(struct trans *t, int reg, unsigned size, unsigned access);
/* Is its only operand at the stack pointer (LEAVE: at the frame pointer)? */
bool bt_is_stack(const struct uop *u);
struct host_mem bt_access_at(struct trans *t, int reg, unsigned size, unsigned access, u32 point);
bool bt_can_address(const struct uop *u);
/* The width of the arithmetic that gives the offset of the operand; then its segment's base is added to the offset in RCX,
 * if it has one, for an operand of `size` bytes. Clobbers RAX. */
unsigned bt_offset_size(const struct uop *u);
void bt_add_segment(struct trans *t, unsigned size);
/* The offset part alone, into `to` (LEA); 8 bytes. */
void bt_offset(struct trans *t, const struct uop *u, unsigned to, unsigned size);

/* Registers: the value of guest register g in a host register: its own, or `tmp`, loaded. */
int bt_use(struct trans *t, unsigned g, int tmp);
/* An operand of 1..8 bytes by its number in the micro-op (a byte offset for 1): never flags, but for AH and its like. */
int bt_use_operand(struct trans *t, unsigned n, unsigned size, int tmp);
static inline bool bt_is_high(unsigned n, unsigned size)
{
    return size == 1 && (n & 7) == 1;
}
static inline unsigned bt_gpr(unsigned n, unsigned size)
{
    return size == 1 ? n >> 3 : n;
}
/* Store host register `from` into an operand (not a high byte). Touches no flags. */
void bt_define(struct trans *t, unsigned n, unsigned size, int from);

/* lower_*.c: false: not lowered, the interpreter's routine is to be called. Nothing has been emitted then. */
bool bt_lower_int(struct trans *t, const struct low *l);
bool bt_lower_bmi(struct trans *t, const struct low *l);
bool bt_lower_flow(struct trans *t, const struct low *l);
bool bt_lower_sse(struct trans *t, const struct low *l);
void bt_lower_call(struct trans *t, bool leaves);
/* translate.c: is the micro-op a branch, the last of its block? */
bool bt_leaves_block(const struct uop *u);
void bt_exit_direct(struct trans *t, u64 rip);
/* A push of `size` bytes: the checked operand (in RAX, RCX); RDX is free. Then RCX becomes the stack pointer. */
struct host_mem bt_push_place(struct trans *t, unsigned size, bool fill);
void bt_set_sp(struct trans *t, unsigned size);
/* Does it write memory, if it has such an operand? */
bool bt_sse_stores(const struct low *l);
/* General registers written, as a mask. */
u32 bt_sse_defines(const struct uop *u);

/* lower_shift.c, lower_bits.c */
bool bt_shift_is_lowered(const struct uop *u, const struct low *l);
void bt_lower_shift(struct trans *t, const struct low *l);
void bt_lower_double_shift(struct trans *t, const struct low *l);
/* Is it a shift by CL? */
static inline bool bt_is_by_cl(const struct low *l)
{
    return (l->kind == LOW_SHIFT || l->kind == LOW_DSHIFT) &&
           (l->form == FORM_RC || l->form == FORM_MC);
}
bool bt_bits_is_lowered(const struct low *l);
void bt_lower_bit(struct trans *t, const struct low *l);
/* LOCK BTS, BTR, BTC: op 1, 2, 3. */
void bt_lower_locked_bit(struct trans *t, const struct low *l, unsigned op);
void bt_lower_bits(struct trans *t, const struct low *l);
/* CRC32, a helper to the interpreter. */
void bt_lower_crc32(struct trans *t, bool memory);

/* lower_avx.c */
bool bt_lower_avx(struct trans *t, const struct low *l);
bool bt_avx_is_lowered(const struct uop *u);
bool bt_avx_writes_gpr(const struct low *l);
bool bt_avx_stores(const struct low *l);
/* Bytes of the memory operand; 0: not all of them need be accessible. */
unsigned bt_avx_bytes(const struct uop *u);
bool bt_host_has_avx2(void);
bool bt_host_has_sha(void);

/* lower_gather.c */
bool bt_gather_is_lowered(const struct uop *u);
void bt_lower_gather(struct trans *t); /* the upper halves are loaded */

/* lower_x87.c */
bool bt_lower_x87(struct trans *t, const struct low *l);
bool bt_x87_is_lowered(const struct uop *u);
bool bt_x87_stores(const struct low *l);
/* Have the guest's x87 state in the host's unit. */
void bt_need_x87(struct trans *t);
/* The number of the last x87 instruction's note, if nothing says yet which that is; else 0. */
u32 bt_x87_note(struct trans *t);
/* Before the block is left or C is called: have the note in vcpu->t. Touches no flags. */
void bt_x87_flush(struct trans *t);
void bt_x87_recover(struct vcpu *v, const struct bt_point *pt);
/* Stubs: save_x87, if it is live, and reload_x87, if it has been; both clobber RAX, RCX, RDX. load_x87 is as load_xmm. */
void bt_make_x87(struct bt *bt, struct emitter *e);
void bt_make_load_x87(struct bt *bt, struct emitter *e);

/* lower_mmx.c */
bool bt_lower_mmx(struct trans *t, const struct low *l);
bool bt_mmx_is_lowered(const struct uop *u);
/* General registers written, as a mask. */
u32 bt_mmx_defines(const struct uop *u);

/* lower_string.c: UOP_STRING, UOP_REP_STRING; false: not lowered. */
bool bt_lower_string(struct trans *t);
bool bt_lower_rep_string(struct trans *t);

/* lower_sys.c: what bt_is_lowered() does not know of, since flags are as for a call. */
bool bt_lower_sys(struct trans *t);

/* shared.c: all under the lock. */
/* Is there room in a table of `max` for `more` besides `n`, in the half that is being filled? */
static inline bool bt_fits(const struct bt *bt, unsigned n, unsigned more, unsigned max)
{
    return n + more < (bt->region + 1) * (max / BT_REGIONS);
}
/* Room for one more translation by v; may begin a new region, in which case anything may have fallen. */
bool bt_make_room(struct vcpu *v);
/* The number of b's page as it is mapped now. 0: it has none. */
u32 bt_page_id(struct bt *bt, const struct block *b);
/* That of the page in which b ends, if it crosses; else 0. */
u32 bt_second_id(struct bt *bt, const struct block *b);
static inline u64 bt_second_page(const struct block *b)
{
    return (b->rip >> 12) + 1;
}
void bt_link(struct bt *bt, struct bt_exit *x, struct bt_block *to);
/* All that leads to the head leads to where it is entered now. */
void bt_redirect(struct bt_block *head);
extern const struct code_hooks bt_hooks;
/* bt with its tables; NULL: no memory. / Nobody uses it any more. */
struct bt *bt_shared_create(const struct bt_options *o, struct code_cache *cache);
void bt_shared_destroy(struct bt *bt);

/* translate.c */
struct bt_block *bt_translate(struct bt *bt, struct vcpu *v, struct block *b);
void bt_begin(struct bt *bt, struct vcpu *v, struct bt_block *bb);
void bt_add_block(struct trans *t, struct block *b);
void bt_add_uop(struct trans *t, const struct uop *u); /* of the block added last */
u8 *bt_finish(struct trans *t);

/* sites.c */
/* Is the present access to have a site? */
bool bt_deserves_site(const struct trans *t);
struct host_mem bt_access_at_site(struct trans *t, int reg, unsigned size, unsigned access,
                                  u32 point);
/* Out of line: the look-ups of accesses whose site did not know their page; those of windows. */
void bt_emit_missed(struct trans *t);
void bt_emit_windows(struct trans *t);
/* Which operands of a superblock are checked at its head. */
void bt_windows_plan(struct trans *t);
/* At the head: the checks of windows that stay where they are as long as it loops, or of the others. */
void bt_windows_check(struct trans *t, bool stay);
/* At the head: where its registers point into the register that holds it, if one does. Clobbers RCX, RDX. */
void bt_window_hold(struct trans *t, const struct bt_window *w);
/* If the present micro-op's operand has been checked there: the host register that holds where the window's registers point, for
 * bt_held_operand(), or H_AX, with the addend; else H_NONE. */
int bt_in_window(struct trans *t, unsigned size, unsigned access);
struct host_mem bt_held_operand(struct trans *t, int held);
/* Is its operand, in a window, all that micro-op i could be left for? */
bool bt_window_is_all(const struct trans *t, unsigned i);
/* vcpu->t.site[site] has used its credit. / Have the superblock made again where that took too little time; from the
 * dispatcher. vCPU's thread. */
void bt_site_missed(struct vcpu *v, unsigned site);
void bt_settle_missed(struct vcpu *v);

/* lend.c */
/* What the second emission of a loop shall do otherwise, by what the first one did. False: nothing. */
bool bt_lend_plan(struct trans *t);
/* That did not fit: without it. False: there was nothing. */
bool bt_lend_nothing(struct trans *t);
/* Windows are planned anew. */
void bt_lend_windows(struct trans *t);
/* At the entry, behind whatever may lead elsewhere: take what is lent. Where the superblock is left: give it back; touches
 * neither flags nor RAX, RCX, RDX. */
void bt_lend_begin(struct trans *t);
void bt_lend_end(struct trans *t);
/* Go to bt->slow for `point`, with everything given back. / Out of line: what that needs; and the ways back from there. */
void bt_emit_slow(struct trans *t, u32 point);
void bt_lend_slow(struct trans *t);
void bt_lend_resume(struct trans *t, unsigned first);
/* trace.c */
/* Make the superblock at `head` once more, which has one. */
void bt_remake(struct vcpu *v, struct bt_block *head);
/* The budget was used up at bb, as it is most often where most instructions are executed. */
void bt_sample(struct vcpu *v, struct bt_block *bb);
/* While something is recorded: b is going to be executed. False: nothing is any more. */
bool bt_record(struct vcpu *v, struct block *b);
/* A block of traces is not to be entered through them any more. Under the lock. */
void bt_traces_gone(struct bt *bt, struct bt_block *bb);
void bt_trace_gone(struct bt_trace *tr);
void bt_trace_entry(struct trans *t);
/* Forget what the sites know, as soon as an entry of the TLB was lost. */
void bt_clear_sites(struct vcpu *v);
/* Where the dispatcher, who has looked at everything, enters bb, and what is looked up by address; and below: where chains
 * lead. */
static inline u8 *bt_start_of(const struct bt_block *bb)
{
    const struct bt_trace *tr = atomic_load_explicit(&bb->trace, memory_order_acquire);

    return tr ? tr->code : bb->code + bb->past;
}
/* Where bb is entered. */
static inline u8 *bt_entry_of(const struct bt_block *bb)
{
    const struct bt_trace *tr = atomic_load_explicit(&bb->trace, memory_order_acquire);

    return tr ? tr->code : bb->code;
}
/* The number of the code page that may be entered at rip's page. */
static inline struct host_mem bt_page_slot(const struct trans *t, u64 rip)
{
    struct host_mem m = VCPU_AT(t.page_id);

    m.disp += (i32)((t->b->key & KEY_USER ? BT_PAGES : 0) + (rip >> 12) % BT_PAGES) * 4;
    return m;
}
bool bt_lower_within(struct trans *t, const struct low *l);
/* Which branches of a trace are guards; out of line: those that went elsewhere. */
void bt_guards_plan(struct trans *t);
void bt_emit_elsewhere(struct trans *t);
/* stubs.c */
/* Have the stub `load` called unless the byte `live` says that it was. */
void bt_need_live(struct trans *t, struct host_mem live, const u8 *load);
void bt_make_stubs(struct bt *bt);
/* What `enter` pushes, in this order; then RSP goes down by another 8. */
#define BT_SAVED 6
extern const u8 bt_saved[BT_SAVED];
/* code.c */
int bt_code_map(struct bt *bt, size_t size);
void bt_code_unmap(struct bt *bt);
static inline const void *bt_exec(const struct bt *bt, const u8 *at)
{
    return at + bt->to_exec;
}

/* What translated code returns to the dispatcher: kind in the low byte, a number above. */
enum { LEFT_LINK, LEFT_JUMP, LEFT_BUDGET, LEFT_TAKEN, LEFT_MISSED };
/* Called from stubs.c's code. */
u64 bt_slow_path(struct vcpu *v, u32 point);
/* An instruction that ends its block is done: where to go on if nobody need look and the dispatcher has been there before;
 * else NULL. */
const void *bt_next_code(struct vcpu *v);

#endif
