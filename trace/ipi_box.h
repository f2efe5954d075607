/* SPDX-License-Identifier: MIT */
/*
 * The receiving end of interrupt messages: for the owner of the mailbox (cpu/events.c). See ipi.h.
 */
#ifndef TRACE_IPI_BOX_H
#define TRACE_IPI_BOX_H

#include "trace/ipi.h"
#include "trace/participant.h"

struct ipi_mail {
    struct ipi msg;
    u8 from;
    u64 pos; /* the sender's position after the sending instruction */
};

struct ipi_box {
    pthread_mutex_t lock;
    struct ipi_mail *list;
    u32 n, cap;
    _Atomic u32 n_hint; /* n, for a look without the lock */
};

int ipi_box_create(struct participant *p);
void ipi_box_destroy(struct participant *p);

/* Is there mail? Any thread; a hint. */
static inline bool ipi_waiting(const struct participant *p)
{
    return p->box && atomic_load_explicit(&p->box->n_hint, memory_order_acquire) != 0;
}

/* Take the oldest message. Owner, at boundary p->position. */
bool ipi_take_first(struct participant *p, struct ipi_mail *mail);
/* Take the message that `from` sent with position pos. */
bool ipi_take_from(struct participant *p, unsigned from, u64 pos, struct ipi_mail *mail);

#endif
