/* SPDX-License-Identifier: MIT */
/*
 * Counting cases and saying which failed. The last line of a test is "NAME: P passed, F failed"; the
 * run ends through isa-debug-exit with 0 for good (exit status 1 of the emulator), 1 otherwise (3).
 */
#include "tests/system/kit/system.h"

#define SHOWN 20      /* failures printed */
#define SHOWN_KNOWN 8 /* known differences */

static unsigned passed, failed, known;

unsigned judge(void)
{
    return cmdline_is("judge", "tcg") ? ON_TCG : cmdline_is("judge", "kvm") ? ON_KVM : 0;
}

/* A case that failed: counted, and said if it is one of the first. */
static void fail(unsigned who, const char *section, const char *format, va_list args)
{
    bool is_known = who & judge();

    if (is_known ? known++ >= SHOWN_KNOWN : failed++ >= SHOWN)
        return;
    if (is_known)
        print("QEMU-DIFFERS from %s: ", section);
    else
        print("FAIL: ");
    print_args(format, args);
    print("\n");
}

bool check(bool ok, const char *format, ...)
{
    va_list args;

    passed += ok;
    if (!ok) {
        va_start(args, format);
        fail(0, "", format, args);
        va_end(args);
    }
    return ok;
}

bool check_but(unsigned who, const char *section, bool ok, const char *format, ...)
{
    va_list args;

    passed += ok;
    if (!ok) {
        va_start(args, format);
        fail(who, section, format, args);
        va_end(args);
    }
    return ok;
}

void absent(const char *what)
{
    print("ABSENT: %s\n", what);
}

void report(const char *name)
{
    if (known)
        print("%s: %u known differences\n", name, known);
    print("%s: %u passed, %u failed\n", name, passed, failed);
    outl(0xf4, failed ? 1 : 0);
    for (;;)
        __asm__ volatile("cli; hlt");
}
