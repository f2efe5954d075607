/* SPDX-License-Identifier: MIT */
/*
 * The state of one virtual CPU: the architectural registers, in the form the engines want them, and the
 * run-time attachments (participant, MMU, local APIC, block cache).
 *
 * Arithmetic flags live in `cc` in the form the host's LAHF/SETO leave them (OF in bit 0, SF ZF AF PF CF in
 * bits 15..8); `rflags` holds all others. Use vcpu_flags()/vcpu_set_flags() for the architectural word.
 * Intel SDM vol. 1 §3.4, vol. 3 §2.
 */
#ifndef CPU_VCPU_H
#define CPU_VCPU_H

#include <setjmp.h>

#include "cpu/uop.h"
#include "mmu/mmu.h"
#include "src/base/types.h"
#include "trace/participant.h"

enum { R_AX, R_CX, R_DX, R_BX, R_SP, R_BP, R_SI, R_DI };

/* EFLAGS, SDM vol. 1 §3.4.3. */
enum {
    FL_CF = 1 << 0,
    FL_PF = 1 << 2,
    FL_AF = 1 << 4,
    FL_ZF = 1 << 6,
    FL_SF = 1 << 7,
    FL_TF = 1 << 8,
    FL_IF = 1 << 9,
    FL_DF = 1 << 10,
    FL_OF = 1 << 11,
    FL_IOPL = 3 << 12,
    FL_NT = 1 << 14,
    FL_RF = 1 << 16,
    FL_VM = 1 << 17,
    FL_AC = 1 << 18,
    FL_VIF = 1 << 19,
    FL_VIP = 1 << 20,
    FL_ID = 1 << 21,
    FL_ARITH = FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF,
};

/* The same flags as they sit in vcpu->cc. */
enum {
    CC_OF = 1 << 0,
    CC_CF = 1 << 8,
    CC_PF = 1 << 10,
    CC_AF = 1 << 12,
    CC_ZF = 1 << 14,
    CC_SF = 1 << 15
};

enum {
    CR0_PE = 1 << 0,
    CR0_MP = 1 << 1,
    CR0_EM = 1 << 2,
    CR0_TS = 1 << 3,
    CR0_ET = 1 << 4,
    CR0_NE = 1 << 5,
    CR0_WP = 1 << 16,
    CR0_AM = 1 << 18,
    CR0_NW = 1 << 29,
    CR0_CD = 1 << 30,
};
#define CR0_PG (1u << 31)
enum {
    CR4_VME = 1 << 0,
    CR4_PVI = 1 << 1,
    CR4_TSD = 1 << 2,
    CR4_DE = 1 << 3,
    CR4_PSE = 1 << 4,
    CR4_PAE = 1 << 5,
    CR4_MCE = 1 << 6,
    CR4_PGE = 1 << 7,
    CR4_PCE = 1 << 8,
    CR4_OSFXSR = 1 << 9,
    CR4_OSXMMEXCPT = 1 << 10,
    CR4_UMIP = 1 << 11,
    CR4_LA57 = 1 << 12,
    CR4_FSGSBASE = 1 << 16,
    CR4_PCIDE = 1 << 17,
    CR4_OSXSAVE = 1 << 18,
    CR4_SMEP = 1 << 20,
    CR4_SMAP = 1 << 21,
    CR4_PKE = 1 << 22,
};
enum { EFER_SCE = 1 << 0, EFER_LME = 1 << 8, EFER_LMA = 1 << 10, EFER_NXE = 1 << 11 };

enum vector {
    VEC_DE = 0,
    VEC_DB = 1,
    VEC_NMI = 2,
    VEC_BP = 3,
    VEC_OF = 4,
    VEC_BR = 5,
    VEC_UD = 6,
    VEC_NM = 7,
    VEC_DF = 8,
    VEC_TS = 10,
    VEC_NP = 11,
    VEC_SS = 12,
    VEC_GP = 13,
    VEC_PF = 14,
    VEC_MF = 16,
    VEC_AC = 17,
    VEC_MC = 18,
    VEC_XM = 19,
};

/* A segment register with its hidden part. */
struct segreg {
    u16 sel;
    bool usable; /* false: null selector loaded (or LDTR/TR never loaded) */
    u8 type; /* descriptor type, S bit in bit 4: 0x10 | type for code and data, type for system */
    u8 dpl;
    bool l, db, g, p, avl;
    u64 base;
    u32 limit; /* in bytes, granularity applied */
};

