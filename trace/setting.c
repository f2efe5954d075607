/* SPDX-License-Identifier: MIT */
/*
 * Settings of the machine as objects: something that one vCPU changes for all at once and that the others have built into what they
 * derive, as the A20 gate is built into every translation. It is an object of the directory like a page that all have derived
 * from: who changes it does so at an instruction of its own, before which each of the others has stopped at a boundary and
 * dropped what follows from the old value, and behind which they look again.
 *
 * Recorded runs: holds, with their edges; so a replay changes it between the same instructions of everybody. Plain runs and
 * replays: the entry's `readers` are who remembers it, taken back as a bracket takes back what was derived (trace/holds.c),
 * whatever semantics the user has chosen for traces: nothing else would be a change of the machine.
 */
#include <errno.h>

#include "trace/directory.h"

static bool claimed_by_other(const struct dir_entry *e, const struct participant *p)
{
    return e->claim && e->claimer != p->id;
}

static int remember_plain(struct participant *p, u64 object)
{
    struct directory *d = p->dir;
    struct dir_entry *e = &d->entries[object];
    int err = 0;

    pthread_mutex_lock(directory_lock_of(d, object));
    if (claimed_by_other(e, p))
        err = -EAGAIN;
    else
        e->readers |= PMASK(p->id);
    pthread_mutex_unlock(directory_lock_of(d, object));
    return err;
}

static int change_plain(struct participant *p, u64 object)
{
    struct directory *d = p->dir;
    struct dir_entry *e = &d->entries[object];
    int err = 0;

    pthread_mutex_lock(directory_lock_of(d, object));
    if (claimed_by_other(e, p) || (e->readers & ~PMASK(p->id)))
        err = -EAGAIN;
    else
        directory_claim_locked(e, object, p);
    pthread_mutex_unlock(directory_lock_of(d, object));
    return err;
}

int setting_remember(struct participant *p, u64 object)
{
    int err = p->dir->order ? directory_has(p, object, RIGHT_READ) ? 0 : -EAGAIN
                            : remember_plain(p, object);

    if (err)
        directory_want(p, object, RIGHT_READ, 0, 0);
    return err;
}

int setting_change(struct participant *p, u64 object)
{
    int err = p->dir->order ? directory_has(p, object, RIGHT_WRITE) ? 0 : -EAGAIN
                            : change_plain(p, object);

    if (err)
        directory_want(p, object, RIGHT_WRITE, 0, 0);
    return err;
}

void setting_release_locked(struct dir_entry *e, u64 object, struct participant *c)
{
    e->readers &= ~PMASK(c->id);
    c->drop(c, object, DROP_A20);
}
