/* SPDX-License-Identifier: MIT */
/*
 * What a translator has to provide. There is none yet, and nothing includes this header: it fixes the seam, so that the
 * interpreter keeps to it.
 *
 * The seam is the micro-op. A block (cpu/block.h) is entered by calling the function of its first micro-op, with the
 * block's length already charged to the budget. A translator compiles the same micro-ops to one function of that
 * type, which takes the first handler's place; the loop in cpu/run.c does not know the difference, and cpu/ never
 * includes this folder. Blocks stay derived structures of the vCPU that owns them: finding them, tracing their code pages,
 * comparing them with memory and chaining them remain the work of cpu/block.c.
 *
 * A compiled block keeps what the interpreter's handlers keep:
 *   - Micro-ops mean what their handlers do (cpu/uops.def names them); opcodes are never looked at. A `call` micro-op calls
 *     its helper. No instruction's meaning is written a second time.
 *   - Whatever can escape (a memory access, a helper) leaves by longjmp. Before it, every guest register, the flags in
 *     vcpu->cc, and vcpu->cur or the `where` argument of the accessor are up to date in memory for the instruction's
 *     beginning: unwinding to it is done by the caller.
 *   - Guest RAM is accessed through the soft TLB as mmu/mmu.h's inline accessors do, once per operand.
 *   - It leaves as the last handler does: vcpu->rip set, vcpu->taken telling which link to follow.
 *   - It counts nothing. Budget and stop request are looked at between blocks.
 */
#ifndef BT_BT_H
#define BT_BT_H

#include <stddef.h>

#include "cpu/block.h"
#include "cpu/uop.h"

/* The compiled code of one vCPU. */
struct bt;

/* Room for `bytes` of host code, mapped writable at one address and executable at another. 0 or -ENOMEM. Main thread. */
int bt_create(struct bt **t, size_t bytes);
/* NULL is allowed. Nobody executes it any more. */
void bt_destroy(struct bt *t);

/* Compile the micro-ops of b, which is finished (lift_finish) and stays as it is. Returns the function to enter it
 * with, good until bt_empty(); NULL: no room, or not worth it, and b is interpreted as before. The owner's thread. */
uop_fn *bt_compile(struct bt *t, const struct block *b);

/* Give up everything that was compiled: called when the block cache empties its arena. The owner's thread, between
 * blocks. Losing the right to a code page needs no call: the block is not entered before it was compared with memory. */
void bt_empty(struct bt *t);

#endif
