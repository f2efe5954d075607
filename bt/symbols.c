/* SPDX-License-Identifier: MIT */
/*
 * Names of translated code for perf and GDB: "guest:ADDRESS" for blocks, "bt:slow" and its like for the code made once.
 *
 * perf reads /tmp/perf-PID.map when it reports: a line "address size name" for each piece, in hexadecimal. Lines are only
 * ever added; where room was used again, the later line for an address is the one that holds.
 *
 * GDB's JIT interface: it finds object files in our memory by a list, and reads the list when it attaches and when
 * __jit_debug_register_code() is called, where it has a breakpoint. One object file is a batch of blocks that lie one
 * behind the other. It grows in place, so who attaches sees every block up to that moment; it is announced anew when it
 * has 1, 8, 64 and 512, so a GDB that is there already learns of most. It has a section .debug_frame that tells how `enter`
 * saved the registers of C (bt/stubs.c), so a backtrace goes through translated code to who called it.
 * DWARF 5 §6.4 (frames), System V ABI ch. 4 (object files), GDB manual, "JIT Compilation Interface".
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "bt/watch.h"

/* ---- Pieces of bt/stubs.c --------------------------------------------------------------------------------------------- */

/* What the stack looks like while it runs. */
enum frame {
    FRAME_NONE,    /* it changes */
    FRAME_BLOCK,   /* as in a block */
    FRAME_CALLED,  /* a return address into a block above it */
    FRAME_ALIGNED, /* the same, and 8 bytes more */
};

struct stub {
    const u8 *at;
    const char *name;
    enum frame frame;
};

#define STUBS 14
static void list_stubs(const struct bt *bt, struct stub *s)
{
    const struct stub all[STUBS] = {
        {bt->save_xmm, "bt:save_xmm", FRAME_CALLED},
        {bt->save_x87, "bt:save_x87", FRAME_CALLED},
        {bt->reload_x87, "bt:reload_x87", FRAME_CALLED},
        {bt->save, "bt:save", FRAME_CALLED},
        {bt->enter, "bt:enter", FRAME_NONE},
        {bt->leave, "bt:leave", FRAME_BLOCK},
        {bt->leave_saved, "bt:leave_saved", FRAME_NONE},
        {bt->slow, "bt:slow", FRAME_BLOCK},
        {bt->load_xmm, "bt:load_xmm", FRAME_CALLED},
        {bt->load_ymm, "bt:load_ymm", FRAME_CALLED},
        {bt->load_x87, "bt:load_x87", FRAME_CALLED},
        {bt->clear_sites, "bt:clear_sites", FRAME_CALLED},
        {bt->call, "bt:call", FRAME_ALIGNED},
        {bt->call_leave, "bt:call_leave", FRAME_BLOCK},
    };

    memcpy(s, all, sizeof(all));
}

/* Where stub i ends: where the next one begins. */
static const u8 *stub_end(const struct bt *bt, const struct stub *s, unsigned i)
{
    const u8 *end = bt->write + bt->fixed;

    for (unsigned k = 0; k < STUBS; k++)
        if (s[k].at > s[i].at && s[k].at < end)
            end = s[k].at;
    return end;
}

const char *bt_stub_name(const struct bt *bt, const u8 *at)
{
    struct stub s[STUBS];

    list_stubs(bt, s);
    for (unsigned i = 0; i < STUBS; i++)
        if (at >= s[i].at && at < stub_end(bt, s, i))
            return s[i].name;
    return NULL;
}

/* ---- GDB's interface: names and layout are its own -------------------------------------------------------------------- */

struct jit_code_entry {
    struct jit_code_entry *next_entry, *prev_entry;
    const char *symfile_addr;
    u64 symfile_size;
};

struct jit_descriptor {
    u32 version, action_flag;
    struct jit_code_entry *relevant_entry, *first_entry;
};

enum { JIT_NOACTION, JIT_REGISTER, JIT_UNREGISTER };

void __jit_debug_register_code(void);
extern struct jit_descriptor __jit_debug_descriptor;

struct jit_descriptor __jit_debug_descriptor = {.version = 1};

__attribute__((noinline, used)) void __jit_debug_register_code(void)
{
    __asm__ volatile("" ::: "memory");
}

/* Guards the descriptor, its list and what the list leads to. Nothing is locked while it is held. */
static pthread_mutex_t jit_lock = PTHREAD_MUTEX_INITIALIZER;

