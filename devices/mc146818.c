/* SPDX-License-Identifier: MIT */
/*
 * MC146818A real-time clock plus CMOS RAM (Motorola MC146818A datasheet; PC use: index 0x32 holds
 * the century).
 *
 * The date is a function of the guest clock: base + (now - phase), read as binary or BCD, 12 or 24
 * hours. Writing a date register stops nothing: it takes the date apart, changes the field and puts
 * it together again; with SET on, the bytes are edited in place and count when SET goes off. Flags
 * in register C are brought up to date when it is read, so polling needs no timer; a timer runs
 * only for an enabled interrupt.
 *
 * The update-in-progress bit is on for the 244 us before a second changes. The periodic rates
 * assume the PC's 32768 Hz crystal. No daylight saving; no square wave output (its bits are kept);
 * VRT is always good.
 */
#include "devices/mc146818.h"

#define NS_PER_SEC 1000000000u
#define SECS_PER_DAY 86400
#define CRYSTAL_HZ 32768u

enum {
    RTC_SEC,
    RTC_SEC_ALARM,
    RTC_MIN,
    RTC_MIN_ALARM,
    RTC_HOUR,
    RTC_HOUR_ALARM,
    RTC_WDAY,
    RTC_MDAY,
    RTC_MONTH,
    RTC_YEAR,
    RTC_A,
    RTC_B,
    RTC_C,
    RTC_D,
    RTC_CENTURY = 0x32,
};
enum { A_UIP = 0x80, B_SET = 0x80, B_PIE = 0x40, B_AIE = 0x20, B_UIE = 0x10, B_DM = 4, B_24H = 2 };
enum { C_IRQF = 0x80, C_PF = 0x40, C_AF = 0x20, C_UF = 0x10 };
#define UIP_NS 244141u

struct date {
    i64 year;
    unsigned month, mday, wday, hour, min, sec; /* month, mday, wday from 1 (Sunday) */
};

