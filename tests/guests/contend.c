/* SPDX-License-Identifier: MIT */
/*
 * A bare-metal SMP guest that contends for everything at once, so that any nondeterminism which a
 * replay does not reproduce shows. Every CPU draws operations from its own seeded generator and
 * folds each racy value it sees (shared words, interrupted addresses, fault addresses, page-table
 * entries, clocks, counters of REP) into checksums, printed at the end with one of the shared
 * memory. The checksums differ from run to run and must be equal in every replay of one run.
 *
 * What must hold in any run is checked too: no locked increment is lost, TSC never steps back along
 * a lock's order, code is never torn. "contend: passed" or "contend: FAILED" ends the output.
 *
 * Command line: rounds=N operations per CPU (400), seed=N (1), skip=MASK (operations to leave out,
 * bit N the Nth of the list below; narrows a divergence down), nosplit (no locked access across
 * cache lines: hosts may punish those under KVM), notsc (no check of the TSC between CPUs), x2apic,
 * pic.
 *
 * Convention of guarded accesses: R11 holds where to go on if the access faults.
 */
#include "roms/kit/kit.h"

#define WINDOW ((uint64_t)1 << 39) /* pages that are mapped and unmapped all the time */
#define WINDOW_PAGES 8
#define ALIASES (WINDOW + 64 * 4096) /* many pages, all of them the arena */
#define ALIAS_PAGES 128
#define FRAMES 12
#define ARENA_BYTES (4 * 4096)
#define CODE_SLOTS 8
#define TIMER_COUNT 62500 /* about 1 ms with a 1 GHz timer divided by 16 */
#define PIT_HZ_WANTED 500

#define VEC_POKE (VEC_USER + 1)
#define VEC_SHOOTDOWN (VEC_USER + 2)

/* One per CPU. Handlers fold into sums of their own, so that they never lose the interrupted one's.
 */
struct worker {
    uint64_t random;
    uint64_t sum, irq_sum, nmi_sum;
    uint64_t locked_increments, wide_increments;
    uint64_t last_tsc;
    unsigned faults, pokes, nmis, ticks, shootdowns, torn, tsc_steps_back;
} __attribute__((aligned(128)));

static struct worker workers[KIT_MAX_CPUS];

static struct {
    unsigned lock __attribute__((aligned(64)));
    uint64_t lock_tsc, guarded_count;
    unsigned page_lock __attribute__((aligned(64)));
    uint64_t words[16] __attribute__((aligned(64)));
    uint64_t xadd_count __attribute__((aligned(64)));
    uint64_t wide8;
    uint64_t wide16[2] __attribute__((aligned(16)));
} shared __attribute__((aligned(4096)));

static uint8_t arena[ARENA_BYTES] __attribute__((aligned(4096)));
static uint8_t frames[FRAMES][4096] __attribute__((aligned(4096)));
static uint8_t code_page[4096] __attribute__((aligned(4096)));
static volatile uint64_t *window_entry;
static uint64_t shootdown_page;
static unsigned shootdown_pending;
static struct barrier meeting;
static uint64_t rounds, skip;
static bool may_split;

static uint64_t fold(uint64_t sum, uint64_t value)
{
    sum = (sum ^ value) * 0x9e3779b97f4a7c15u;
    return sum ^ sum >> 29;
}

static void see(struct worker *w, uint64_t value)
{
    w->sum = fold(w->sum, value);
}

static uint64_t draw(struct worker *w, uint64_t below)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (w->random >> 11) % below;
}

static void lock_take(unsigned *lock)
{
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE))
        while (*(volatile unsigned *)lock)
            cpu_pause();
}

