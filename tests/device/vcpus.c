/* SPDX-License-Identifier: MIT */
/*
 * vCPUs for tests (see vcpus.h). All share the fixture's stream: nothing is recorded here.
 */
#include "tests/device/vcpus.h"

#include <stdlib.h>

#include "cpu/cpuid.h"
#include "cpu/lapic.h"
#include "src/base/check.h"
#include "trace/ipi_box.h"

void vcpus_begin(struct vcpus *s, struct fixture *f, unsigned n)
{
    CHECK(n <= VCPUS_MAX);
    s->n = n;
    for (unsigned i = 0; i < n; i++) {
        struct vcpu *v = aligned_alloc(64, (sizeof(*v) + 63) & ~(size_t)63);

        CHECK(v);
        memset(v, 0, sizeof(*v));
        participant_create(&v->p, i, NULL, journal_stream(&f->journal, 0));
        CHECK(ipi_box_create(&v->p) == 0);
        v->id = i;
        v->model = cpu_model_find("x86-64-v2");
        s->v[i] = v;
    }
}

void vcpus_end(struct vcpus *s)
{
    for (unsigned i = 0; i < s->n; i++) {
        ipi_box_destroy(&s->v[i]->p);
        participant_destroy(&s->v[i]->p);
        free(s->v[i]);
    }
    s->n = 0;
}

unsigned vcpus_deliver(struct vcpus *s, unsigned i)
{
    struct ipi_mail mail;
    unsigned n = 0;

    s->v[i]->p.position++; /* one's own messages count from the next position */
    for (; ipi_take_first(&s->v[i]->p, &mail); n++)
        lapic_accept(s->v[i], &mail.msg);
    return n;
}
