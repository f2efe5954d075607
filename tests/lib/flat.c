/* SPDX-License-Identifier: MIT */
/*
 * See flat.h. The host run enters through a trampoline that loads all registers, RSP too, and
 * leaves through a signal on an alternate stack, whose context is the final state. The guest run
 * lifts blocks afresh each time and keeps nothing, so self-modifying tests need no cache to be
 * right.
 */
#include "tests/lib/flat.h"

#include <cpuid.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "bt/bt.h"
#include "cpu/block.h"
#include "cpu/decode.h"
#include "cpu/exec.h"
#include "cpu/fpu.h"
#include "cpu/lift.h"
#include "cpu/uops.h"
#include "mmu/physmem.h"
#include "replay/journal.h"

#define FLAGS_KEPT (FL_ARITH | FL_DF)

/* --- Host --------------------------------------------------------------------------------------
 */

/* Used by the trampoline under these names. */
struct flat_state flat_cpu __attribute__((used));
struct {
    u32 offset;
    u16 selector;
} __attribute__((packed)) flat_far __attribute__((used));
u64 flat_host_rsp __attribute__((used));
static sigjmp_buf flat_back;

void flat_enter(void) __attribute__((noreturn));
void flat_enter32(void) __attribute__((noreturn));

#define LOAD_ALL                                                                                   \
    "pushq flat_cpu+136(%rip)\n popfq\n"                                                           \
    "mov flat_cpu+0(%rip), %rax\n mov flat_cpu+8(%rip), %rcx\n mov flat_cpu+16(%rip), %rdx\n"      \
    "mov flat_cpu+24(%rip), %rbx\n mov flat_cpu+32(%rip), %rsp\n mov flat_cpu+40(%rip), %rbp\n"    \
    "mov flat_cpu+48(%rip), %rsi\n mov flat_cpu+56(%rip), %rdi\n mov flat_cpu+64(%rip), %r8\n"     \
    "mov flat_cpu+72(%rip), %r9\n mov flat_cpu+80(%rip), %r10\n mov flat_cpu+88(%rip), %r11\n"     \
    "mov flat_cpu+96(%rip), %r12\n mov flat_cpu+104(%rip), %r13\n mov flat_cpu+112(%rip), %r14\n"  \
    "mov flat_cpu+120(%rip), %r15\n"
_Static_assert(offsetof(struct flat_state, rip) == 128, "the trampoline knows the layout");
_Static_assert(offsetof(struct flat_state, flags) == 136, "the trampoline knows the layout");
__asm__(".text\n.globl flat_enter\n.type flat_enter, @function\nflat_enter:\n" LOAD_ALL
        "jmp *flat_cpu+128(%rip)\n"
        ".size flat_enter, .-flat_enter\n"
        ".globl flat_enter32\n.type flat_enter32, @function\nflat_enter32:\n"
        "mov $0x2b, %eax\n mov %eax, %ds\n mov %eax, %es\n" LOAD_ALL "ljmpl *flat_far(%rip)\n"
        ".size flat_enter32, .-flat_enter32\n");

static void on_signal(int sig, siginfo_t *info, void *context)
{
    static const int index[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                  REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15};
    const mcontext_t *m = &((ucontext_t *)context)->uc_mcontext;

    (void)sig;
    (void)info;
    /* AC would make this code fault; below the red zone. */
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushq $2\n\tpopfq\n\tlea 128(%%rsp), %%rsp" ::
                         : "memory", "cc");
    for (unsigned i = 0; i < 16; i++)
        flat_cpu.gpr[i] = (u64)m->gregs[index[i]];
    flat_cpu.rip = (u64)m->gregs[REG_RIP];
    flat_cpu.flags = (u64)m->gregs[REG_EFL];
    siglongjmp(flat_back, (int)m->gregs[REG_TRAPNO] + 1);
}

static const int signals[] = {SIGFPE, SIGSEGV, SIGILL, SIGBUS, SIGTRAP};

/* FRSTOR's image of the guest's state at the start: as after FNINIT, all registers being 0. */
static const u32 x87_start[27] = {FPU_CW_INIT, 0, 0xffff};

