/* SPDX-License-Identifier: MIT */
/*
 * See forms.h. The rules come from the CPU model max (cpu/features.def) and the manual: an
 * extension that it does not announce is #UD; the hint space, which older CPUs execute as NOP, is
 * compared only where the host, which may announce more of it, does the same.
 */
#include <Zydis/Zydis.h>
#include <cpuid.h>

#include "tests/forms/forms.h"

static bool is_announced(const ZydisDecodedInstruction *z)
{
    if (z->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY &&
        z->encoding != ZYDIS_INSTRUCTION_ENCODING_VEX)
        return false;
    switch (z->meta.isa_ext) {
    case ZYDIS_ISA_EXT_AES:
    case ZYDIS_ISA_EXT_AVX:
    case ZYDIS_ISA_EXT_AVX2:
    case ZYDIS_ISA_EXT_AVX2GATHER:
    case ZYDIS_ISA_EXT_AVXAES:
    case ZYDIS_ISA_EXT_F16C:
    case ZYDIS_ISA_EXT_FMA:
    case ZYDIS_ISA_EXT_PCLMULQDQ:
    case ZYDIS_ISA_EXT_SHA:
    case ZYDIS_ISA_EXT_XSAVEC:
    case ZYDIS_ISA_EXT_XSAVEOPT: return true;
    case ZYDIS_ISA_EXT_BASE:
        return z->meta.isa_set != ZYDIS_ISA_SET_AMD || z->mnemonic == ZYDIS_MNEMONIC_SYSCALL ||
               z->mnemonic == ZYDIS_MNEMONIC_SYSRET;
    case ZYDIS_ISA_EXT_ADOX_ADCX:
    case ZYDIS_ISA_EXT_AMD3DNOW_PREFETCH:
    case ZYDIS_ISA_EXT_BMI1:
    case ZYDIS_ISA_EXT_BMI2:
    case ZYDIS_ISA_EXT_CLFSH:
    case ZYDIS_ISA_EXT_CLFLUSHOPT:
    case ZYDIS_ISA_EXT_CLWB:
    case ZYDIS_ISA_EXT_INVPCID:
    case ZYDIS_ISA_EXT_LONGMODE:
    case ZYDIS_ISA_EXT_LZCNT:
    case ZYDIS_ISA_EXT_MMX:
    case ZYDIS_ISA_EXT_MOVBE:
    case ZYDIS_ISA_EXT_PAUSE:
    case ZYDIS_ISA_EXT_PREFETCHWT1:
    case ZYDIS_ISA_EXT_PKU:
    case ZYDIS_ISA_EXT_RDPID:
    case ZYDIS_ISA_EXT_RDRAND:
    case ZYDIS_ISA_EXT_RDSEED:
    case ZYDIS_ISA_EXT_RDTSCP:
    case ZYDIS_ISA_EXT_RDWRFSGS:
    case ZYDIS_ISA_EXT_SMAP:
    case ZYDIS_ISA_EXT_SSE:
    case ZYDIS_ISA_EXT_SSE2:
    case ZYDIS_ISA_EXT_SSE3:
    case ZYDIS_ISA_EXT_SSE4:
    case ZYDIS_ISA_EXT_SSSE3:
    case ZYDIS_ISA_EXT_X87:
    case ZYDIS_ISA_EXT_XSAVE: return true;
    default: return false;
    }
}

/* Executed by CPUs that do not have them, as NOP. */
static bool is_older(const ZydisDecodedInstruction *z)
{
    if (z->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY || z->opcode_map != ZYDIS_OPCODE_MAP_0F)
        return false;
    return z->opcode >= 0x18 && z->opcode <= 0x1f;
}