static void jit_tell(struct jit_code_entry *e, u32 action)
{
    __jit_debug_descriptor.relevant_entry = e;
    __jit_debug_descriptor.action_flag = action;
    __jit_debug_register_code();
    __jit_debug_descriptor.action_flag = JIT_NOACTION;
    __jit_debug_descriptor.relevant_entry = NULL;
}

static void jit_add(struct jit_code_entry *e)
{
    e->prev_entry = NULL;
    e->next_entry = __jit_debug_descriptor.first_entry;
    if (e->next_entry)
        e->next_entry->prev_entry = e;
    __jit_debug_descriptor.first_entry = e;
    jit_tell(e, JIT_REGISTER);
}

static void jit_remove(struct jit_code_entry *e)
{
    if (e->next_entry)
        e->next_entry->prev_entry = e->prev_entry;
    if (e->prev_entry)
        e->prev_entry->next_entry = e->next_entry;
    else
        __jit_debug_descriptor.first_entry = e->next_entry;
    jit_tell(e, JIT_UNREGISTER);
}

/* ---- Object files ----------------------------------------------------------------------------------------------------- */

#define BATCH_SYMBOLS 512
#define SYMBOL_MAX 28
#define FRAME_MAX 640

enum { S_NULL, S_TEXT, S_SYMTAB, S_STRTAB, S_FRAME, S_SHSTRTAB, S_COUNT };
/* NUL-separated; the numbers in make_batch() count in it. */
static const char section_names[] = "\0.text\0.symtab\0.strtab\0.debug_frame\0.shstrtab";

struct object {
    Elf64_Ehdr header;
    Elf64_Shdr section[S_COUNT];
    Elf64_Sym symbol[1 + BATCH_SYMBOLS];
    char names[1 + BATCH_SYMBOLS * SYMBOL_MAX];
    u8 frame[FRAME_MAX];
    char section_names[sizeof(section_names)];
};

struct batch {
    struct jit_code_entry entry;
    struct batch *next;
    bool ended; /* what comes next lies elsewhere */
    unsigned n;
    u32 names_used, frame_used;
    u8 *range; /* of the last FDE: its length, which grows with the batch */
    struct object o;
};

struct bt_symbols {
    struct batch *batches, *stubs; /* blocks', the newest first; the stubs' */
    bool has_begun;                /* perf knows the stubs */
};

static void put(struct batch *b, const void *from, size_t n)
{
    memcpy(b->o.frame + b->frame_used, from, n);
    b->frame_used += (u32)n;
}

static void put8(struct batch *b, unsigned x)
{
    b->o.frame[b->frame_used++] = (u8)x;
}

/* Fills up to a multiple of 8 with DW_CFA_nop and writes the length of what began at `start`. */
static void end_record(struct batch *b, u32 start)
{
    u32 n;

    while (b->frame_used % 8)
        put8(b, 0);
    n = b->frame_used - start - 4;
    memcpy(b->o.frame + start, &n, 4);
}

/* A CIE of one kind of frame: where the caller's stack pointer is, and where the registers were saved. */
static u32 put_cie(struct batch *b, enum frame kind)
{
    static const u8 dwarf_number[16] = {[H_AX] = 0, [H_CX] = 2, [H_DX] = 1, [H_BX] = 3,
                                        [H_SP] = 7, [H_BP] = 6, [H_SI] = 4, [H_DI] = 5,
                                        8,          9,          10,         11,
                                        12,         13,         14,         15};
    static const u8 begin[] = {0,    0, 0, 0, 0xff, 0xff, 0xff,
                               0xff, 1, 0, 1, 0x78, 16}; /* data alignment -8 */
    enum { DEF_CFA = 0x0c, OFFSET = 0x80, RETURN_ADDRESS = 16 };
    u32 start = b->frame_used;

    put(b, begin, sizeof(begin));
    put8(b, DEF_CFA);
    put8(b, 7);
    put8(b, kind == FRAME_BLOCK ? 8 + 8 * BT_SAVED + 8 : kind == FRAME_ALIGNED ? 16 : 8);
    put8(b, OFFSET | RETURN_ADDRESS);
    put8(b, 1);
    for (unsigned i = 0; kind == FRAME_BLOCK && i < BT_SAVED; i++) {
        put8(b, OFFSET | dwarf_number[bt_saved[i]]);
        put8(b, i + 2);
    }
    end_record(b, start);
    return start;
}

