/* SPDX-License-Identifier: MIT */
/*
 * Mailboxes of interrupt messages (see ipi.h). A box is a short list under a lock of its own, in the order of arrival. In
 * a live run the receiver takes the first message; in a replay the one that the log names, by sender and sender
 * position, after having waited for the sender to get there.
 */
#include "trace/ipi.h"

#include <stdlib.h>

#include "src/base/check.h"
#include "trace/ipi_box.h"

int ipi_box_create(struct participant *p)
{
    p->box = calloc(1, sizeof(*p->box));
    CHECK(p->box);
    pthread_mutex_init(&p->box->lock, NULL);
    return 0;
}

void ipi_box_destroy(struct participant *p)
{
    if (!p->box)
        return;
    pthread_mutex_destroy(&p->box->lock);
    free(p->box->list);
    free(p->box);
    p->box = NULL;
}

void ipi_send(struct participant *from, struct participant *to, const struct ipi *msg)
{
    struct ipi_box *b = to->box;

    pthread_mutex_lock(&b->lock);
    if (b->n == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 16;
        b->list = realloc(b->list, b->cap * sizeof(*b->list));
        CHECK(b->list);
    }
    /* The message exists once the sending instruction has retired. */
    b->list[b->n] = (struct ipi_mail){*msg, (u8)from->id, from->position + 1};
    atomic_store_explicit(&b->n_hint, ++b->n, memory_order_release);
    pthread_mutex_unlock(&b->lock);
    /* Itself too: a device that answers a write with an interrupt interrupts right behind it, on every engine. */
    participant_kick(to);
    if (to != from)
        participant_wake(to);
}

/* Take message i out. Locked. */
static struct ipi_mail take(struct ipi_box *b, u32 i)
{
    struct ipi_mail m = b->list[i];

    memmove(&b->list[i], &b->list[i + 1], (b->n - i - 1) * sizeof(*b->list));
    atomic_store_explicit(&b->n_hint, --b->n, memory_order_release);
    return m;
}

bool ipi_take_first(struct participant *p, struct ipi_mail *mail)
{
    struct ipi_box *b = p->box;
    bool any;

    if (!ipi_waiting(p))
        return false;
    pthread_mutex_lock(&b->lock);
    /* Not before the position it belongs to: one's own message counts from the next instruction. */
    any = b->n && (b->list[0].from != p->id || b->list[0].pos <= p->position);
    if (any)
        *mail = take(b, 0);
    pthread_mutex_unlock(&b->lock);
    return any;
}

bool ipi_take_from(struct participant *p, unsigned from, u64 pos, struct ipi_mail *mail)
{
    struct ipi_box *b = p->box;
    bool found = false;

    pthread_mutex_lock(&b->lock);
    for (u32 i = 0; i < b->n && !found; i++)
        if (b->list[i].from == from && b->list[i].pos == pos) {
            *mail = take(b, i);
            found = true;
        }
    pthread_mutex_unlock(&b->lock);
    return found;
}