/* Leaves the process, or shows what only this machine has: descriptors, time, identity. */
static enum form_expect asks_host(const ZydisDecodedInstruction *z)
{
    switch (z->mnemonic) {
    case ZYDIS_MNEMONIC_UD0:
    case ZYDIS_MNEMONIC_UD1:
    case ZYDIS_MNEMONIC_UD2: return FORM_UNDEFINED;
    case ZYDIS_MNEMONIC_CALL:
    case ZYDIS_MNEMONIC_JMP:
        return z->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR ? FORM_DEFINED : FORM_COMPARED;
    case ZYDIS_MNEMONIC_INT:
    case ZYDIS_MNEMONIC_INT1:
    case ZYDIS_MNEMONIC_INT3:
    case ZYDIS_MNEMONIC_INTO:
    case ZYDIS_MNEMONIC_SYSCALL:
    case ZYDIS_MNEMONIC_SYSENTER:
    case ZYDIS_MNEMONIC_SYSEXIT:
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
    case ZYDIS_MNEMONIC_IRETQ:
    case ZYDIS_MNEMONIC_RET:
        return z->mnemonic == ZYDIS_MNEMONIC_RET && z->meta.branch_type != ZYDIS_BRANCH_TYPE_FAR
                   ? FORM_COMPARED
                   : FORM_DEFINED;
    case ZYDIS_MNEMONIC_LDS:
    case ZYDIS_MNEMONIC_LES:
    case ZYDIS_MNEMONIC_LFS:
    case ZYDIS_MNEMONIC_LGS:
    case ZYDIS_MNEMONIC_LSS:
    case ZYDIS_MNEMONIC_SGDT:
    case ZYDIS_MNEMONIC_SIDT:
    case ZYDIS_MNEMONIC_SLDT:
    case ZYDIS_MNEMONIC_SMSW:
    case ZYDIS_MNEMONIC_STR:
    case ZYDIS_MNEMONIC_LAR:
    case ZYDIS_MNEMONIC_LSL:
    case ZYDIS_MNEMONIC_VERR:
    case ZYDIS_MNEMONIC_VERW:
    case ZYDIS_MNEMONIC_CPUID:
    case ZYDIS_MNEMONIC_RDTSC:
    case ZYDIS_MNEMONIC_RDTSCP:
    case ZYDIS_MNEMONIC_RDPID:
    case ZYDIS_MNEMONIC_RDPKRU:
    case ZYDIS_MNEMONIC_WRPKRU:
    case ZYDIS_MNEMONIC_RDPMC:
    case ZYDIS_MNEMONIC_RDRAND:
    case ZYDIS_MNEMONIC_RDSEED:
    case ZYDIS_MNEMONIC_XGETBV:
    case ZYDIS_MNEMONIC_XSAVE:
    case ZYDIS_MNEMONIC_XSAVE64:
    case ZYDIS_MNEMONIC_XSAVEC:
    case ZYDIS_MNEMONIC_XSAVEC64:
    case ZYDIS_MNEMONIC_XSAVEOPT:
    case ZYDIS_MNEMONIC_XSAVEOPT64:
    case ZYDIS_MNEMONIC_XRSTOR:
    case ZYDIS_MNEMONIC_XRSTOR64:
    case ZYDIS_MNEMONIC_FXSAVE:
    case ZYDIS_MNEMONIC_FXSAVE64: return FORM_DEFINED;
    case ZYDIS_MNEMONIC_MOV:
        return z->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && z->opcode == 0x8e ? FORM_DEFINED
                                                                              : FORM_COMPARED;
    case ZYDIS_MNEMONIC_POP:
        return z->opcode == 0x07 || z->opcode == 0x17 || z->opcode == 0x1f ||
                       z->opcode_map == ZYDIS_OPCODE_MAP_0F
                   ? FORM_DEFINED
                   : FORM_COMPARED;
    default: return FORM_COMPARED;
    }
}

/* A shift's count as far as the CPU looks at it, 64 if it is not known to be constant. */
static unsigned shift_count(const ZydisDecodedInstruction *z, const struct form_case *c)
{
    unsigned mask = z->raw.rex.W ? 63 : 31;

    if (z->opcode_map == ZYDIS_OPCODE_MAP_0F)
        return (z->opcode & 1 ? (unsigned)c->s.gpr[R_CX] : (unsigned)z->raw.imm[0].value.u) & mask;
    if (z->opcode >= 0xd2)
        return (unsigned)c->s.gpr[R_CX] & mask;
    return z->opcode >= 0xd0 ? 1 : (unsigned)z->raw.imm[0].value.u & mask;
}

