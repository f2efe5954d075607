/* SPDX-License-Identifier: MIT */
/*
 * PS/2 keyboard, 102 keys (IBM PS/2 hardware interface technical reference, "Keyboards": commands,
 * scan code sets 1 and 2), and the 8042's translation from set 2 to set 1.
 *
 * Keys are named by their set 1 make code. The set 2 code follows from the translation table read
 * backwards, so there is one table. Set 3 is acknowledged and ignored, as many real keyboards do.
 * Typematic repeat is the caller's: a repeated key is another key down. Without room for a whole
 * code, a key is lost.
 */
#include "devices/ps2.h"

enum { REPLY_ACK = 0xfa, REPLY_RESEND = 0xfe, REPLY_BAT_OK = 0xaa };
enum { KEY_EXTENDED = 0x80, KEY_PAUSE = 0xc6, KEY_PRINT = 0xb7 };

/* Set 1 code of each set 2 code. */
static const u8 translation[128] = {
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
};

u8 ps2_translate(u8 code)
{
    if (code < 0x80)
        return translation[code];
    return code == 0x83 ? 0x41 : code == 0x84 ? 0x54 : code; /* F7 and SysRq */
}

static u8 set2_code(u8 set1)
{
    if (set1 == 0x41)
        return 0x83;
    if (set1 == 0x54)
        return 0x84;
    for (unsigned i = 0; i < 128; i++)
        if (translation[i] == set1)
            return (u8)i;
    return 0;
}

bool ps2_put(struct ps2_queue *q, const u8 *bytes, unsigned n)
{
    if (q->count + n > PS2_QUEUE)
        return false;
    for (unsigned i = 0; i < n; i++)
        q->bytes[(q->first + q->count++) % PS2_QUEUE] = bytes[i];
    return true;
}

u8 ps2_take(struct ps2_queue *q)
{
    u8 byte = q->bytes[q->first];

    q->first = (u8)((q->first + 1) % PS2_QUEUE);
    q->count--;
    return byte;
}

static void reply(struct ps2_keyboard *k, u8 byte)
{
    k->last = byte;
    ps2_put(&k->out, &byte, 1);
}

static void set_defaults(struct ps2_keyboard *k)
{
    k->set = 2;
    k->rate = 0x2b;
    k->leds = 0;
    k->command = 0;
}

void ps2_keyboard_reset(struct ps2_keyboard *k)
{
    ps2_clear(&k->out);
    set_defaults(k);
    k->enabled = true;
}

static void write_argument(struct ps2_keyboard *k, u8 byte)
{
    u8 command = k->command;

    k->command = 0;
    reply(k, REPLY_ACK);
    switch (command) {
    case 0xed: k->leds = byte & 7; break;
    case 0xf3: k->rate = byte & 0x7f; break;
    case 0xf0:
        if (!byte)
            reply(k, k->set);
        else if (byte <= 2)
            k->set = byte;
        break;
    }
}

static void write_command(struct ps2_keyboard *k, u8 byte)
{
    static const u8 id[2] = {0xab, 0x83};

    switch (byte) {
    case 0xed:
    case 0xf0:
    case 0xf3:
        k->command = byte;
        reply(k, REPLY_ACK);
        break;
    case 0xee: reply(k, 0xee); break; /* echo */
    case 0xf2:
        reply(k, REPLY_ACK);
        ps2_put(&k->out, id, 2);
        break;
    case 0xf4:
        ps2_clear(&k->out);
        k->enabled = true;
        reply(k, REPLY_ACK);
        break;
    case 0xf5:
    case 0xf6:
        ps2_clear(&k->out);
        set_defaults(k);
        k->enabled = byte == 0xf6;
        reply(k, REPLY_ACK);
        break;
    case 0xf7:
    case 0xf8:
    case 0xf9:
    case 0xfa: reply(k, REPLY_ACK); break; /* set 3 only */
    case 0xfe: reply(k, k->last); break;
    case 0xff:
        ps2_keyboard_reset(k);
        reply(k, REPLY_ACK);
        reply(k, REPLY_BAT_OK);
        break;
    default: reply(k, REPLY_RESEND); break;
    }
}

/* A command may replace one that waits for its argument: arguments are below 0xed. */
void ps2_keyboard_write(struct ps2_keyboard *k, u8 byte)
{
    if (k->command && byte < 0xed)
        write_argument(k, byte);
    else
        write_command(k, byte);
}

/* One make or break code of the present set into at; returns its length. */
static unsigned put_code(const struct ps2_keyboard *k, u8 *at, u8 code, bool down)
{
    unsigned n = 0;

    if (code & KEY_EXTENDED)
        at[n++] = 0xe0;
    code &= 0x7f;
    if (k->set == 1) {
        at[n++] = down ? code : code | 0x80;
    } else {
        if (!down)
            at[n++] = 0xf0;
        at[n++] = set2_code(code);
    }
    return n;
}

void ps2_keyboard_key(struct ps2_keyboard *k, u8 code, bool down)
{
    static const u8 pause1[6] = {0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5};
    static const u8 pause2[8] = {0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77};
    u8 bytes[8];
    unsigned n = 0;

    if (!k->enabled)
        return;
    if (code == KEY_PAUSE) { /* has no break code */
        if (down)
            ps2_put(&k->out, k->set == 1 ? pause1 : pause2, k->set == 1 ? 6 : 8);
        return;
    }
    /* Print Screen comes with a shift of its own around it. */
    if (code == KEY_PRINT && down)
        n = put_code(k, bytes, KEY_EXTENDED | 0x2a, true);
    n += put_code(k, bytes + n, code, down);
    if (code == KEY_PRINT && !down)
        n += put_code(k, bytes + n, KEY_EXTENDED | 0x2a, false);
    ps2_put(&k->out, bytes, n);
}
