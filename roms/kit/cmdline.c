/* SPDX-License-Identifier: MIT */
/*
 * The command line that the Multiboot loader passed (Multiboot 1 §3.3: flags bit 2, pointer at
 * offset 16): words separated by spaces, "word" or "key=value". It is copied at once, since the
 * loader may have put it where the trampoline of the other CPUs goes. The first word, usually the
 * kernel's file name, is not treated specially.
 */
#include "roms/kit/kit.h"

#define MB_INFO_CMDLINE 0x4

static char cmdline[512];

void cmdline_init(uint32_t multiboot_info)
{
    const uint32_t *info = (const uint32_t *)(uintptr_t)multiboot_info;

    if (!info || !(info[0] & MB_INFO_CMDLINE))
        return;
    const char *from = (const char *)(uintptr_t)info[4];
    for (unsigned i = 0; i + 1 < sizeof cmdline && from[i]; i++)
        cmdline[i] = from[i];
}

static bool is_end(char c)
{
    return c == '\0' || c == ' ';
}

/* The text after "key" where a word begins with it, or NULL; the last such word counts. */
static const char *find(const char *key)
{
    const char *found = NULL;
    const char *at = cmdline;

    while (*at) {
        unsigned n = 0;
        while (key[n] && at[n] == key[n])
            n++;
        if (!key[n] && (is_end(at[n]) || at[n] == '='))
            found = at + n;
        while (!is_end(*at))
            at++;
        while (*at == ' ')
            at++;
    }
    return found;
}

bool cmdline_has(const char *word)
{
    return find(word) != NULL;
}

bool cmdline_is(const char *key, const char *value)
{
    const char *at = find(key);

    if (!at || *at++ != '=')
        return false;
    for (; *value; value++, at++)
        if (*at != *value)
            return false;
    return is_end(*at);
}

uint64_t cmdline_number(const char *key, uint64_t fallback)
{
    const char *at = find(key);
    uint64_t value = 0;
    unsigned base = 10;

    if (!at || *at++ != '=' || is_end(*at))
        return fallback;
    if (at[0] == '0' && at[1] == 'x') {
        base = 16;
        at += 2;
    }
    for (; !is_end(*at); at++) {
        unsigned digit = *at >= 'a' ? (unsigned)(*at - 'a') + 10 : (unsigned)(*at - '0');
        if (digit >= base)
            panic("command line: %s= takes a number", key);
        value = value * base + digit;
    }
    return value;
}