static u32 undefined_flags(const ZydisDecodedInstruction *z, const struct form_case *c)
{
    u32 flags = z->cpu_flags ? z->cpu_flags->undefined : 0;
    unsigned count;

    switch (z->mnemonic) {
    case ZYDIS_MNEMONIC_SHL:
    case ZYDIS_MNEMONIC_SHR:
    case ZYDIS_MNEMONIC_SAR:
    case ZYDIS_MNEMONIC_SHLD:
    case ZYDIS_MNEMONIC_SHRD:
        count = shift_count(z, c);
        if (!count)
            return 0;
        flags = count == 1 ? FL_AF : FL_AF | FL_OF;
        return count >= z->operand_width ? flags | FL_CF : flags;
    case ZYDIS_MNEMONIC_ROL:
    case ZYDIS_MNEMONIC_ROR:
    case ZYDIS_MNEMONIC_RCL:
    case ZYDIS_MNEMONIC_RCR: return shift_count(z, c) <= 1 ? 0 : FL_OF;
    default: return flags;
    }
}

/* 16-bit double shifts by more than 16: the result is undefined. */
static bool is_undefined_shift(const ZydisDecodedInstruction *z, const struct form_case *c)
{
    return (z->mnemonic == ZYDIS_MNEMONIC_SHLD || z->mnemonic == ZYDIS_MNEMONIC_SHRD) &&
           z->operand_width == 16 && shift_count(z, c) > 16;
}

/* F2 and F3 are reserved there; AMD's CPUs let them choose between LOOPE and LOOPNE. */
static bool is_reserved_loop(const ZydisDecodedInstruction *z, const struct form_case *c)
{
    if (z->mnemonic != ZYDIS_MNEMONIC_LOOPE && z->mnemonic != ZYDIS_MNEMONIC_LOOPNE)
        return false;
    return memchr(c->bytes, 0xf2, z->length - 2u) || memchr(c->bytes, 0xf3, z->length - 2u);
}

/* The model is an AMD processor. Where another vendor's read the same bytes otherwise, such a host is no judge: an operand-size
 * prefix of near branches in 64-bit code, the register form of 0F 0D, BSWAP of 16 bits. */
static bool is_vendors_own(const ZydisDecodedInstruction *z, const struct form_case *c)
{
    static int host_is_amd = -1;
    u32 eax, ebx, ecx, edx;

    if (host_is_amd < 0) {
        __cpuid(0, eax, ebx, ecx, edx);
        host_is_amd = ebx == 0x68747541 || ebx == 0x6f677948; /* "Auth", "Hygo" */
    }
    if (host_is_amd || !(z->attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE))
        return !host_is_amd && z->opcode_map == ZYDIS_OPCODE_MAP_0F && z->opcode == 0x0d;
    return (!c->code32 && z->meta.branch_type != ZYDIS_BRANCH_TYPE_NONE) ||
           z->mnemonic == ZYDIS_MNEMONIC_BSWAP;
}

static bool is_inexact_x87(ZydisMnemonic m)
{
    switch (m) {
    case ZYDIS_MNEMONIC_F2XM1:
    case ZYDIS_MNEMONIC_FYL2X:
    case ZYDIS_MNEMONIC_FYL2XP1:
    case ZYDIS_MNEMONIC_FPTAN:
    case ZYDIS_MNEMONIC_FPATAN:
    case ZYDIS_MNEMONIC_FSIN:
    case ZYDIS_MNEMONIC_FCOS:
    case ZYDIS_MNEMONIC_FSINCOS: return true;
    default: return false;
    }
}