struct dtable {
    u64 base;
    u16 limit;
};

/* x87 register as the host's 80-bit memory format. */
struct f80 {
    u64 mant;
    u16 se;
} __attribute__((packed));

union xmm {
    u8 b[16];
    u16 w[8];
    u32 d[4];
    u64 q[2];
    i8 sb[16];
    i16 sw[8];
    i32 sd[4];
    i64 sq[2];
    float ps[4];
    double pd[2];
} __attribute__((aligned(16)));

struct fpu {
    struct f80 st[8]; /* physical registers; ST(i) is st[(top + i) & 7]; MMX MMi is st[i].mant */
    u8 top;
    u8 tag;     /* one bit each, set: register is not empty */
    u16 cw, sw; /* sw without TOP (kept in `top`) */
    u16 opcode; /* last non-control instruction: opcode, and pointers */
    u64 ip, dp;
    u16 cs, ds;
    bool ferr;          /* FERR# is asserted and was reported (fpu_pending) */
    union xmm xmm[16];  /* bits 127:0 of the vector registers */
    union xmm ymmh[16]; /* bits 255:128 */
    u32 mxcsr;
};

/* What the CPU does between instructions. */
enum cpu_activity { CPU_RUNNING, CPU_HALTED, CPU_WAIT_SIPI, CPU_SHUTDOWN, CPU_MWAIT };

/* Code mode, part of a block's key. */
enum code_mode { CODE_16, CODE_32, CODE_64 };

struct block;
struct code_view;
struct lapic;
struct cpu_model;
struct desc_cache;
struct machine;
struct vcpu_check;

/* Why the engine gave up an instruction (longjmp value of vcpu->escape). */
enum escape {
    ESCAPE_NONE,
    ESCAPE_EXCEPTION, /* vcpu->exc holds it; nothing of the instruction has taken effect */
    ESCAPE_MISS,      /* mmu.missing holds the object; abandoned, acquire and start over */
    ESCAPE_CAREFUL,   /* must be run alone: again, as a block of one instruction */
    ESCAPE_FROZEN, /* asserted FERR#: again, behind a boundary at which the interrupt can be taken */
};

struct exception {
    u8 vector;
    bool has_error;
    bool software; /* INT n, INT3, INTO: next rip is pushed, gate DPL is checked */
    bool icebp;    /* INT1: no DPL check */
    u32 error;
    u64 cr2; /* for #PF: becomes CR2 at delivery, not before */
    u64 dr6; /* for #DB: bits to set in DR6 */
};

#define BT_PAGES 512
#define BT_JUMPS 32768
#define BT_SITES 32768

/* Values of vcpu->t.xmm_live: lower halves; both. */
enum { LIVE_XMM = 1, LIVE_YMM = 3 };

/* What translated code keeps of its own (bt/). It is derived, all of it: nothing here is the guest's. */
struct translated {
    struct bt *bt;      /* all vCPUs' (bt/internal.h); NULL: blocks are interpreted */
    struct bt_own *own; /* this one's */
    u64 saved[4];       /* operands from which flags can be made again */
    u8 aside[3][32];    /* vector registers that a gather has put aside (bt/lower_gather.c) */
    u64 held[10];       /* what lent registers held of windows when a slow path began (bt/lend.c) */
    const void *target; /* of an indirect call that is under way */
    u32 host_mxcsr;     /* C's */
    u8 xmm_live __attribute__((aligned(
        2)));      /* the host's vector registers and MXCSR hold the guest's: LIVE_XMM, LIVE_YMM */
    bool x87_live; /* and the host's x87 unit does; behind xmm_live, to look at both at once */
    u32 x87_note;  /* which x87 instruction was the last; 0: fpu has it (bt/lower_x87.c) */
    i32 x87_ds;    /* where the selector of its operand is; 0: fpu has it */
    u8 x87_image[108] __attribute__((aligned(16))); /* as FNSAVE stores it */
    u64 generation
        [2];      /* of the MMU, for which what follows holds; by privilege, as in struct mmu */
    u32 jump_tag; /* of the entries of `jump` that hold now: mode and epoch */
    u32 jump_epoch[2];
    u32 page_id[2]
               [BT_PAGES]; /* by linear page: the code page that may be entered there (0: none) */
    struct {
        u64 lin;
        const void *code;
        const struct bt_block *to; /* whose `code` is */
        u32 tag;
    } __attribute__((aligned(32))) jump[BT_JUMPS]; /* by linear address: where its translation is */
    /* What an access of a hot path found in the soft TLB last: a grant like an entry there, and gone as soon as any entry
     * was lost (mmu.lost). limit: 4097 less the operand's size; 0: empty. */
    struct {
        u64 tag, limit, addend;
        i32 credit; /* misses, until it is looked how often there are some */
        u32 since;  /* icount at the last look, its low half */
    } __attribute__((aligned(32))) site[BT_SITES];
    u32 sites[BT_SITES]; /* those that are not empty */
    u32 n_sites;
    void (*run)(struct vcpu *v);
};