/* n bytes of host code at `at` have such frames. */
static void put_fde(struct batch *b, u32 cie, u64 at, u64 n)
{
    u32 start = b->frame_used;

    put(b, &start, 4);
    put(b, &cie, 4);
    put(b, &at, 8);
    b->range = b->o.frame + b->frame_used;
    put(b, &n, 8);
    end_record(b, start);
}

static Elf64_Shdr section(const struct object *o, unsigned name, u32 type, const void *at,
                          size_t size)
{
    return (Elf64_Shdr){.sh_name = name,
                        .sh_type = type,
                        .sh_offset = (Elf64_Off)((const u8 *)at - (const u8 *)o),
                        .sh_size = size,
                        .sh_addralign = 1};
}

/* An object file without symbols for code that begins at `text`. NULL: no memory. */
static struct batch *make_batch(u64 text)
{
    struct batch *b = calloc(1, sizeof(*b));
    struct object *o = b ? &b->o : NULL;

    if (!b)
        return NULL;
    memcpy(o->header.e_ident, ELFMAG, SELFMAG);
    o->header.e_ident[EI_CLASS] = ELFCLASS64;
    o->header.e_ident[EI_DATA] = ELFDATA2LSB;
    o->header.e_ident[EI_VERSION] = EV_CURRENT;
    o->header.e_type = ET_EXEC;
    o->header.e_machine = EM_X86_64;
    o->header.e_version = EV_CURRENT;
    o->header.e_shoff = offsetof(struct object, section);
    o->header.e_ehsize = sizeof(Elf64_Ehdr);
    o->header.e_shentsize = sizeof(Elf64_Shdr);
    o->header.e_shnum = S_COUNT;
    o->header.e_shstrndx = S_SHSTRTAB;
    memcpy(o->section_names, section_names, sizeof(section_names));
    o->section[S_TEXT] = section(o, 1, SHT_NOBITS, o, 0);
    o->section[S_TEXT].sh_flags = SHF_ALLOC | SHF_EXECINSTR;
    o->section[S_TEXT].sh_addr = text;
    o->section[S_SYMTAB] = section(o, 7, SHT_SYMTAB, o->symbol, sizeof(Elf64_Sym));
    o->section[S_SYMTAB].sh_link = S_STRTAB;
    o->section[S_SYMTAB].sh_info = 1;
    o->section[S_SYMTAB].sh_entsize = sizeof(Elf64_Sym);
    o->section[S_SYMTAB].sh_addralign = 8;
    o->section[S_STRTAB] = section(o, 15, SHT_STRTAB, o->names, 1);
    o->section[S_FRAME] = section(o, 23, SHT_PROGBITS, o->frame, 0);
    o->section[S_SHSTRTAB] = section(o, 36, SHT_STRTAB, o->section_names, sizeof(section_names));
    b->names_used = 1;
    b->entry.symfile_addr = (const char *)o;
    b->entry.symfile_size = sizeof(*o);
    return b;
}

static void add_symbol(struct batch *b, const char *name, u64 at, u64 n)
{
    size_t room = sizeof(b->o.names) - b->names_used;

    b->o.symbol[1 + b->n] = (Elf64_Sym){.st_name = b->names_used,
                                        .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                                        .st_shndx = S_TEXT,
                                        .st_value = at,
                                        .st_size = n};
    b->names_used +=
        (u32)snprintf(b->o.names + b->names_used, MIN(room, (size_t)SYMBOL_MAX), "%s", name) + 1;
    b->n++;
    b->o.section[S_SYMTAB].sh_size = (1 + b->n) * sizeof(Elf64_Sym);
    b->o.section[S_STRTAB].sh_size = b->names_used;
    b->o.section[S_TEXT].sh_size = at + n - b->o.section[S_TEXT].sh_addr;
    b->o.section[S_FRAME].sh_size = b->frame_used;
}

/* Is it time to announce a batch of n blocks anew? */
static bool is_time(unsigned n)
{
    return n == 1 || n == 8 || n == 64 || n == BATCH_SYMBOLS;
}