static bool is_inexact_sse(ZydisMnemonic m)
{
    return m == ZYDIS_MNEMONIC_RCPPS || m == ZYDIS_MNEMONIC_RCPSS || m == ZYDIS_MNEMONIC_RSQRTPS ||
           m == ZYDIS_MNEMONIC_RSQRTSS || m == ZYDIS_MNEMONIC_VRCPPS ||
           m == ZYDIS_MNEMONIC_VRCPSS || m == ZYDIS_MNEMONIC_VRSQRTPS ||
           m == ZYDIS_MNEMONIC_VRSQRTSS;
}

/* Where a fault comes after part of the work, which the manual does not rule out: x87 state
 * switched to MMX, ENTER's and PUSHA's frame below the stack pointer, POPA's registers. */
static bool faults_late(ZydisMnemonic m)
{
    switch (m) {
    case ZYDIS_MNEMONIC_CVTPI2PS:
    case ZYDIS_MNEMONIC_CVTPI2PD:
    case ZYDIS_MNEMONIC_CVTPS2PI:
    case ZYDIS_MNEMONIC_CVTPD2PI:
    case ZYDIS_MNEMONIC_CVTTPS2PI:
    case ZYDIS_MNEMONIC_CVTTPD2PI:
    case ZYDIS_MNEMONIC_MASKMOVQ:
    case ZYDIS_MNEMONIC_ENTER:
    case ZYDIS_MNEMONIC_PUSHA:
    case ZYDIS_MNEMONIC_PUSHAD:
    case ZYDIS_MNEMONIC_POPA:
    case ZYDIS_MNEMONIC_POPAD: return true;
    default: return false;
    }
}

/* Accessed in pieces: which of them faults first, and how, is the CPU's own business. */
static bool is_piecewise(ZydisMnemonic m)
{
    switch (m) {
    case ZYDIS_MNEMONIC_ENTER:
    case ZYDIS_MNEMONIC_CALL:
    case ZYDIS_MNEMONIC_POP:
    case ZYDIS_MNEMONIC_CMPSB:
    case ZYDIS_MNEMONIC_CMPSW:
    case ZYDIS_MNEMONIC_CMPSQ:
    case ZYDIS_MNEMONIC_MOVSB:
    case ZYDIS_MNEMONIC_MOVSW:
    case ZYDIS_MNEMONIC_MOVSQ:
    case ZYDIS_MNEMONIC_FBLD:
    case ZYDIS_MNEMONIC_FBSTP:
    case ZYDIS_MNEMONIC_FRSTOR:
    case ZYDIS_MNEMONIC_FNSAVE:
    case ZYDIS_MNEMONIC_FLDENV:
    case ZYDIS_MNEMONIC_FNSTENV:
    case ZYDIS_MNEMONIC_FXRSTOR:
    case ZYDIS_MNEMONIC_FXRSTOR64:
    case ZYDIS_MNEMONIC_MASKMOVQ:
    case ZYDIS_MNEMONIC_MASKMOVDQU:
    case ZYDIS_MNEMONIC_VMASKMOVDQU: return true;
    default: return false;
    }
}

/* Behind any prefixes: SYSCALL, SYSENTER, INT, VMMCALL and the like, whatever Zydis says of them.
 */
static bool is_dangerous(const u8 *b)
{
    static const u8 prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65};
    unsigned i = 0;

    while (i < 14 && (memchr(prefixes, b[i], sizeof(prefixes)) || (b[i] & 0xf0) == 0x40))
        i++;
    if (b[i] == 0xcd || b[i] == 0xce || b[i] == 0xcf || b[i] == 0x9a || b[i] == 0xea ||
        b[i] == 0xca || b[i] == 0xcb)
        return true;
    return b[i] == 0x0f && (b[i + 1] == 0x05 || b[i + 1] == 0x34 || b[i + 1] <= 0x01);
}