static void lock_drop(unsigned *lock)
{
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

/* ---- handlers ---- */

static void on_poke(struct trap_frame *frame)
{
    struct worker *w = &workers[this_cpu()->index];

    w->pokes++;
    w->irq_sum = fold(w->irq_sum, frame->rip ^ frame->rcx ^ *(volatile uint64_t *)&shared.words[0]);
}

static void on_tick(struct trap_frame *frame)
{
    struct worker *w = &workers[this_cpu()->index];

    w->ticks++;
    w->irq_sum = fold(w->irq_sum, frame->rip ^ frame->rax << 8 ^ frame->vector);
}

static void on_nmi(struct trap_frame *frame)
{
    struct worker *w = &workers[this_cpu()->index];

    w->nmis++;
    w->nmi_sum = fold(w->nmi_sum, frame->rip ^ frame->rflags << 48);
}

static void on_shootdown(struct trap_frame *frame)
{
    struct worker *w = &workers[this_cpu()->index];

    w->shootdowns++;
    w->irq_sum = fold(w->irq_sum, frame->rip);
    tlb_flush_page(shootdown_page);
    __atomic_fetch_sub(&shootdown_pending, 1, __ATOMIC_ACQ_REL);
}

static void on_page_fault(struct trap_frame *frame)
{
    struct worker *w = &workers[this_cpu()->index];
    uint64_t address;

    __asm__ volatile("movq %%cr2, %0" : "=r"(address));
    if (address < WINDOW || address >= WINDOW + (WINDOW_PAGES + 1) * 4096)
        panic("cpu %u: page fault at %lx, address %lx, error %lx", this_cpu()->index, frame->rip,
              address, frame->error);
    w->faults++;
    w->irq_sum = fold(w->irq_sum, address ^ frame->error << 56 ^ frame->rip << 20 ^ frame->rcx);
    frame->rip = frame->r11;
}

/* ---- operations ---- */

static void op_lock(struct worker *w, struct cpu *cpu)
{
    lock_take(&shared.lock);
    uint64_t now = rdtsc();
    if (now < shared.lock_tsc)
        w->tsc_steps_back++;
    shared.lock_tsc = now;
    see(w, now);
    see(w, shared.guarded_count++);
    w->locked_increments++;
    if (draw(w, 4) == 0 && cpu_count > 1) /* interrupt others while they wait for this lock */
        apic_send(&cpus[(cpu->index + 1 + draw(w, cpu_count - 1)) % cpu_count], VEC_POKE);
    lock_drop(&shared.lock);
}

static void op_false_sharing(struct worker *w, struct cpu *cpu)
{
    volatile uint64_t *words = shared.words;

    for (unsigned i = 0; i < 16; i++) {
        words[cpu->index % 16] += draw(w, 100);
        see(w, words[(cpu->index + i) % 16]);
    }
}

static void op_atomics(struct worker *w, struct cpu *cpu)
{
    uint8_t bit;

    (void)cpu;
    for (unsigned i = 0; i < 8; i++) {
        see(w, __atomic_fetch_add(&shared.xadd_count, 1, __ATOMIC_SEQ_CST));
        see(w, __atomic_exchange_n(&shared.words[8 + i % 8], w->random, __ATOMIC_SEQ_CST));
        __asm__ volatile("lock btcq %2, %0; setc %1"
                         : "+m"(shared.words[9]), "=q"(bit)
                         : "r"(w->random & 63)
                         : "cc", "memory");
        see(w, bit);
    }
}

static void op_wide(struct worker *w, struct cpu *cpu)
{
    uint32_t low = 0, high = 0, attempts = 0;
    uint64_t a = 0, b = 0;
    bool done;

    (void)cpu;
    do {
        uint64_t next = ((uint64_t)high << 32 | low) + 0x100000001u;
        __asm__ volatile("lock cmpxchg8b %1; sete %0"
                         : "=q"(done), "+m"(shared.wide8), "+a"(low), "+d"(high)
                         : "b"((uint32_t)next), "c"((uint32_t)(next >> 32))
                         : "cc", "memory");
        attempts++;
    } while (!done);
    do {
        __asm__ volatile("lock cmpxchg16b %1; sete %0"
                         : "=q"(done), "+m"(*(unsigned __int128 *)shared.wide16), "+a"(a), "+d"(b)
                         : "b"(a + 1), "c"(b + 3)
                         : "cc", "memory");
        attempts++;
    } while (!done);
    w->wide_increments++;
    see(w, attempts ^ a << 8 ^ (uint64_t)low << 32);
}

static void op_unaligned(struct worker *w, struct cpu *cpu)
{
    (void)cpu;
    for (unsigned i = 0; i < 8; i++) {
        /* near a page's end three times out of four, near a line's end otherwise */
        uint64_t edge = draw(w, 4) ? 4096 * (1 + draw(w, 3)) : 64 * (1 + draw(w, 250));
        uint8_t *at = arena + edge - 1 - draw(w, 7);
        uint64_t value = w->random;
        __asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(at) : "memory");
        see(w, value);
        __asm__ volatile("movq %0, (%1)" : : "r"(w->random), "r"(at) : "memory");
        __asm__ volatile("movups -5(%1), %%xmm0; movups %%xmm0, 8(%1); movq %%xmm0, %0"
                         : "=r"(value)
                         : "r"(at)
                         : "memory");
        see(w, value);
        if (may_split && i == 0) {
            __asm__ volatile("lock xaddq %0, (%1)" : "+r"(value) : "r"(at) : "cc", "memory");
            see(w, value);
        }
    }
}