static void gdb_block(struct bt_symbols *s, const char *name, u64 at, u64 n)
{
    struct batch *b;
    u64 all;

    pthread_mutex_lock(&jit_lock);
    b = s->batches;
    if (!b || b->ended || b->n == BATCH_SYMBOLS) {
        b = make_batch(at);
        if (!b)
            goto out; /* a name less */
        b->next = s->batches;
        s->batches = b;
        put_fde(b, put_cie(b, FRAME_BLOCK), at, n);
    }
    add_symbol(b, name, at, n);
    all = b->o.section[S_TEXT].sh_size;
    memcpy(b->range, &all, sizeof(all));
    if (is_time(b->n)) {
        if (b->n > 1)
            jit_remove(&b->entry);
        jit_add(&b->entry);
    }
out:
    pthread_mutex_unlock(&jit_lock);
}

static int gdb_stubs(struct bt *bt)
{
    struct batch *b = bt->symbols->stubs = make_batch((u64)(uintptr_t)bt_exec(bt, bt->write));
    struct stub s[STUBS];
    u32 cie[FRAME_ALIGNED + 1];

    if (!b)
        return -ENOMEM;
    for (unsigned k = FRAME_BLOCK; k <= FRAME_ALIGNED; k++)
        cie[k] = put_cie(b, (enum frame)k);
    list_stubs(bt, s);
    for (unsigned i = 0; i < STUBS; i++) {
        u64 at = (u64)(uintptr_t)bt_exec(bt, s[i].at), n = (u64)(stub_end(bt, s, i) - s[i].at);

        if (s[i].frame)
            put_fde(b, cie[s[i].frame], at, n);
        add_symbol(b, s[i].name, at, n);
    }
    b->o.section[S_TEXT].sh_size = bt->fixed;
    pthread_mutex_lock(&jit_lock);
    jit_add(&b->entry);
    pthread_mutex_unlock(&jit_lock);
    return 0;
}

/* ---- For both --------------------------------------------------------------------------------------------------------- */

static void perf_line(const struct bt *bt, const char *name, const u8 *at, size_t n)
{
    fprintf(bt->options->perf_map, "%" PRIxPTR " %zx %s\n", (uintptr_t)bt_exec(bt, at), n, name);
}

static void perf_block(const struct trans *t, const char *name)
{
    const struct bt *bt = t->bt;
    struct stub s[STUBS];

    if (!bt->symbols->has_begun) {
        bt->symbols->has_begun = true;
        list_stubs(bt, s);
        for (unsigned i = 0; i < STUBS; i++)
            perf_line(bt, s[i].name, s[i].at, (size_t)(stub_end(bt, s, i) - s[i].at));
    }
    perf_line(bt, name, t->code, t->code_size);
}

int bt_symbols_create(struct bt *bt)
{
    if (!bt->options->perf && !bt->options->gdb)
        return 0;
    bt->symbols = calloc(1, sizeof(*bt->symbols));
    if (!bt->symbols)
        return -ENOMEM;
    return bt->options->gdb ? gdb_stubs(bt) : 0;
}

void bt_symbols_block(const struct trans *t)
{
    const struct bt *bt = t->bt;
    char name[SYMBOL_MAX];

    snprintf(name, sizeof(name), "%s:%#" PRIx64, t->is_trace ? "trace" : "guest", t->b->rip);
    if (bt->options->perf)
        perf_block(t, name);
    if (bt->options->gdb)
        gdb_block(bt->symbols, name, (u64)(uintptr_t)bt_exec(bt, t->code), t->code_size);
}

void bt_symbols_forget(struct bt *bt, const u8 *from, const u8 *to)
{
    u64 start = (u64)(uintptr_t)bt_exec(bt, from), end = (u64)(uintptr_t)bt_exec(bt, to);
    struct bt_symbols *s = bt->symbols;

    if (!s)
        return;
    pthread_mutex_lock(&jit_lock);
    for (struct batch **at = &s->batches, *b; (b = *at);) {
        u64 text = b->o.section[S_TEXT].sh_addr;

        b->ended = true;
        if (text < start || text >= end) {
            at = &b->next;
            continue;
        }
        *at = b->next;
        jit_remove(&b->entry);
        free(b);
    }
    pthread_mutex_unlock(&jit_lock);
}

void bt_symbols_destroy(struct bt *bt)
{
    struct bt_symbols *s = bt->symbols;

    if (!s)
        return;
    bt_symbols_forget(bt, bt->write, bt->write + bt->size);
    if (s->stubs) {
        pthread_mutex_lock(&jit_lock);
        jit_remove(&s->stubs->entry);
        pthread_mutex_unlock(&jit_lock);
        free(s->stubs);
    }
    free(s);
    bt->symbols = NULL;
}