/* AVX-512's instructions on mask registers, which are VEX-encoded; Zydis knows some encodings not that hosts execute. */
static bool is_mask_insn(const u8 *b)
{
    while (*b == 0x26 || *b == 0x2e || *b == 0x36 || *b == 0x3e || (*b >= 0x64 && *b <= 0x67))
        b++;
    unsigned map = b[0] == 0xc5 ? 1 : b[1] & 31, opcode = b[0] == 0xc5 ? b[2] : b[3];

    if (b[0] != 0xc4 && b[0] != 0xc5)
        return false;
    return (map == 1 &&
            ((opcode >= 0x41 && opcode <= 0x4b) || (opcode >= 0x90 && opcode <= 0x99))) ||
           (map == 3 && opcode >= 0x30 && opcode <= 0x33);
}

/* VPERMQ and VPERMPD, which need W = 1, on AMD's processors take either. */
static bool is_permutation(const u8 *b)
{
    while (*b == 0x26 || *b == 0x2e || *b == 0x36 || *b == 0x3e || (*b >= 0x64 && *b <= 0x67))
        b++;
    return b[0] == 0xc4 && (b[1] & 31) == 3 && b[3] <= 1;
}

/* EVEX, XOP: newer than Zydis' tables, perhaps, and announced by no model. */
static bool is_vector(const struct form_case *c)
{
    static const u8 escapes[] = {0x62, 0x8f};

    return memchr(escapes, c->bytes[0], sizeof(escapes)) != NULL;
}

static const ZydisDecoder *decoder_of(bool code32)
{
    static ZydisDecoder decoders[2];
    static bool known;

    if (!known) {
        ZydisDecoderInit(&decoders[0], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
        ZydisDecoderInit(&decoders[1], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    }
    known = true;
    return &decoders[code32];
}

void form_classify(struct form_class *class, const struct form_case *c)
{
    ZydisDecodedInstruction decoded;
    const ZydisDecodedInstruction *z = &decoded;

    memset(class, 0, sizeof(*class));
    class->len = 15;
    class->may_wrap = c->code32;
    if (!ZYAN_SUCCESS(
            ZydisDecoderDecodeInstruction(decoder_of(c->code32), NULL, c->bytes, 15, &decoded))) {
        class->expect = is_dangerous(c->bytes) || is_vector(c)               ? FORM_SKIPPED
                        : is_mask_insn(c->bytes) || is_permutation(c->bytes) ? FORM_UNDEFINED
                                                                             : FORM_COMPARED;
        return;
    }
    class->mnemonic = z->mnemonic;
    class->len = z->length;
    if (is_older(z))
        class->expect = FORM_DEFINED;
    else if (!is_announced(z))
        class->expect = FORM_UNDEFINED;
    else
        class->expect = asks_host(z);
    if (class->expect == FORM_COMPARED &&
        (is_undefined_shift(z, c) || is_reserved_loop(z, c) || is_vendors_own(z, c)))
        class->expect = FORM_DEFINED;
    class->undefined_flags = undefined_flags(z, c);
    class->fault_shows = faults_late(z->mnemonic);
    class->misaligned_mxcsr = z->opcode_map == ZYDIS_OPCODE_MAP_0F && z->opcode == 0xae;
    class->piecewise =
        (z->opcode == 0xdb && z->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT) ||
        is_piecewise(z->mnemonic) ||
        ((z->opcode == 0xa5 || z->opcode == 0xa7) && z->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT);
    class->may_ignore = z->opcode == 0xf7 && z->opcode_map == ZYDIS_OPCODE_MAP_0F;
    class->no_ac = z->mnemonic == ZYDIS_MNEMONIC_ENTER ||
                   ((z->opcode == 0xd9 || z->opcode == 0xdd) && class->piecewise);
    class->offset_too =
        (z->attributes & (ZYDIS_ATTRIB_HAS_SEGMENT_FS | ZYDIS_ATTRIB_HAS_SEGMENT_GS)) &&
        !(z->attributes & ZYDIS_ATTRIB_HAS_MODRM);
    class->inexact_x87 = is_inexact_x87(z->mnemonic);
    class->inexact_sse = is_inexact_sse(z->mnemonic);
    class->repeats =
        (z->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)) ||
        z->meta.category == ZYDIS_CATEGORY_AVX2GATHER;
}