static void op_rep(struct worker *w, struct cpu *cpu)
{
    uint64_t bytes = draw(w, 5000), left = bytes;
    uint8_t *from = arena + draw(w, ARENA_BYTES - 5000), *to = arena + draw(w, ARENA_BYTES - 5000);
    uint8_t *scan = arena;

    (void)cpu;
    switch (draw(w, 4)) {
    case 0: __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(left) : : "memory"); break;
    case 1: /* backwards; interrupted with DF set */
        to += bytes;
        from += bytes;
        __asm__ volatile("std; rep movsb; cld" : "+D"(to), "+S"(from), "+c"(left) : : "memory");
        break;
    case 2:
        left /= 8;
        __asm__ volatile("rep stosq" : "+D"(to), "+c"(left) : "a"(w->random) : "memory");
        break;
    default:
        __asm__ volatile("repe cmpsb" : "+D"(to), "+S"(from), "+c"(left) : : "cc", "memory");
        see(w, left);
        break;
    }
    left = ARENA_BYTES;
    __asm__ volatile("repne scasb"
                     : "+D"(scan), "+c"(left)
                     : "a"((uint8_t)w->random)
                     : "cc", "memory");
    see(w, left);
}

static void op_window(struct worker *w, struct cpu *cpu)
{
    (void)cpu;
    for (unsigned i = 0; i < 12; i++) {
        uint64_t at = WINDOW + draw(w, WINDOW_PAGES * 4096 - 8);
        uint64_t value = w->random, count = 1 + draw(w, 600), to = (uintptr_t)arena;
        switch (draw(w, 4)) {
        case 0:
            __asm__ volatile("leaq 1f(%%rip), %%r11; movq %0, (%1); 1:"
                             :
                             : "r"(value), "r"(at)
                             : "r11", "memory");
            break;
        case 1: /* read-modify-write */
            __asm__ volatile("leaq 1f(%%rip), %%r11; lock incb (%0); 1:"
                             :
                             : "r"(at)
                             : "r11", "cc", "memory");
            break;
        case 2: /* a fault in the middle leaves the count where it was */
            __asm__ volatile("leaq 1f(%%rip), %%r11; rep movsq; 1:"
                             : "+S"(at), "+D"(to), "+c"(count)
                             :
                             : "r11", "memory");
            value = count;
            break;
        default:
            __asm__ volatile("leaq 1f(%%rip), %%r11; movq (%1), %0; 1:"
                             : "+r"(value)
                             : "r"(at)
                             : "r11", "memory");
            break;
        }
        see(w, value);
        see(w, window_entry[draw(w, WINDOW_PAGES)]); /* A and D bits of whoever comes by */
    }
}

static void shoot_down(uint64_t page)
{
    tlb_flush_page(page);
    if (cpu_count == 1)
        return;
    shootdown_page = page;
    __atomic_store_n(&shootdown_pending, cpu_count - 1, __ATOMIC_RELEASE);
    apic_send_group(IPI_OTHERS, VEC_SHOOTDOWN);
    while (__atomic_load_n(&shootdown_pending, __ATOMIC_ACQUIRE))
        cpu_pause();
}

