/* SPDX-License-Identifier: MIT */
/*
 * PS/2 mouse with three buttons and the standard three-byte packets (IBM PS/2 hardware interface
 * technical reference, "Auxiliary device").
 *
 * Every command of the standard mouse is there; scaling 2:1 is kept and not applied. Movement that
 * finds no room in the queue adds up and goes out with the next packet.
 */
#include "devices/ps2.h"

enum { REPLY_ACK = 0xfa, REPLY_RESEND = 0xfe, REPLY_BAT_OK = 0xaa };

static void reply(struct ps2_mouse *m, u8 byte)
{
    m->last = byte;
    ps2_put(&m->out, &byte, 1);
}

static void set_defaults(struct ps2_mouse *m)
{
    m->resolution = 2;
    m->rate = 100;
    m->enabled = m->remote = m->scale2 = false;
    m->dx = m->dy = 0;
    m->command = 0;
}

void ps2_mouse_reset(struct ps2_mouse *m)
{
    ps2_clear(&m->out);
    set_defaults(m);
    m->wrap = false;
    m->buttons = 0;
}

static void send_packet(struct ps2_mouse *m)
{
    int dx = MIN(MAX(m->dx, -256), 255), dy = MIN(MAX(m->dy, -256), 255);
    u8 packet[3] = {(u8)(m->buttons | 8 | (dx < 0) << 4 | (dy < 0) << 5), (u8)dx, (u8)dy};

    if (!ps2_put(&m->out, packet, 3))
        return;
    m->dx = (i16)(m->dx - dx);
    m->dy = (i16)(m->dy - dy);
}

void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, u8 buttons)
{
    m->dx = (i16)MIN(MAX(m->dx + dx, -4096), 4096);
    m->dy = (i16)MIN(MAX(m->dy + dy, -4096), 4096);
    m->buttons = buttons & 7;
    if (m->enabled && !m->remote)
        send_packet(m);
}

static void send_status(struct ps2_mouse *m)
{
    u8 left_to_right = (u8)((m->buttons & 1) << 2 | (m->buttons & 4) >> 1 | (m->buttons & 2) >> 1);

    reply(m, REPLY_ACK);
    reply(m, (u8)(m->remote << 6 | m->enabled << 5 | m->scale2 << 4 | left_to_right));
    reply(m, m->resolution);
    reply(m, m->rate);
}

static void write_argument(struct ps2_mouse *m, u8 byte)
{
    if (m->command == 0xe8)
        m->resolution = byte & 3;
    else
        m->rate = byte;
    m->command = 0;
    reply(m, REPLY_ACK);
}

static void write_command(struct ps2_mouse *m, u8 byte)
{
    switch (byte) {
    case 0xe6:
    case 0xe7: m->scale2 = byte & 1; break;
    case 0xe8:
    case 0xf3: m->command = byte; break;
    case 0xe9: send_status(m); return;
    case 0xea: m->remote = false; break;
    case 0xeb:
        reply(m, REPLY_ACK);
        send_packet(m);
        return;
    case 0xec: m->wrap = false; break;
    case 0xee: m->wrap = true; break;
    case 0xf0: m->remote = true; break;
    case 0xf2:
        reply(m, REPLY_ACK);
        reply(m, 0); /* a standard mouse */
        return;
    case 0xf4:
        m->enabled = true;
        m->dx = m->dy = 0;
        break;
    case 0xf5: m->enabled = false; break;
    case 0xf6: set_defaults(m); break;
    case 0xfe: reply(m, m->last); return;
    case 0xff:
        ps2_mouse_reset(m);
        reply(m, REPLY_ACK);
        reply(m, REPLY_BAT_OK);
        reply(m, 0);
        return;
    default: reply(m, REPLY_RESEND); return;
    }
    reply(m, REPLY_ACK);
}

void ps2_mouse_write(struct ps2_mouse *m, u8 byte)
{
    if (m->wrap && byte != 0xec && byte != 0xff) {
        reply(m, byte);
        return;
    }
    ps2_clear(&m->out); /* a command discards what was not read */
    if (m->command && byte <= 200)
        write_argument(m, byte);
    else
        write_command(m, byte);
}
