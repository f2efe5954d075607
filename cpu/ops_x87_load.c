/* SPDX-License-Identifier: MIT */
/*
 * x87 loads, stores, constants and the moves inside the register stack.
 *
 * Loads and integer stores are exact or simple roundings and done with integers; FST to single and
 * double rounds on the host. A store whose unmasked exception forbids the result (IE; OE and UE
 * too, since memory cannot hold a scaled result) writes nothing and does not pop, but memory must
 * be writable all the same, because the address is checked first. FBLD takes digits above 9 at
 * their weight. Intel SDM vol. 2; vol. 1 §4.7, §8.5.
 */
#include "cpu/uops.h"
#include "cpu/x87.h"

/* --- Loads ------------------------------------------------------------------------------------ */

/* Push a loaded value with its conversion flags (DE). A signalling NaN of `converted` formats is
 * quieted. */
static void push(struct vcpu *v, struct f80 value, unsigned flags, bool converted)
{
    if (!x87_is_empty(v, 7)) {
        flags = X87_OVERFLOW;
        value = f80_indefinite();
    } else if (converted && f80_classify(value) == F80_SNAN) {
        flags = SW_IE;
        value = f80_quiet(value);
    }
    /* A denormal is loaded even if DE is unmasked. */
    if (x87_raise(v, flags) || flags == SW_DE)
        x87_push(v, value);
}

/* The address of an operand that the typed accessors do not check for alignment: one of ten bytes,
 * or one that an unmasked exception keeps from being stored. */
static gla_t aligned_address(struct vcpu *v, const struct uop *u, unsigned size, unsigned align,
                             enum mmu_access access)
{
    gla_t a = vcpu_address(v, u, size, access);

    mmu_check_alignment(&v->mmu, a, size, align, u);
    return a;
}

void uop_x87_fld_m32(struct vcpu *v, const struct uop *u)
{
    unsigned flags = 0;

    x87_begin(v, u);
    u64 raw = mmu_read(&v->mmu, vcpu_address(v, u, 4, MMU_READ), 4, u);
    x87_note_mem(v, u);
    struct f80 a = f80_from_f32((u32)raw, &flags);
    push(v, a, flags, true);
    uop_next(v, u);
}

void uop_x87_fld_m64(struct vcpu *v, const struct uop *u)
{
    unsigned flags = 0;

    x87_begin(v, u);
    u64 raw = mmu_read(&v->mmu, vcpu_address(v, u, 8, MMU_READ), 8, u);
    x87_note_mem(v, u);
    struct f80 a = f80_from_f64(raw, &flags);
    push(v, a, flags, true);
    uop_next(v, u);
}

void uop_x87_fld_m80(struct vcpu *v, const struct uop *u)
{
    struct f80 a;

    x87_begin(v, u);
    mmu_read_bytes(&v->mmu, aligned_address(v, u, 10, 8, MMU_READ), &a, 10, u);
    x87_note_mem(v, u);
    push(v, a, 0, false);
    uop_next(v, u);
}

static inline void load_int(struct vcpu *v, const struct uop *u, unsigned size)
{
    x87_begin(v, u);
    u64 raw = mmu_read(&v->mmu, vcpu_address(v, u, size, MMU_READ), size, u);
    x87_note_mem(v, u);
    push(v, f80_from_int((i64)sext64(raw, size * 8)), 0, false);
}

void uop_x87_fild_i16(struct vcpu *v, const struct uop *u)
{
    load_int(v, u, 2);
    uop_next(v, u);
}

void uop_x87_fild_i32(struct vcpu *v, const struct uop *u)
{
    load_int(v, u, 4);
    uop_next(v, u);
}

void uop_x87_fild_i64(struct vcpu *v, const struct uop *u)
{
    load_int(v, u, 8);
    uop_next(v, u);
}