static void op_page_tables(struct worker *w, struct cpu *cpu)
{
    unsigned i = (unsigned)draw(w, WINDOW_PAGES);
    uint64_t frame = (uintptr_t)frames[draw(w, FRAMES)];
    uint64_t page = WINDOW + i * 4096, old = 0;

    (void)cpu;
    lock_take(&shared.page_lock);
    switch (draw(w, 5)) {
    case 0: /* unmap */ old = __atomic_exchange_n(&window_entry[i], 0, __ATOMIC_SEQ_CST); break;
    case 1: /* read-only */
        old = __atomic_fetch_and(&window_entry[i], ~(uint64_t)PTE_W, __ATOMIC_SEQ_CST);
        break;
    case 2: /* harvest accessed and dirty bits */
        old = __atomic_fetch_and(&window_entry[i], ~(uint64_t)(PTE_A | PTE_D), __ATOMIC_SEQ_CST);
        break;
    default:
        old = __atomic_exchange_n(&window_entry[i], frame | PTE_P | PTE_W, __ATOMIC_SEQ_CST);
        break;
    }
    see(w, old);
    if (draw(w, 4))
        shoot_down(page);
    else
        tlb_flush_page(page); /* the others find out when they find out */
    lock_drop(&shared.page_lock);
}

static void op_tlb(struct worker *w, struct cpu *cpu)
{
    uint64_t stride = 1 + draw(w, 7);

    (void)cpu;
    if (draw(w, 2))
        tlb_flush_all();
    for (uint64_t i = 0; i < ALIAS_PAGES; i += stride) {
        volatile uint64_t *at = (volatile uint64_t *)(ALIASES + i * 4096 + draw(w, 512) * 8);
        see(w, *at);
        if (i % 3 == 0)
            *at = w->random;
    }
}

/* Slots hold "mov $imm32, %eax; ret" with the immediate aligned; both its halves are equal. */
static void op_code(struct worker *w, struct cpu *cpu)
{
    (void)cpu;
    for (unsigned i = 0; i < 6; i++) {
        uint8_t *slot = code_page + draw(w, CODE_SLOTS) * 64;
        if (draw(w, 3) == 0)
            *(volatile uint32_t *)(void *)(slot + 4) = (uint32_t)(w->random & 0xffff) * 0x10001u;
        uint32_t got = ((uint32_t(*)(void))(uintptr_t)(slot + 3))();
        if (got >> 16 != (got & 0xffff))
            w->torn++;
        see(w, got);
    }
}

static void op_interrupts(struct worker *w, struct cpu *cpu)
{
    struct cpu *to = &cpus[draw(w, cpu_count)];

    (void)cpu;
    switch (draw(w, 4)) {
    case 0: apic_send_nmi(to); break;
    case 1: { /* hold one's own interrupt back by the task priority for a while */
        unsigned before = w->pokes;
        __asm__ volatile("movq %0, %%cr8" : : "r"((uint64_t)0xf) : "memory");
        apic_send_group(IPI_SELF, VEC_POKE);
        see(w, *(volatile unsigned *)&w->pokes - before);
        __asm__ volatile("movq %0, %%cr8" : : "r"((uint64_t)0) : "memory");
        break;
    }
    case 2: apic_send_group(IPI_ALL, VEC_POKE); break;
    default: apic_send(to, VEC_POKE); break;
    }
    see(w, w->pokes ^ (uint64_t)w->ticks << 32);
}

static void op_clocks(struct worker *w, struct cpu *cpu)
{
    uint64_t now = rdtsc();

    (void)cpu;
    if (now < w->last_tsc)
        w->tsc_steps_back++;
    w->last_tsc = now;
    see(w, now);
    see(w, apic_timer_read());
    if (draw(w, 4))
        return;
    see(w, pit_read());
    if (platform.pm_timer)
        see(w, inl((uint16_t)platform.pm_timer));
    outb(0x70, 0);
    see(w, inb(0x71));
    see(w, cpuid_ebx_ecx(1));
}

static void op_halt(struct worker *w, struct cpu *cpu)
{
    (void)cpu;
    if (draw(w, 8))
        return;
    irq_disable();
    irq_halt();
    irq_enable();
    see(w, w->ticks);
}

static void (*const operations[])(struct worker *w, struct cpu *cpu) = {
    op_lock,        op_false_sharing, op_atomics, op_wide,       op_unaligned, op_rep,  op_window,
    op_page_tables, op_tlb,           op_code,    op_interrupts, op_clocks,    op_halt,
};

