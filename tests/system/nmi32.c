/* SPDX-License-Identifier: MIT */
/*
 * NMI is blocked from its delivery to the next IRET, whoever's that is and wherever it leads: by the same level, to user and
 * virtual-8086 code, to a task, one that faults. Nothing else unblocks: far RET, POPF, STI, an exception, an interrupt's
 * delivery, a task switch by JMP. One more is kept, and no second. IF does not matter.
 *
 * The first NMI's handler sends another and goes to the case's code; where the second comes in is the answer.
 * Intel SDM vol. 3 §6.7.1, §7.3.
 */
#include "tests/system/kit/machine32.h"

#define SVR (*(volatile uint32_t *)(uintptr_t)0xfee000f0u)
#define K_TASK K_FREE

/* What happened: at most two NMIs. `where` is what the processor pushed. */
uint32_t nmi_count, nmi_where[3], nmi_cs[3], nmi_flags[3], nmi_body, nmi_sp;

/* 44400 to the ICR: NMI, to oneself. The first jumps to nmi_body with its frame on the stack; EAX is free for it. */
CODE(on_nmi, "push %eax\n push %ecx\n mov %ss:nmi_count, %ecx\n cmp $2, %ecx\n ja 1f\n"
             "mov 8(%esp), %eax\n mov %eax, %ss:nmi_where(,%ecx,4)\n"
             "mov 12(%esp), %eax\n mov %eax, %ss:nmi_cs(,%ecx,4)\n"
             "mov 16(%esp), %eax\n mov %eax, %ss:nmi_flags(,%ecx,4)\n"
             "1: incl %ss:nmi_count\n test %ecx, %ecx\n jnz 2f\n"
             "movl $0x44400, %ss:0xfee00300\n movl $0x44400, %ss:0xfee00300\n mov $1000, %ecx\n"
             "4: cmpl $1, %ss:nmi_count\n jne 3f\n dec %ecx\n jnz 4b\n" /* blocked so far */
             "pop %ecx\n pop %eax\n jmp *%ss:nmi_body\n"
             "2: pop %ecx\n pop %eax\n iretl\n"
             "3: movl $0xbad, %ss:nmi_where + 4\n pop %ecx\n pop %eax\n iretl");

/* The cases begin here: an NMI to oneself, which takes its time. */
CODE(send, "movl $0x44400, 0xfee00300\n mov $1000000, %ebx\n"
           "1: cmpl $2, nmi_count\n jae 2f\n dec %ebx\n jnz 1b\n 2: int $0x30");

CODE(b_iret, "iretl");
CODE(b_same, "pushfl\n push %cs\n push $here_same\n iretl\n here_same: nop\n nop\n iretl");
CODE(b_popf, "pushfl\n popfl\n nop\n nop\n here_popf: iretl");
CODE(b_sti, "sti\n nop\n nop\n cli\n here_sti: iretl");
CODE(b_retf, "push %cs\n push $1f\n lret\n 1: nop\n nop\n iretl");
CODE(b_int,
     "int $0x60\n nop\n nop\n iretl"); /* whose handler returns by far RET: nothing unblocks */
CODE(on_60, "nop\n nop\n push %eax\n mov 12(%esp), %eax\n push %eax\n popfl\n pop %eax\n lret $4");
CODE(b_ud, "ud2\n here_ud: nop\n nop\n iretl"); /* whose handler returns by IRET */
CODE(on_ud, "nop\n nop\n addl $2, (%esp)\n iretl");
CODE(b_bad, "pushfl\n push $0xfff8\n  push $here_same\n iretl");  /* #GP */
CODE(on_gp, "nop\n nop\n add $16, %esp\n add $12, %esp\n iretl"); /* error, frame, image */
/* To CPL 3, which ends the case: the first NMI is not returned from. */
CODE(b_user,
     "mov %esp, nmi_sp\n push $0x23\n push nmi_sp\n push $2\n push $0x1b\n push $here_user\n "
     "iretl\n here_user: nop\n nop\n int $0x30");
CODE(b_v86,
     "mov %esp, nmi_sp\n push $0\n push $0\n push $0\n push $0\n push $0x800\n push $0xf00\n "
     "push $0x23002\n push $0x900\n push $0\n iretl");
CODE(b_task, "ljmp $0x30, $0\n nop\n nop\n iretl");
CODE(in_task, "nop\n nop\n ljmp $0x28, $0"); /* and back */
extern const uint8_t here_same[], here_user[], here_ud[];

static struct tss32 task;

static void set_task(const uint8_t *ip)
{
    memset(&task, 0, sizeof task);
    task.eip = (uintptr_t)ip;
    task.cs = K_CODE;
    task.ss = task.ds = task.es = task.fs = task.gs = K_DATA;
    task.ss0 = K_DATA;
    task.esp0 = task.r[4] = stack_top(sys_stack_spare[0]);
    task.eflags = FL_FIXED;
    task.io_map = 0x68;
    sys_gdt[GDT_SLOT(K_TASK)] = sys_segment((uintptr_t)&task, 0x67, 0x89, 0);
}