int flat_run_host(struct flat_state *s, bool code32)
{
    static u8 stack[65536] __attribute__((aligned(16)));
    struct sigaction sa = {.sa_sigaction = on_signal,
                           .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    struct sigaction old[ARRAY_SIZE(signals)];
    stack_t alt = {.ss_sp = stack, .ss_size = sizeof(stack)}, old_alt;
    int caught;

    flat_cpu = *s;
    flat_cpu.flags = (flat_cpu.flags & FLAGS_KEPT) | 0x202;
    flat_far.offset = (u32)s->rip;
    flat_far.selector = 0x23;
    sigaltstack(&alt, &old_alt);
    for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
        sigaction(signals[i], &sa, &old[i]);
    caught = sigsetjmp(flat_back, 0);
    if (!caught) {
        __asm__ volatile("frstor %0" : : "m"(x87_start));
        if (code32)
            flat_enter32();
        flat_enter();
    }
    __asm__ volatile("cld");
    for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
        sigaction(signals[i], &old[i], NULL);
    sigaltstack(&old_alt, NULL);
    *s = flat_cpu;
    s->flags &= FLAGS_KEPT;
    return caught - 1;
}

bool flat_host_has_code32(void)
{
    static const u8 code[] = {0x48, 0x40, 0x0f,
                              0x0b}; /* DEC EAX, INC EAX, UD2; in 64-bit code no UD2 after REX */
    struct flat_state s = {.rip = FLAT_CODE, .gpr = {[R_AX] = 0x100000000}};

    memcpy((void *)FLAT_CODE, code, sizeof(code));
    return flat_run_host(&s, true) == VEC_UD && s.rip == FLAT_CODE + 2;
}

cpu_features_t flat_host_features(void)
{
    static const struct {
        u32 leaf, sub;
        u8 reg, bit, feature;
    } rows[] = {
#define ANY 0
#define REG_EAX 0
#define REG_EBX 1
#define REG_ECX 2
#define REG_EDX 3
#define FEATURE(name, text, other, leaf, sub, reg, bit, since, needs)                              \
    {leaf, sub, REG_##reg, bit, FEAT_##name},
#include "cpu/features.def"
    };
    cpu_features_t features = cpu_feature_bit(FEAT_BASE);

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        u32 r[4] = {0};

        if (__get_cpuid_count(rows[i].leaf, rows[i].sub, &r[0], &r[1], &r[2], &r[3]) &&
            (r[rows[i].reg] >> rows[i].bit & 1))
            features |= cpu_feature_bit(rows[i].feature);
    }
    return features;
}

/* --- Guest -------------------------------------------------------------------------------------
 */

static struct vcpu *vcpu;
static struct physmem memory;
static struct io_space io;
static struct journal journal; /* time and entropy for RDTSC and RDRAND */
static struct cpu_model model; /* for what is no instruction: the width of addresses */
static const struct bt_options translator = {.size = 1 << 20};

static __attribute__((noreturn)) void escape(void *owner, enum mmu_escape why)
{
    struct vcpu *v = owner;
    struct exception e = {
        .vector = VEC_PF, .has_error = true, .cr2 = v->mmu.fault_gla, .error = v->mmu.fault_error};

    v->cur = v->mmu.where;
    if (why == MMU_ESCAPE_NONCANONICAL)
        e = (struct exception){.vector = v->cur->ss ? VEC_SS : VEC_GP, .has_error = true};
    else if (why == MMU_ESCAPE_ALIGN)
        e = (struct exception){.vector = VEC_AC, .has_error = true};
    vcpu_raise_exc(v, &e);
}

static void locate(void *owner, const void *where)
{
    (void)owner;
    (void)where;
}

/* The three descriptors of the user's segments as Linux has them, so that far jumps, LAR and the like find here what
 * they find on the host. Out of the way of all tests. */
#define GDT (FLAT_BASE + 0x3ff000)

static void make_gdt(void)
{
    u64 *gdt = (u64 *)GDT;

    gdt[0x20 / 8] = 0x00cffb000000ffff; /* 23: 32-bit code */
    gdt[0x28 / 8] = 0x00cff3000000ffff; /* 2B: data */
    gdt[0x30 / 8] = 0x00affb000000ffff; /* 33: 64-bit code */
}

bool flat_create(void)
{
    const size_t size = 0x400000;
    void *at = (void *)FLAT_BASE;

    if (vcpu)
        return true;
    if (mmap(at, size, PROT_READ | PROT_WRITE | PROT_EXEC,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != at)
        return false;
    memory.ram = NULL;
    memory.low = FLAT_BASE + size;
    io_space_create(&io);
    vcpu = aligned_alloc(64, (sizeof(*vcpu) + 63) & ~(size_t)63);
    if (!vcpu)
        return false;
    memset(vcpu, 0, sizeof(*vcpu));
    make_gdt();
    model = *cpu_model_find("max");
    model.features &= flat_host_features();
    journal_create(&journal, JOURNAL_LIVE, 1);
    vcpu->p.stream = journal_stream(&journal, 0);
    vcpu->model = &model;
    vcpu->mmu.escape = escape;
    vcpu->mmu.locate = locate;
    vcpu->mmu.owner = vcpu;
    return mmu_create(&vcpu->mmu, &vcpu->p, &memory, &io) == 0 && !bt_create(vcpu, &translator);
}

static void set_segment(struct segreg *s, u16 sel, u8 type, bool l)
{
    *s = (struct segreg){.sel = sel,
                         .usable = true,
                         .type = type,
                         .dpl = 3,
                         .l = l,
                         .db = !l,
                         .g = true,
                         .p = true,
                         .limit = 0xffffffff};
}

struct vcpu *flat_vcpu(void)
{
    return vcpu;
}

void flat_set_mode(bool code32)
{
    struct vcpu *v = vcpu;

    v->rflags = 2 | FL_IF;
    memset(&v->fpu, 0, sizeof(v->fpu));
    v->fpu.cw = 0x37f;
    v->fpu.mxcsr = 0x1f80;
    v->cr0 = CR0_PE | CR0_NE | CR0_MP | CR0_AM;
    v->mmu.align_check = false;
    v->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | CR4_FSGSBASE;
    v->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    v->efer = EFER_LMA | EFER_LME;
    v->cpl = 3;
    v->gdt = (struct dtable){.base = GDT, .limit = 0x3f};
    for (unsigned i = 0; i < SEG_COUNT; i++)
        set_segment(&v->seg[i], 0x2b, 0x13, false);
    /* FS and GS hold null selectors, as in a 64-bit process. */
    for (unsigned i = SEG_FS; i <= SEG_GS; i++) {
        v->seg[i].sel = 0;
        v->seg[i].usable = !code32;
    }
    set_segment(&v->seg[SEG_CS], code32 ? 0x23 : 0x33, 0x1b, !code32);
    v->key =
        (code32 ? CODE_32 : CODE_64) | KEY_SS32 | KEY_FLAT | KEY_FPU | KEY_SSE | KEY_AVX | KEY_PE;
    mmu_configure(&v->mmu, v->cr0, 0, v->cr4, v->efer);
    mmu_set_privilege(&v->mmu, true, false);
}

/* One block, or those that are kept, found by where they begin and how they were made. */
enum { KEPT_MAX = 128 };
static union room {
    struct block b; /* its micro-ops go beyond it */
    u8 room[sizeof(struct block) + BLOCK_UOPS_MAX * sizeof(struct uop)];
} rooms[KEPT_MAX];
static struct {
    u64 rip;
    u32 key;
    unsigned max_insns;
} kept[KEPT_MAX];
static unsigned n_kept;
static bool keeping;

void flat_keep_blocks(void)
{
    keeping = true;
    n_kept = 0;
}

static void raise_too_long(struct vcpu *v, const struct uop *u)
{
    (void)u;
    vcpu_raise_err(v, VEC_GP, 0);
}

/* The lifter of UD0, UD1 and UD2, which is in no header. */
void lift_ud(struct lift_state *l, const struct insn_row *row);

static flat_filter *filter;

void flat_set_filter(flat_filter *f)
{
    filter = f;
}

/* Lift one instruction, or what the filter makes of it. */
static void lift_filtered(struct lift_state *l)
{
    struct uop *from = l->out;
    const struct insn_row *row = filter ? lift_find(l) : NULL;
    enum flat_change change = FLAT_AS_IT_IS;

    lift_insn(l);
    if (!filter)
        return;
    if (from->op == UOP_UNDEFINED && row && row->lift != lift_ud)
        row = NULL;
    change = filter(row);
    if (change == FLAT_AS_IT_IS)
        return;
    l->out = from;
    l->end = false;
    if (change == FLAT_IS_UNDEFINED)
        lift_undefined(l);
    else
        lift_emit(l, UOP_NOP);
}

/* Lift a block at rip; code is read as it is now. */
static void build(struct vcpu *v, struct block *b, unsigned max_insns, cpu_features_t features)
{
    struct insn in;
    struct lift_state l = {.in = &in, .key = v->key, .features = features, .out = b->u};
    u64 rip = v->rip;
    unsigned n = 0;

    while (n < max_insns && n < BLOCK_INSNS_MAX && !l.end && l.out - b->u < BLOCK_UOPS_MAX - 17) {
        struct uop *from = l.out;
        u64 at = vcpu_is_code64(v) ? rip : (u32)(rip + v->seg[SEG_CS].base);
        int err = insn_decode(&in, v->key & KEY_CODE, (const u8 *)at, INSN_LEN_MAX);

        l.rip = rip;
        l.next_rip = rip + in.len;
        if (err == -E2BIG)
            lift_call_jump(&l, &(struct insn_row){.name = "too long"}, raise_too_long);
        else if (err)
            lift_undefined(&l);
        else
            lift_filtered(&l);
        for (; from < l.out; from++) {
            from->idx = (u8)n;
            from->ilen = in.len;
            from->rip_off = (u16)(rip - v->rip);
        }
        rip = l.next_rip;
        n++;
    }
    if (!l.end)
        l.out = lift_end(l.out, rip);
    b->rip = v->rip;
    b->key = v->key | (max_insns == 1 ? KEY_STEP : 0);
    b->n_insns = (u16)n;
    b->n_uops = (u16)(l.out - b->u);
    lift_finish(b->u, b->n_uops);
}

static struct block *find(struct vcpu *v, unsigned max_insns, cpu_features_t features)
{
    if (!keeping || n_kept == KEPT_MAX)
        n_kept = 0;
    for (unsigned i = 0; i < n_kept; i++)
        if (kept[i].rip == v->rip && kept[i].key == v->key && kept[i].max_insns == max_insns)
            return &rooms[i].b;
    kept[n_kept].rip = v->rip;
    kept[n_kept].key = v->key;
    kept[n_kept].max_insns = max_insns;
    build(v, &rooms[n_kept].b, max_insns, features);
    return &rooms[n_kept++].b;
}

static bool translating;

void flat_translate(bool on)
{
    translating = on;
}

int flat_execute(unsigned blocks, unsigned max_insns, cpu_features_t features)
{
    struct vcpu *v = vcpu;

    if (!setjmp(v->escape)) {
        for (unsigned i = 0; i < blocks; i++) {
            struct block *b = find(v, max_insns, features);

            if (translating && !v->mmu.align_check) {
                b->key &= ~(u32)KEY_STEP;
                b->key |= v->mmu.index == MMU_USER ? KEY_USER : 0;
                v->p.budget.left = 1u << 30;
                bt_run_alone(v, b);
                continue;
            }
            v->blk = b;
            b->u->fn(v, b->u);
        }
        return -1;
    }
    v->rip = vcpu_insn_rip(v, v->cur);
    return v->exc.vector;
}

int flat_run_guest(struct flat_state *s, bool code32, unsigned max_insns, cpu_features_t features)
{
    struct vcpu *v = vcpu;
    int vector;

    flat_set_mode(code32);
    memcpy(v->r, s->gpr, sizeof(s->gpr));
    v->r[UREG_ZERO] = 0;
    v->rip = s->rip;
    v->rflags |= s->flags & FL_DF;
    v->cc = cc_from_flags((u32)s->flags);
    v->p.budget.left = 1u << 30;
    vector = flat_execute(filter ? 65536 : ~0u, max_insns, features);
    memcpy(s->gpr, v->r, sizeof(s->gpr));
    s->rip = v->rip;
    s->flags = vcpu_flags(v) & FLAGS_KEPT;
    return vector;
}
