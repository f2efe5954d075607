/* SPDX-License-Identifier: MIT */
/*
 * vCPUs without an engine, for tests of local APICs and of the board: participants with mailboxes
 * on the fixture's clock.
 */
#ifndef X86SIM_TESTS_DEVICE_VCPUS_H
#define X86SIM_TESTS_DEVICE_VCPUS_H

#include "cpu/vcpu.h"
#include "tests/device/fixture.h"

#define VCPUS_MAX 20u

struct vcpus {
    struct vcpu *v[VCPUS_MAX];
    unsigned n;
};

/* n vCPUs with ids 0 to n - 1, without local APICs. */
void vcpus_begin(struct vcpus *s, struct fixture *f, unsigned n);
void vcpus_end(struct vcpus *s);
/* Let vCPU i accept its mail. Returns the number of messages. */
unsigned vcpus_deliver(struct vcpus *s, unsigned i);

#endif