void uop_x87_fbld(struct vcpu *v, const struct uop *u)
{
    u8 digits[10];
    u64 value = 0;

    x87_begin(v, u);
    mmu_read_bytes(&v->mmu, aligned_address(v, u, 10, 8, MMU_READ), digits, 10, u);
    x87_note_mem(v, u);
    for (unsigned i = 9; i-- > 0;)
        value = value * 100 + (digits[i] >> 4) * 10 + (digits[i] & 15);
    struct f80 a = f80_from_int((i64)value);
    a.se |= (digits[9] & 0x80) << 8;
    push(v, a, 0, false);
    uop_next(v, u);
}

void uop_x87_fld_sti(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    x87_note(v, u);
    if (x87_is_empty(v, u->src)) {
        if (x87_raise(v, X87_UNDERFLOW))
            x87_push(v, f80_indefinite());
    } else {
        push(v, *x87_st(v, u->src), 0, false);
    }
    uop_next(v, u);
}

/* FLD1 FLDL2T FLDL2E FLDPI FLDLG2 FLDLN2 FLDZ, in opcode order: the value cut to 64 bits, and where
 * the nearest lies. Rounding control applies, inexactness is not reported. */
static const struct {
    struct f80 cut;
    bool inexact, nearest_up;
} constants[8] = {
    {{F80_INTEGER_BIT, 0x3fff}, false, false},
    {{0xd49a784bcd1b8afe, 0x4000}, true, false},
    {{0xb8aa3b295c17f0bb, 0x3fff}, true, true},
    {{0xc90fdaa22168c234, 0x4000}, true, true},
    {{0x9a209a84fbcff798, 0x3ffd}, true, true},
    {{0xb17217f7d1cf79ab, 0x3ffe}, true, true},
    {{0, 0}, false, false},
};

void uop_x87_fldconst(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    x87_note(v, u);
    struct f80 a = constants[u->src].cut;
    enum f80_rounding rc = x87_rc(v);
    if (constants[u->src].inexact &&
        (rc == RC_UP || (rc == RC_NEAREST && constants[u->src].nearest_up)))
        a.mant++;
    push(v, a, 0, false);
    uop_next(v, u);
}

/* --- Stores ----------------------------------------------------------------------------------- */

/* The end of every store: `value` goes to memory unless an unmasked exception out of `fatal` is
 * among the flags; then pop. */
static void store(struct vcpu *v, const struct uop *u, unsigned size, u64 value, unsigned flags,
                  unsigned fatal, bool pop)
{
    gla_t a = aligned_address(v, u, size, size, MMU_WRITE);

    if (flags & ~(unsigned)v->fpu.cw & fatal) {
        mmu_probe(&v->mmu, a, size, MMU_WRITE, u);
        pop = false;
    } else {
        mmu_write(&v->mmu, a, size, value, u);
    }
    x87_note_mem(v, u);
    x87_raise(v, flags);
    if (pop)
        x87_pop(v);
}

static inline void store_real(struct vcpu *v, const struct uop *u, unsigned size, bool pop)
{
    u64 value = size == 4 ? 0xffc00000u : 0xfff8000000000000u;
    unsigned flags = X87_UNDERFLOW;

    x87_begin(v, u);
    if (!x87_is_empty(v, 0))
        flags = x87_host_store(&value, x87_st(v, 0), size, &v->fpu);
    store(v, u, size, value, flags, SW_IE | SW_OE | SW_UE, pop);
}

void uop_x87_fst_m32(struct vcpu *v, const struct uop *u)
{
    store_real(v, u, 4, false);
    uop_next(v, u);
}

void uop_x87_fstp_m32(struct vcpu *v, const struct uop *u)
{
    store_real(v, u, 4, true);
    uop_next(v, u);
}

void uop_x87_fst_m64(struct vcpu *v, const struct uop *u)
{
    store_real(v, u, 8, false);
    uop_next(v, u);
}