/* Days since 1970-01-01 of a proleptic Gregorian date. */
static i64 days_from_date(i64 year, unsigned month, unsigned mday)
{
    i64 y = month <= 2 ? year - 1 : year;
    i64 era = (y >= 0 ? y : y - 399) / 400, year_of_era = y - era * 400;
    i64 day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + mday - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static struct date date_from_seconds(i64 seconds)
{
    i64 days = seconds / SECS_PER_DAY, rest = seconds % SECS_PER_DAY;
    struct date d = {.year = 1970, .month = 1};

    if (rest < 0) {
        rest += SECS_PER_DAY;
        days--;
    }
    d.hour = (unsigned)(rest / 3600);
    d.min = (unsigned)(rest / 60 % 60);
    d.sec = (unsigned)(rest % 60);
    d.wday = (unsigned)(((days + 4) % 7 + 7) % 7 + 1);
    d.year = 1970 + days / 366 - (days < 0);
    while (days >= days_from_date(d.year + 1, 1, 1))
        d.year++;
    while (d.month < 12 && days >= days_from_date(d.year, d.month + 1, 1))
        d.month++;
    d.mday = (unsigned)(days - days_from_date(d.year, d.month, 1) + 1);
    return d;
}

static u8 encode(const struct mc146818 *rtc, unsigned value)
{
    return (u8)(rtc->cmos[RTC_B] & B_DM ? value : value / 10 << 4 | value % 10);
}

static unsigned decode(const struct mc146818 *rtc, u8 byte)
{
    return rtc->cmos[RTC_B] & B_DM ? byte : (byte >> 4) * 10u + (byte & 15);
}

static u8 encode_hour(const struct mc146818 *rtc, unsigned hour)
{
    if (rtc->cmos[RTC_B] & B_24H)
        return encode(rtc, hour);
    return encode(rtc, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0);
}

static unsigned decode_hour(const struct mc146818 *rtc, u8 byte)
{
    if (rtc->cmos[RTC_B] & B_24H)
        return decode(rtc, byte);
    return decode(rtc, byte & 0x7f) % 12 + (byte & 0x80 ? 12 : 0);
}

static bool is_stopped(const struct mc146818 *rtc)
{
    /* DV: 0 to 2 select a time base; 6 and 7 hold the divider in reset; others are undefined. */
    return (rtc->cmos[RTC_B] & B_SET) || (rtc->cmos[RTC_A] >> 4 & 7) >= 6;
}

static u64 seconds_since_phase(const struct mc146818 *rtc, u64 now)
{
    return now > rtc->phase ? (now - rtc->phase) / NS_PER_SEC : 0;
}

/* Bring the clock's bytes up to the date. */
static void load_bytes(struct mc146818 *rtc, u64 now)
{
    struct date d = date_from_seconds(rtc->base + (i64)seconds_since_phase(rtc, now));

    rtc->cmos[RTC_SEC] = encode(rtc, d.sec);
    rtc->cmos[RTC_MIN] = encode(rtc, d.min);
    rtc->cmos[RTC_HOUR] = encode_hour(rtc, d.hour);
    rtc->cmos[RTC_WDAY] = encode(rtc, d.wday);
    rtc->cmos[RTC_MDAY] = encode(rtc, d.mday);
    rtc->cmos[RTC_MONTH] = encode(rtc, d.month);
    rtc->cmos[RTC_YEAR] = encode(rtc, (unsigned)(d.year % 100));
    rtc->cmos[RTC_CENTURY] = (u8)(d.year / 1000 % 10 << 4 | d.year / 100 % 10);
}

/* Start a new count of seconds from what the bytes say. */
static void store_bytes(struct mc146818 *rtc, u64 now, u64 phase)
{
    u8 century = rtc->cmos[RTC_CENTURY];
    i64 year = (century >> 4) * 1000 + (century & 15) * 100 + decode(rtc, rtc->cmos[RTC_YEAR]);
    unsigned month = decode(rtc, rtc->cmos[RTC_MONTH]);

    month = MIN(MAX(month, 1u), 12u);
    rtc->base = days_from_date(year, month, decode(rtc, rtc->cmos[RTC_MDAY])) * SECS_PER_DAY +
                decode_hour(rtc, rtc->cmos[RTC_HOUR]) * 3600 +
                decode(rtc, rtc->cmos[RTC_MIN]) * 60 + decode(rtc, rtc->cmos[RTC_SEC]);
    rtc->phase = phase;
    rtc->seen_seconds = seconds_since_phase(rtc, now);
}

/* Length of a periodic interrupt's period in crystal ticks; 0: off. Rates 1 and 2 stand for 8
 * and 9. */
static u64 period_ticks(const struct mc146818 *rtc)
{
    unsigned rate = rtc->cmos[RTC_A] & 15;

    if (!rate || (rtc->cmos[RTC_A] >> 4 & 7) >= 6)
        return 0;
    return 1u << ((rate <= 2 ? rate + 7 : rate) - 1);
}

static u64 periods_since_start(const struct mc146818 *rtc, u64 now)
{
    u64 ticks = period_ticks(rtc);

    if (!ticks || now < rtc->rate_start)
        return 0;
    return dev_ns_to_ticks(now - rtc->rate_start, CRYSTAL_HZ) / ticks;
}

/* Does the alarm match in second `s` since phase? */
static bool alarm_matches(const struct mc146818 *rtc, u64 s)
{
    u64 day = (u64)(((rtc->base + (i64)s) % SECS_PER_DAY + SECS_PER_DAY) % SECS_PER_DAY);
    u8 sec = rtc->cmos[RTC_SEC_ALARM], min = rtc->cmos[RTC_MIN_ALARM],
       hour = rtc->cmos[RTC_HOUR_ALARM];

    return (sec >= 0xc0 || decode(rtc, sec) == day % 60) &&
           (min >= 0xc0 || decode(rtc, min) == day / 60 % 60) &&
           (hour >= 0xc0 || decode_hour(rtc, hour) == day / 3600);
}

/* The first second in [from, to] since phase in which the alarm goes off; ~0: none. An alarm that
 * matches at all does so within a day. */
static u64 find_alarm(const struct mc146818 *rtc, u64 from, u64 to)
{
    to = MIN(to, from + SECS_PER_DAY);
    for (u64 s = from; s <= to; s++)
        if (alarm_matches(rtc, s))
            return s;
    return ~0ull;
}

/* Set the flags of everything that happened up to now, and drive the line. */
static void catch_up(struct mc146818 *rtc, u64 now)
{
    u64 seconds = seconds_since_phase(rtc, now), periods = periods_since_start(rtc, now);
    u8 *c = &rtc->cmos[RTC_C];

    if (!is_stopped(rtc) && seconds > rtc->seen_seconds) {
        *c |= C_UF;
        if (!(*c & C_AF) && find_alarm(rtc, rtc->seen_seconds + 1, seconds) != ~0ull)
            *c |= C_AF;
        rtc->seen_seconds = seconds;
    }
    if (periods > rtc->seen_periods) {
        *c |= C_PF;
        rtc->seen_periods = periods;
    }
    *c &= (u8)~C_IRQF;
    if (*c & rtc->cmos[RTC_B] & (C_PF | C_AF | C_UF))
        *c |= C_IRQF;
    irq_line_set(&rtc->irq, *c & C_IRQF);
}

/* Arm the timer for the next event whose interrupt is enabled and whose flag is not yet set. */
static void plan(struct mc146818 *rtc)
{
    u8 b = rtc->cmos[RTC_B] & (u8)~rtc->cmos[RTC_C];
    u64 next = DEV_TIMER_OFF, second = ~0ull;

    if (!is_stopped(rtc)) {
        if (b & B_AIE)
            second = find_alarm(rtc, rtc->seen_seconds + 1, ~0ull - SECS_PER_DAY);
        if (b & B_UIE)
            second = rtc->seen_seconds + 1;
        if (second != ~0ull)
            next = rtc->phase + second * NS_PER_SEC;
    }
    if ((b & B_PIE) && period_ticks(rtc))
        next =
            MIN(next, rtc->rate_start +
                          dev_ticks_to_ns((rtc->seen_periods + 1) * period_ticks(rtc), CRYSTAL_HZ));
    dev_timer_arm(&rtc->timer, next);
}

static void fire(void *dev, u64 now_ns)
{
    catch_up(dev, now_ns);
    plan(dev);
}

static bool is_date(unsigned index)
{
    return (index <= RTC_YEAR && index != RTC_SEC_ALARM && index != RTC_MIN_ALARM &&
            index != RTC_HOUR_ALARM) ||
           index == RTC_CENTURY;
}

static u8 read_a(const struct mc146818 *rtc, u64 now)
{
    u64 into = now > rtc->phase ? (now - rtc->phase) % NS_PER_SEC : 0;
    bool updating = !is_stopped(rtc) && into >= NS_PER_SEC - UIP_NS;

    return (rtc->cmos[RTC_A] & 0x7f) | (updating ? A_UIP : 0);
}

static u8 read_register(struct mc146818 *rtc, unsigned index)
{
    u64 now = dev_now(rtc->dev.io);
    u8 value;

    if (is_date(index) && !is_stopped(rtc))
        load_bytes(rtc, now);
    if (index == RTC_A)
        return read_a(rtc, now);
    if (index != RTC_C)
        return rtc->cmos[index];
    catch_up(rtc, now);
    value = rtc->cmos[RTC_C];
    rtc->cmos[RTC_C] = 0;
    irq_line_set(&rtc->irq, false);
    plan(rtc);
    return value;
}

static void write_a(struct mc146818 *rtc, u8 value, u64 now)
{
    u8 changed = rtc->cmos[RTC_A] ^ value;
    bool was_stopped = is_stopped(rtc);

    if (!was_stopped)
        load_bytes(rtc, now);
    rtc->cmos[RTC_A] = value & 0x7f;
    if (changed & 0x7f) {
        rtc->rate_start = now;
        rtc->seen_periods = 0;
    }
    /* The first update after the divider's reset comes half a second later. */
    if (was_stopped && !is_stopped(rtc))
        store_bytes(rtc, now, now < NS_PER_SEC / 2 ? now : now - NS_PER_SEC / 2);
}

static void write_b(struct mc146818 *rtc, u8 value, u64 now)
{
    bool was_stopped = is_stopped(rtc);

    if (!was_stopped)
        load_bytes(rtc, now);
    if (value & B_SET)
        value &= (u8)~B_UIE;
    rtc->cmos[RTC_B] = value;
    if (was_stopped && !is_stopped(rtc))
        store_bytes(rtc, now, now);
}

static void write_register(struct mc146818 *rtc, unsigned index, u8 value)
{
    u64 now = dev_now(rtc->dev.io);

    catch_up(rtc, now);
    if (index == RTC_A) {
        write_a(rtc, value, now);
    } else if (index == RTC_B) {
        write_b(rtc, value, now);
    } else if (is_date(index) && !is_stopped(rtc)) {
        load_bytes(rtc, now);
        rtc->cmos[index] = value;
        store_bytes(rtc, now, rtc->phase + seconds_since_phase(rtc, now) * NS_PER_SEC);
    } else if (index != RTC_C && index != RTC_D) {
        rtc->cmos[index] = value;
    }
    catch_up(rtc, now);
    plan(rtc);
}

static u64 rtc_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    struct mc146818 *rtc = dev;

    (void)by;
    (void)size;
    return offset ? read_register(rtc, rtc->index) : 0xff;
}