struct vcpu {
    struct participant p; /* first: a participant's owner is its vcpu */

    u64 r[UREG_COUNT]; /* r[UREG_ZERO] is always 0 */
    u64 rip;
    u32 cc;     /* arithmetic flags, host LAHF/SETO form */
    u32 rflags; /* all flags but the arithmetic ones; bit 1 set */
    struct segreg seg[SEG_TR + 1];
    struct dtable gdt, idt;
    u64 cr0, cr2, cr3, cr4, cr8, efer;
    u64 dr[4], dr6, dr7;
    u64 xcr0;
    u32 pkru; /* the MMU has a copy: set it by vcpu_set_pkru() */
    /* CR0.NE = 0 and an x87 fault is pending: raise FERR# (IRQ 13). May escape; called once for each time that the fault
     * becomes pending. NULL: nothing is connected. */
    void (*ferr)(struct vcpu *v);
    struct fpu fpu __attribute__((aligned(16)));

    /* MSRs with storage of their own (msr.def names them all). */
    u64 star, lstar, cstar, sfmask, kernel_gs_base, tsc_aux, pat, apic_base;
    u64 sysenter_cs, sysenter_esp, sysenter_eip;
    u64 mtrr_def_type, mtrr_fixed[11], mtrr_var[16];
    u64 tsc_offset; /* guest TSC = clock ticks + offset */
    u64 tsc_deadline;
    u64 tsc_adjust, debugctl, mcg_status, mcg_ctl, mc_ctl[4];
    u64 hwcr, syscfg, top_mem, top_mem2, nb_cfg, de_cfg, ls_cfg, ic_cfg, dc_cfg,
        bu_cfg;  /* AMD's C001_xxxx */
    u64 perf[8]; /* event selectors, counters */

    u32 key;       /* KEY_* bits (cpu/block.h) of the present mode */
    u32 block_max; /* instructions of a block, at most; 0: BLOCK_INSNS_MAX. Set before the vCPU runs */
    u8 cpl;
    u64 seen[4]; /* CR0, CR3, CR4, EFER as the MMU was last told (cpu/mode.c) */
    u8 taken;    /* how the block was left: 0 fallthrough, 1 direct branch taken, 2 anything else */
    bool shadow; /* interrupt shadow: STI or MOV SS was the last instruction */
    bool shadow_ss; /* the shadow stems from MOV/POP SS: also holds #DB and NMI off */
    u64 sti_at; /* icount behind the last STI that set IF and did not set `shadow`: there it is in force (vcpu_settle_shadow()) */
    bool nmi_blocked; /* until IRET */
    bool nmi_pending;
    bool init_pending, sipi_pending;
    u8 sipi_vector;
    u8 activity;    /* enum cpu_activity */
    u64 pending_db; /* DR6 bits of traps owed at this boundary */
    bool step_tf;   /* TF was set when the present instruction began (cpu/debug.c) */
    bool
        rf_loaded; /* RF stays: the present instruction loaded it (IRET, task switch), or is a REP that goes on */
    bool
        fault_pending; /* `fault` has to be delivered at this boundary (a task switch ended in it; cpu/vme.c) */
    struct exception fault;
    u64 monitor_gpa;  /* armed MONITOR line, ~0: none */
    bool monitor_hit; /* it was written since (or may have been); under p.lock while parked */
    bool mwait_break; /* MWAIT: interrupts wake though IF is clear */

    struct exception exc;
    const struct uop *cur; /* the micro-op that is in a helper or a slow path */
    struct block *blk;     /* the block being executed; its entry position is p.position */
    bool careful;          /* one instruction is run alone, the boundary after it is certain */
    jmp_buf escape;

