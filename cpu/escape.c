/* SPDX-License-Identifier: MIT */
/*
 * Catching escapes (see escape.h). The outer catcher's jump buffer is kept on this function's stack and put back
 * before anything else happens.
 */
#include "cpu/escape.h"

enum escape vcpu_try(struct vcpu *v, void (*fn)(struct vcpu *v, void *arg), void *arg)
{
    jmp_buf outer;
    volatile enum escape why = ESCAPE_NONE;
    int code;

    memcpy(&outer, &v->escape, sizeof(outer));
    code = setjmp(v->escape);
    if (code == 0)
        fn(v, arg);
    else
        why = (enum escape)code;
    memcpy(&v->escape, &outer, sizeof(outer));
    return why;
}

void vcpu_rethrow(struct vcpu *v, enum escape why)
{
    longjmp(v->escape, why);
}