void uop_x87_fstp_m64(struct vcpu *v, const struct uop *u)
{
    store_real(v, u, 8, true);
    uop_next(v, u);
}

/* Ten bytes, as FSTP m80 and FBSTP store them. */
static void store10(struct vcpu *v, const struct uop *u, const void *value, unsigned flags)
{
    gla_t a = aligned_address(v, u, 10, 8, MMU_WRITE);
    bool fault = flags & ~(unsigned)v->fpu.cw & SW_IE;

    if (fault)
        mmu_probe(&v->mmu, a, 10, MMU_WRITE, u);
    else
        mmu_write_bytes(&v->mmu, a, value, 10, u);
    x87_note_mem(v, u);
    x87_raise(v, flags);
    if (!fault)
        x87_pop(v);
}

void uop_x87_fstp_m80(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    bool empty = x87_is_empty(v, 0);
    struct f80 a = empty ? f80_indefinite() : *x87_st(v, 0);
    store10(v, u, &a, empty ? X87_UNDERFLOW : 0);
    uop_next(v, u);
}

/* ST(0) as a signed integer of `size` bytes; the integer indefinite with SW_IE where it does not
 * fit. */
static u64 to_integer(struct vcpu *v, unsigned size, enum f80_rounding rc, unsigned *flags)
{
    u64 limit = 1ull << (size * 8 - 1);
    struct f80 a = *x87_st(v, 0);

    if (x87_is_empty(v, 0)) {
        *flags = X87_UNDERFLOW;
        return limit;
    }
    u64 magnitude = f80_to_magnitude(a, rc, flags);
    if ((*flags & SW_IE) || magnitude > limit - !f80_sign(a)) {
        *flags = SW_IE;
        return limit;
    }
    return f80_sign(a) ? -magnitude : magnitude;
}

static inline void store_int(struct vcpu *v, const struct uop *u, unsigned size, bool truncate,
                             bool pop)
{
    unsigned flags = 0;

    x87_begin(v, u);
    u64 value = to_integer(v, size, truncate ? RC_ZERO : x87_rc(v), &flags);
    store(v, u, size, value, flags, SW_IE, pop);
}

void uop_x87_fist_i16(struct vcpu *v, const struct uop *u)
{
    store_int(v, u, 2, false, false);
    uop_next(v, u);
}

void uop_x87_fistp_i16(struct vcpu *v, const struct uop *u)
{
    store_int(v, u, 2, false, true);
    uop_next(v, u);
}

void uop_x87_fist_i32(struct vcpu *v, const struct uop *u)
{
    store_int(v, u, 4, false, false);
    uop_next(v, u);
}

void uop_x87_fistp_i32(struct vcpu *v, const struct uop *u)
{
    store_int(v, u, 4, false, true);
    uop_next(v, u);
}

void uop_x87_fistp_i64(struct vcpu *v, const struct uop *u)
{
    store_int(v, u, 8, false, true);
    uop_next(v, u);
}

void uop_x87_fisttp_i16(struct vcpu *v, const struct uop *u)
{
    store_int(v, u, 2, true, true);
    uop_next(v, u);
}

void uop_x87_fisttp_i32(struct vcpu *v, const struct uop *u)
{
    store_int(v, u, 4, true, true);
    uop_next(v, u);
}

void uop_x87_fisttp_i64(struct vcpu *v, const struct uop *u)
{
    store_int(v, u, 8, true, true);
    uop_next(v, u);
}

void uop_x87_fbstp(struct vcpu *v, const struct uop *u)
{
    u8 digits[10];
    unsigned flags = 0;
    u64 m = 0;

    x87_begin(v, u);
    struct f80 a = *x87_st(v, 0);
    if (x87_is_empty(v, 0))
        flags = X87_UNDERFLOW;
    else
        m = f80_to_magnitude(a, x87_rc(v), &flags);
    if (m > 999999999999999999u)
        flags = SW_IE;
    for (unsigned i = 0; i < 9; i++, m /= 100)
        digits[i] = (u8)(m / 10 % 10 << 4 | m % 10);
    digits[9] = f80_sign(a) ? 0x80 : 0;
    if (flags & SW_IE) {
        static const u8 indefinite[10] = {0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff};
        memcpy(digits, indefinite, sizeof(digits));
    }
    store10(v, u, digits, flags);
    uop_next(v, u);
}

