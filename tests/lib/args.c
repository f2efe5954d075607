/* SPDX-License-Identifier: MIT */
/*
 * See args.h.
 */
#include "tests/lib/args.h"

#include <stdlib.h>
#include <string.h>

u64 args_number(int argc, char **argv, const char *name, u64 otherwise)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (!strcmp(argv[i], name))
            return strtoull(argv[i + 1], NULL, 0);
    }
    return otherwise;
}