static void rtc_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    struct mc146818 *rtc = dev;

    (void)by;
    (void)size;
    if (offset)
        write_register(rtc, rtc->index, (u8)value);
    else
        rtc->index = value & 0x7f;
}

const struct region_ops mc146818_ops = {rtc_read, rtc_write, .max_size = 1};

/* The chip runs on its battery: a reset clears interrupt enables and flags and leaves the date
 * alone. */
static void reset(void *dev)
{
    struct mc146818 *rtc = dev;

    rtc->cmos[RTC_B] &= (u8) ~(B_PIE | B_AIE | B_UIE | 8);
    rtc->cmos[RTC_C] = 0;
    dev_timer_cancel(&rtc->timer);
}

static const struct dev_field state[] = {DEV_ARRAY(mc146818, cmos),
                                         DEV_FIELD(mc146818, index),
                                         DEV_FIELD(mc146818, base),
                                         DEV_FIELD(mc146818, phase),
                                         DEV_FIELD(mc146818, seen_seconds),
                                         DEV_FIELD(mc146818, rate_start),
                                         DEV_FIELD(mc146818, seen_periods),
                                         DEV_FIELD(mc146818, timer.deadline),
                                         DEV_END};

static const struct dev_class mc146818_class = {
    .name = "mc146818", .size = sizeof(struct mc146818), .state = state, .reset = reset};

struct mc146818 *mc146818_create(struct machine_io *io, i64 rtc_base)
{
    struct mc146818 *rtc = device_create(io, &mc146818_class);

    rtc->base = rtc_base;
    rtc->cmos[RTC_A] = 0x26; /* 32768 Hz, 1024 Hz periodic rate: what a PC's firmware leaves */
    rtc->cmos[RTC_B] = B_24H;
    rtc->cmos[RTC_D] = 0x80;
    dev_timer_init(&rtc->timer, io, fire, rtc);
    return rtc;
}

void mc146818_set_cmos(struct mc146818 *rtc, unsigned index, u8 value)
{
    rtc->cmos[index & 0x7f] = value;
}