/* --- Inside the stack ------------------------------------------------------------------------- */

static inline void store_sti(struct vcpu *v, const struct uop *u, bool pop)
{
    x87_begin(v, u);
    x87_note(v, u);
    bool empty = x87_is_empty(v, 0);
    struct f80 a = empty ? f80_indefinite() : *x87_st(v, 0);
    if (!x87_raise(v, empty ? X87_UNDERFLOW : 0))
        return;
    x87_set(v, u->src, a);
    if (pop)
        x87_pop(v);
}

void uop_x87_fst_sti(struct vcpu *v, const struct uop *u)
{
    store_sti(v, u, false);
    uop_next(v, u);
}

void uop_x87_fstp_sti(struct vcpu *v, const struct uop *u)
{
    store_sti(v, u, true);
    uop_next(v, u);
}

/* D9 D8+i: FSTP that does not mind an empty register, and then copies nothing. */
void uop_x87_fstpnce(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    x87_note(v, u);
    x87_raise(v, 0);
    if (!x87_is_empty(v, 0))
        x87_set(v, u->src, *x87_st(v, 0));
    x87_pop(v);
    uop_next(v, u);
}

void uop_x87_fxch(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    x87_note(v, u);
    bool empty0 = x87_is_empty(v, 0), empty1 = x87_is_empty(v, u->src);
    struct f80 a = empty0 ? f80_indefinite() : *x87_st(v, 0);
    struct f80 b = empty1 ? f80_indefinite() : *x87_st(v, u->src);
    if (x87_raise(v, empty0 || empty1 ? X87_UNDERFLOW : 0)) {
        x87_set(v, 0, b);
        x87_set(v, u->src, a);
    }
    uop_next(v, u);
}

/* FCMOVcc. The stack is checked whether it moves or not; without a fault C1 stays. */
void uop_x87_fcmov(struct vcpu *v, const struct uop *u)
{
    static const u16 conditions[4] = {CC_CF, CC_ZF, CC_CF | CC_ZF, CC_PF};

    x87_begin(v, u);
    x87_note(v, u);
    bool set = v->cc & conditions[u->aux & 3];
    bool negated = u->imm & 0x100; /* DB, not DA */
    if (x87_is_empty(v, 0) || x87_is_empty(v, u->src)) {
        if (x87_raise(v, X87_UNDERFLOW))
            x87_set(v, 0, f80_indefinite());
    } else if (set != negated) {
        x87_set(v, 0, *x87_st(v, u->src));
    }
    uop_next(v, u);
}

void uop_x87_ffree(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    x87_note(v, u);
    x87_free(v, u->src);
    v->fpu.sw &= ~SW_C1;
    uop_next(v, u);
}

void uop_x87_ffreep(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    x87_note(v, u);
    x87_free(v, u->src);
    x87_pop(v);
    v->fpu.sw &= ~SW_C1;
    uop_next(v, u);
}

void uop_x87_fincstp(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    x87_note(v, u);
    v->fpu.top = (v->fpu.top + 1) & 7;
    v->fpu.sw &= ~SW_C1;
    uop_next(v, u);
}

void uop_x87_fdecstp(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    x87_note(v, u);
    v->fpu.top = (v->fpu.top - 1) & 7;
    v->fpu.sw &= ~SW_C1;
    uop_next(v, u);
}

void uop_x87_fnop(struct vcpu *v, const struct uop *u)
{
    x87_begin(v, u);
    x87_note(v, u);
    uop_next(v, u);
}
