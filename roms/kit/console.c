/* SPDX-License-Identifier: MIT */
/*
 * Output on COM1 (16550 at 0x3f8, polled), and a printf of the few conversions the kernels use:
 * %c %s %d %u %x with - 0 width and l/ll. A call is formatted whole and then written under a lock,
 * so lines of different CPUs do not mix.
 */
#include "roms/kit/kit.h"

#define COM1 0x3f8
#define LSR_THRE 0x20

struct out {
    char text[512];
    unsigned length;
};

static unsigned console_lock;

void console_init(void)
{
    outb(COM1 + 1, 0);    /* no interrupts */
    outb(COM1 + 3, 0x80); /* divisor latch: 115200 baud */
    outb(COM1 + 0, 1);
    outb(COM1 + 1, 0);
    outb(COM1 + 3, 0x03); /* 8N1 */
    outb(COM1 + 2, 0x07); /* FIFOs on and empty */
    outb(COM1 + 4, 0x03); /* DTR, RTS */
}

static void put(struct out *out, char c)
{
    if (out->length < sizeof out->text)
        out->text[out->length++] = c;
}

static void put_padded(struct out *out, const char *text, unsigned length, unsigned width, char pad)
{
    bool left = pad == '-';

    for (unsigned i = length; !left && i < width; i++)
        put(out, pad);
    for (unsigned i = 0; i < length; i++)
        put(out, text[i]);
    for (unsigned i = length; left && i < width; i++)
        put(out, ' ');
}

static void put_number(struct out *out, uint64_t value, unsigned base, bool minus, unsigned width,
                       char pad)
{
    char digits[24];
    unsigned at = sizeof digits;

    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (minus)
        digits[--at] = '-';
    put_padded(out, digits + at, sizeof digits - at, width, pad);
}

static void put_integer(struct out *out, char conversion, int64_t value, unsigned width, char pad)
{
    bool minus = conversion == 'd' && value < 0;
    uint64_t magnitude = minus ? -(uint64_t)value : (uint64_t)value;

    put_number(out, magnitude, conversion == 'x' ? 16 : 10, minus, width, pad);
}

static void format_text(struct out *out, const char *f, va_list args)
{
    for (; *f; f++) {
        if (*f != '%') {
            put(out, *f);
            continue;
        }
        char pad = ' ';
        unsigned width = 0, longs = 0;
        for (f++; *f == '-' || *f == '0'; f++)
            pad = *f;
        for (; *f >= '0' && *f <= '9'; f++)
            width = width * 10 + (unsigned)(*f - '0');
        for (; *f == 'l'; f++)
            longs++;
        if (*f == 's') {
            const char *s = va_arg(args, const char *);
            unsigned length = 0;
            while (s[length])
                length++;
            put_padded(out, s, length, width, pad);
        } else if (*f == 'c') {
            put(out, (char)va_arg(args, int));
        } else if (*f == 'd') {
            int64_t value = longs > 1 ? va_arg(args, long long)
                            : longs   ? va_arg(args, long)
                                      : va_arg(args, int);
            put_integer(out, 'd', value, width, pad);
        } else if (*f == 'u' || *f == 'x') {
            uint64_t value = longs > 1 ? va_arg(args, unsigned long long)
                             : longs   ? va_arg(args, unsigned long)
                                       : va_arg(args, unsigned);
            put_integer(out, *f, (int64_t)value, width, pad);
        } else {
            put(out, *f);
        }
    }
}

static void write_out(const struct out *out)
{
    for (unsigned i = 0; i < out->length; i++) {
        if (out->text[i] == '\n') {
            while (!(inb(COM1 + 5) & LSR_THRE))
                cpu_pause();
            outb(COM1, '\r');
        }
        while (!(inb(COM1 + 5) & LSR_THRE))
            cpu_pause();
        outb(COM1, (uint8_t)out->text[i]);
    }
}

void print_args(const char *format, va_list args)
{
    struct out out = {.length = 0};
    unsigned long flags;

    format_text(&out, format, args);
    flags = irq_save();
    while (__atomic_exchange_n(&console_lock, 1, __ATOMIC_ACQUIRE))
        cpu_pause();
    write_out(&out);
    __atomic_store_n(&console_lock, 0, __ATOMIC_RELEASE);
    irq_restore(flags);
}

void print(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_args(format, args);
    va_end(args);
}

void panic(const char *format, ...)
{
    struct out out = {.length = 0};
    va_list args;

    irq_disable();
    va_start(args, format);
    format_text(&out, format, args);
    va_end(args);
    /* Whoever holds the lock may never give it up: wait a while, then write anyhow. */
    for (unsigned i = 0; i < 100000; i++) {
        if (!__atomic_exchange_n(&console_lock, 1, __ATOMIC_ACQUIRE))
            break;
        cpu_pause();
    }
    write_out(&(struct out){"panic: ", 7});
    write_out(&out);
    write_out(&(struct out){"\n", 1});
    __atomic_store_n(&console_lock, 0, __ATOMIC_RELEASE);
    machine_exit(0x7f);
}