    /* The run loop's own (cpu/run.c, cpu/events.c). */
    bool single;      /* the next instruction is run alone, before anything else happens */
    bool need_single; /* the budget does not cover the next block */
    bool intr_waits;  /* an interrupt or NMI is pending that could not be delivered */
    bool paused;      /* PAUSE was executed: give way */
    bool ended;       /* replay: the log goes no further */
    bool stopped;     /* replay: the recorded end was reached */
    _Atomic bool want_flush;
    u32 pauses;
    u64 code_base; /* CS as the links between blocks believe it */
    u32 code_limit;
    u64 token_since, digest_at, accounted, accounted_waits;
    u64 known_deadline;
    u64 timer_at; /* position + 1 at which the local APIC's timer expired last */
    u64 stat_boundaries, stat_interrupts;
    struct vcpu_env *env;
    struct vcpu_check *check; /* debugging: cpu/check.c; NULL: off */

    struct code_view *code;
    struct lapic *lapic;
    const struct cpu_model *model;
    struct desc_cache *desc;
    struct machine *machine;
    unsigned id;         /* vCPU number = initial APIC id */
    unsigned cpu_count;  /* vCPUs in the machine, for CPUID */
    struct mmu mmu;      /* large: registers should have short offsets */
    struct translated t; /* last */
};

static inline bool vcpu_is_pe(const struct vcpu *v)
{
    return v->cr0 & CR0_PE;
}
static inline bool vcpu_is_lma(const struct vcpu *v)
{
    return v->efer & EFER_LMA;
}
static inline bool vcpu_is_v86(const struct vcpu *v)
{
    return v->rflags & FL_VM;
}
static inline bool vcpu_is_code64(const struct vcpu *v)
{
    return (v->efer & EFER_LMA) && v->seg[SEG_CS].l;
}

/* Does a name a place in the present mode (48 or 57 bits)? */
static inline bool vcpu_is_canonical(const struct vcpu *v, gla_t a)
{
    return mmu_is_canonical(&v->mmu, a);
}

static inline void vcpu_set_pkru(struct vcpu *v, u32 pkru)
{
    v->pkru = pkru;
    mmu_set_pkru(&v->mmu, pkru);
}

/* Arithmetic flags between their two forms. */
static inline u32 cc_to_flags(u32 cc)
{
    return ((cc >> 8) & 0xd5) | (cc & 1) << 11;
}
static inline u32 cc_from_flags(u32 fl)
{
    return (fl & 0xd5) << 8 | ((fl >> 11) & 1);
}

/* EFLAGS/RFLAGS as the guest would PUSHF them (RF, VM included). */
static inline u32 vcpu_flags(const struct vcpu *v)
{
    return v->rflags | cc_to_flags(v->cc) | 2;
}

/* Set the whole word, unchecked. The caller ends the block where IF, TF, RF, VM, AC can change. */
static inline void vcpu_set_flags(struct vcpu *v, u32 fl)
{
    v->cc = cc_from_flags(fl);
    v->rflags = (fl & ~(u32)FL_ARITH) | 2;
    if (v->p.dir)
        mmu_set_privilege(&v->mmu, v->cpl == 3, v->rflags & FL_AC);
}

/* The address of 8-bit register operand `off` (byte offset into r[]). */
static inline u8 *vcpu_reg8(struct vcpu *v, unsigned off)
{
    return (u8 *)v->r + off;
}

/* CS-relative address of the instruction of `u`, and of the one after it (cut to the code size). */
u64 vcpu_insn_rip(const struct vcpu *v, const struct uop *u);
u64 vcpu_next_rip(const struct vcpu *v, const struct uop *u);
/* The vCPU's icount before the instruction of `u`. */
u64 vcpu_insn_position(const struct vcpu *v, const struct uop *u);

/* Raise an exception: the instruction has no effect. Never return. vCPU's own thread, inside an instruction. */
_Noreturn void vcpu_raise(struct vcpu *v, enum vector vec);
_Noreturn void vcpu_raise_err(struct vcpu *v, enum vector vec, u32 error);
_Noreturn void vcpu_raise_exc(struct vcpu *v, const struct exception *e);

/* Recompute what is derived from CR0, CR4, EFER, CPL, CS, SS, RFLAGS.AC (code mode, MMU mode, flatness): call
 * after any change of them, before the block ends. */
void vcpu_update_mode(struct vcpu *v);

/* Power-on/RESET (SDM vol. 3 table 9-1) and INIT. BSP: vCPU 0. */
void vcpu_reset(struct vcpu *v, bool bsp);
void vcpu_init_signal(struct vcpu *v);

#endif