static void work(struct cpu *cpu)
{
    struct worker *w = &workers[cpu->index];

    barrier_wait(&meeting);
    apic_timer_start(TIMER_COUNT + 777 * cpu->index, true);
    for (uint64_t i = 0; i < rounds; i++) {
        uint64_t which = draw(w, sizeof operations / sizeof operations[0]);
        if (!(skip >> which & 1))
            operations[which](w, cpu);
    }
    barrier_wait(&meeting); /* nobody sends any more */
    apic_timer_start(0, false);
    barrier_wait(&meeting);
}

static void prepare(uint64_t seed)
{
    static const uint8_t function[] = {0xb8, 0, 0, 0, 0, 0xc3};

    for (unsigned i = 0; i < CODE_SLOTS; i++)
        memcpy(code_page + i * 64 + 3, function, sizeof function);
    window_entry = paging_entry(WINDOW);
    for (unsigned i = 0; i < ALIAS_PAGES; i++)
        *paging_entry(ALIASES + i * 4096) = ((uintptr_t)arena + i % 4 * 4096) | PTE_P | PTE_W;
    for (unsigned i = 0; i < cpu_count; i++)
        workers[i].random = fold(seed + 1, i + 1) | 1;
    trap_set_handler(VEC_POKE, on_poke);
    trap_set_handler(VEC_SHOOTDOWN, on_shootdown);
    trap_set_handler(VEC_LAPIC_TIMER, on_tick);
    trap_set_handler(VEC_PIT, on_tick);
    trap_set_handler(VEC_PIC, on_tick);
    trap_set_handler(VEC_NMI, on_nmi);
    trap_set_handler(VEC_PAGE_FAULT, on_page_fault);
}

static uint64_t fold_memory(uint64_t sum, const void *at, size_t bytes)
{
    const uint64_t *words = at;

    for (size_t i = 0; i < bytes / 8; i++)
        sum = fold(sum, words[i]);
    return sum;
}

static bool report(void)
{
    uint64_t locked = 0, wide = 0, memory = 0;
    unsigned torn = 0, steps_back = 0;

    for (unsigned i = 0; i < cpu_count; i++) {
        const struct worker *w = &workers[i];
        print("contend: cpu %u checksum %016lx irq %016lx nmi %016lx faults %u pokes %u nmis %u "
              "ticks %u "
              "shootdowns %u\n",
              i, w->sum, w->irq_sum, w->nmi_sum, w->faults, w->pokes, w->nmis, w->ticks,
              w->shootdowns);
        locked += w->locked_increments;
        wide += w->wide_increments;
        torn += w->torn;
        steps_back += w->tsc_steps_back;
    }
    memory = fold_memory(memory, &shared, sizeof shared);
    memory = fold_memory(memory, arena, sizeof arena);
    memory = fold_memory(memory, frames, sizeof frames);
    memory = fold_memory(memory, code_page, sizeof code_page);
    print("contend: memory checksum %016lx\n", memory);
    print("contend: guarded %lu of %lu, cmpxchg8b %lu of %lu, cmpxchg16b %lu of %lu, torn code %u, "
          "tsc steps back %u\n",
          shared.guarded_count, locked, shared.wide8 >> 32, wide, shared.wide16[0], wide, torn,
          steps_back);
    return shared.guarded_count == locked && shared.wide8 == wide * 0x100000001u &&
           shared.wide16[0] == wide && shared.wide16[1] == wide * 3 && torn == 0 &&
           (steps_back == 0 || cmdline_has("notsc"));
}

int guest_main(void)
{
    uint64_t seed = cmdline_number("seed", 1);

    rounds = cmdline_number("rounds", 400);
    skip = cmdline_number("skip", 0);
    may_split = !cmdline_has("nosplit");
    print("contend: %u CPUs, %lu rounds, seed %lu\n", cpu_count, rounds, seed);
    prepare(seed);
    pit_start(PIT_HZ_WANTED, &cpus[seed % cpu_count]);
    smp_run(work);
    pit_stop();
    bool good = report();
    print(good ? "contend: passed\n" : "contend: FAILED\n");
    return good ? 0 : 1;
}