static void run(struct context *c, const uint8_t *body, word flags)
{
    nmi_count = 0;
    memset(nmi_where, 0, sizeof nmi_where);
    nmi_body = (uintptr_t)body;
    sys_kernel(c, (uintptr_t)send);
    c->flags |= flags;
    sys_go(c);
}

/* Both came, the second at `where`, 0: where the first had come. */
static void expect(const char *what, const struct context *c, unsigned who, word where)
{
    if (!where)
        where = nmi_where[0];
    check_but(
        who, "SDM vol. 3 6.7.1", c->vector == DONE && nmi_count == 2 && nmi_where[1] == where,
        "%s: vector %lu error %lx at %lx, %u NMIs, the first at %x, the second at %x, expected "
        "%lx",
        what, c->vector, c->error, c->ip, nmi_count, nmi_where[0], nmi_where[1], where);
}

static void bodies(void)
{
    struct context c;

    for (unsigned iflag = 0; iflag < 2; iflag++) {
        word flags = iflag ? FL_IF : 0;

        run(&c, b_iret, flags);
        expect("IRET", &c, 0, 0);
        run(&c, b_same, flags);
        expect("IRET within the handler", &c, 0, (uintptr_t)here_same);
        run(&c, b_popf, flags);
        expect("POPF", &c, 0, 0);
        run(&c, b_sti, flags);
        expect("STI", &c, 0, 0);
        run(&c, b_retf, flags);
        expect("far RET", &c, 0, 0);
        set_task(in_task);
        run(&c, b_task, flags);
        expect("JMP to a task and back", &c, 0, 0);
        sys_set_gate(0x60, K_CODE, (uintptr_t)on_60, 0x8e, 0);
        run(&c, b_int, flags);
        expect("an interrupt, and far RET from it", &c, 0, 0);
        sys_set_gate(0x60, K_CODE, sys_stub(0x60), 0x8e, 0);
        sys_set_gate(V_UD, K_CODE, (uintptr_t)on_ud, 0x8e, 0);
        run(&c, b_ud, flags);
        expect("an exception, and IRET from it", &c, 0, (uintptr_t)here_ud);
        sys_set_gate(V_UD, K_CODE, sys_stub(V_UD), 0x8e, 0);
        /* IRET unblocks even if it faults, before the fault's handler. */
        sys_set_gate(V_GP, K_CODE, (uintptr_t)on_gp, 0x8e, 0);
        run(&c, b_bad, flags);
        sys_set_gate(V_GP, K_CODE, sys_stub(V_GP), 0x8e, 0);
        expect("an IRET that faults", &c, ON_TCG, (uintptr_t)on_gp);
    }
    run(&c, b_user, 0);
    expect("IRET to CPL 3", &c, 0, (uintptr_t)here_user);
    check((nmi_cs[1] & 3) == 3, "the second NMI's CS: %x", nmi_cs[1]);
    memcpy((void *)(uintptr_t)0x9000, (const uint8_t[]){0x90, 0x90, 0x0f, 0x0b}, 4);
    run(&c, b_v86, 0);
    check(c.vector == V_UD && (c.flags & FL_VM) && nmi_count == 2 && nmi_where[1] == 0 &&
              (nmi_flags[1] & FL_VM),
          "IRET to V86 code: vector %lu, %u NMIs, the second at %x with flags %x", c.vector,
          nmi_count, nmi_where[1], nmi_flags[1]);
}

/* NMI through a task gate: its IRET goes back to the other task, and unblocks. */
CODE(nmi_task, "1: mov nmi_count, %ecx\n incl nmi_count\n test %ecx, %ecx\n jnz 2f\n"
               "movl $0x44400, 0xfee00300\n mov $1000, %eax\n 3: dec %eax\n jnz 3b\n mov "
               "nmi_count, %eax\n mov %eax, nmi_sp\n"
               "2: iretl\n jmp 1b");

static void task_gate(void)
{
    struct context c;

    set_task(nmi_task);
    sys_idt[V_NMI] = sys_gate(K_TASK, 0, 0x85, 0);
    run(&c, b_iret, 0);
    sys_set_gate(V_NMI, K_CODE, (uintptr_t)on_nmi, 0x8e, 0);
    check(c.vector == DONE && nmi_count == 2 && nmi_sp == 1,
          "NMI through a task gate: vector %lu at %lx, %u NMIs, %u before IRET", c.vector, c.ip,
          nmi_count, nmi_sp);
}

void system_main(void)
{
    SVR = 0x1ff; /* the APIC is on */
    sys_set_gate(V_NMI, K_CODE, (uintptr_t)on_nmi, 0x8e, 0);
    bodies();
    task_gate();
    report("nmi32");
}
