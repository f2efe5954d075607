/* SPDX-License-Identifier: MIT */
/*
 * i8042 keyboard controller as in a PS/2 (IBM PS/2 hardware interface technical reference,
 * "Keyboard and auxiliary device controller"; Intel UPI-41/42 manual for the chip).
 *
 * One output buffer is filled from three sources: the controller's own answers, the keyboard, the
 * mouse. It is refilled as soon as the guest has read it; interrupts 1 and 12 follow it. Nothing
 * takes time, so the input buffer always reads empty. Keyboard bytes are translated from set 2 to
 * set 1 while the command byte says so, its answers too, as the real chip does.
 *
 * The output port's bit 1 opens the A20 gate, and commands DD and DF do; see port92.c.
 */
#include "devices/i8042.h"

enum { ST_OBF = 1, ST_SYSTEM = 4, ST_COMMAND = 8, ST_UNLOCKED = 0x10, ST_AUX = 0x20 };
enum {
    CFG_KBD_INT = 1,
    CFG_AUX_INT = 2,
    CFG_SYSTEM = 4,
    CFG_KBD_OFF = 0x10,
    CFG_AUX_OFF = 0x20,
    CFG_TRANSLATE = 0x40
};
enum { OUT_RUN = 1, OUT_A20 = 2, OUT_KBD_IRQ = 0x10, OUT_AUX_IRQ = 0x20, OUT_LINES = 0xc0 };
enum { OWN_NONE, OWN_KBD, OWN_AUX };

static void update_lines(struct i8042 *k)
{
    bool full = k->status & ST_OBF, aux = k->status & ST_AUX;

    irq_line_set(&k->kbd_irq, full && !aux && (k->ram[0] & CFG_KBD_INT));
    irq_line_set(&k->mouse_irq, full && aux && (k->ram[0] & CFG_AUX_INT));
}

static void fill(struct i8042 *k, u8 byte, bool aux)
{
    k->output = byte;
    k->status = (u8)((k->status & ~ST_AUX) | ST_OBF | (aux ? ST_AUX : 0));
}

/* The next keyboard byte as the guest sees it; false if it was a prefix that translation swallows.
 */
static bool take_keyboard(struct i8042 *k, u8 *byte)
{
    u8 code = ps2_take(&k->kbd.out);

    if (!(k->ram[0] & CFG_TRANSLATE)) {
        *byte = code;
        return true;
    }
    if (code == 0xf0) {
        k->after_break = true;
        return false;
    }
    *byte = ps2_translate(code);
    if (k->after_break)
        *byte |= 0x80;
    k->after_break = false;
    return true;
}

/* Refill an empty output buffer. */
static void pump(struct i8042 *k)
{
    u8 byte;

    if (!(k->status & ST_OBF) && k->own_state != OWN_NONE) {
        fill(k, k->own, k->own_state == OWN_AUX);
        k->own_state = OWN_NONE;
    }
    while (!(k->status & ST_OBF) && k->kbd.out.count && !(k->ram[0] & CFG_KBD_OFF))
        if (take_keyboard(k, &byte))
            fill(k, byte, false);
    if (!(k->status & ST_OBF) && k->mouse.out.count && !(k->ram[0] & CFG_AUX_OFF))
        fill(k, ps2_take(&k->mouse.out), true);
    update_lines(k);
}

/* The controller answers at once: whatever was in the output buffer is gone. */
static void answer(struct i8042 *k, u8 byte, u8 place)
{
    k->status &= (u8) ~(ST_OBF | ST_AUX);
    update_lines(k);
    k->own = byte;
    k->own_state = place;
}

static void pulse_reset(struct i8042 *k)
{
    if (k->reset)
        k->reset(k->opaque);
}

static void write_outport(struct i8042 *k, u8 value)
{
    k->outport = value & (OUT_RUN | OUT_A20);
    if (!(value & OUT_RUN))
        pulse_reset(k);
}

static u8 read_outport(const struct i8042 *k)
{
    bool full = k->status & ST_OBF, aux = k->status & ST_AUX;

    return (u8)(k->outport | OUT_LINES | (full && !aux ? OUT_KBD_IRQ : 0) |
                (full && aux ? OUT_AUX_IRQ : 0));
}

static void run_command(struct i8042 *k, u8 command)
{
    k->command = 0;
    switch (command) {
    case 0x20 ... 0x3f: answer(k, k->ram[command & 31], OWN_KBD); break;
    case 0x60 ... 0x7f:
    case 0xd1 ... 0xd4: k->command = command; break;
    case 0xa7: k->ram[0] |= CFG_AUX_OFF; break;
    case 0xa8: k->ram[0] &= (u8)~CFG_AUX_OFF; break;
    case 0xa9: answer(k, 0, OWN_KBD); break; /* mouse line test: good */
    case 0xaa:
        k->status |= ST_SYSTEM;
        k->ram[0] |= CFG_SYSTEM;
        answer(k, 0x55, OWN_KBD);
        break;
    case 0xab: answer(k, 0, OWN_KBD); break; /* keyboard line test: good */
    case 0xad: k->ram[0] |= CFG_KBD_OFF; break;
    case 0xae: k->ram[0] &= (u8)~CFG_KBD_OFF; break;
    case 0xc0: answer(k, 0x80, OWN_KBD); break; /* input port: keyboard not locked */
    case 0xd0: answer(k, read_outport(k), OWN_KBD); break;
    case 0xdd: k->outport &= (u8)~OUT_A20; break;
    case 0xdf: k->outport |= OUT_A20; break;
    case 0xe0: answer(k, 0, OWN_KBD); break; /* test inputs */
    case 0xf0 ... 0xff:
        if (!(command & 1))
            pulse_reset(k);
        break;
    default: break;
    }
}

static void write_argument(struct i8042 *k, u8 byte)
{
    u8 command = k->command;

    k->command = 0;
    switch (command) {
    case 0x60 ... 0x7f:
        k->ram[command & 31] = byte;
        if (command == 0x60)
            k->status = (u8)((k->status & ~ST_SYSTEM) | (byte & CFG_SYSTEM));
        break;
    case 0xd1: write_outport(k, byte); break;
    case 0xd2: answer(k, byte, OWN_KBD); break;
    case 0xd3: answer(k, byte, OWN_AUX); break;
    case 0xd4:
        k->ram[0] &= (u8)~CFG_AUX_OFF;
        ps2_mouse_write(&k->mouse, byte);
        break;
    default: /* none: it is for the keyboard, which talking to switches on */
        k->ram[0] &= (u8)~CFG_KBD_OFF;
        ps2_keyboard_write(&k->kbd, byte);
        break;
    }
}

static u64 data_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    struct i8042 *k = dev;
    u8 byte = k->output;

    (void)by;
    (void)offset;
    (void)size;
    k->status &= (u8) ~(ST_OBF | ST_AUX);
    update_lines(k);
    pump(k);
    return byte;
}

static void data_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    struct i8042 *k = dev;

    (void)by;
    (void)offset;
    (void)size;
    k->status &= (u8)~ST_COMMAND;
    write_argument(k, (u8)value);
    pump(k);
}

static u64 status_read(void *dev, struct participant *by, u64 offset, unsigned size)
{
    const struct i8042 *k = dev;

    (void)by;
    (void)offset;
    (void)size;
    return k->status;
}

static void command_write(void *dev, struct participant *by, u64 offset, unsigned size, u64 value)
{
    struct i8042 *k = dev;

    (void)by;
    (void)offset;
    (void)size;
    k->status |= ST_COMMAND;
    run_command(k, (u8)value);
    pump(k);
}

static int data_a20(const void *dev, u64 offset, u8 value)
{
    const struct i8042 *k = dev;

    (void)offset;
    return k->command == 0xd1 ? !!(value & OUT_A20) : -1;
}

static int command_a20(const void *dev, u64 offset, u8 value)
{
    (void)dev;
    (void)offset;
    return value == 0xdd ? 0 : value == 0xdf ? 1 : -1;
}

const struct region_ops i8042_data_ops = {data_read, data_write, .a20 = data_a20, .max_size = 1};
const struct region_ops i8042_command_ops = {status_read, command_write, .a20 = command_a20,
                                             .max_size = 1};

void i8042_key(struct i8042 *k, u8 code, bool down)
{
    ps2_keyboard_key(&k->kbd, code, down);
    pump(k);
}

void i8042_mouse(struct i8042 *k, int dx, int dy, u8 buttons)
{
    ps2_mouse_move(&k->mouse, dx, dy, buttons);
    pump(k);
}

/* As firmware leaves it: self-test passed, keyboard on with interrupts, translating; mouse off. */
static void reset(void *dev)
{
    struct i8042 *k = dev;

    k->status = ST_SYSTEM | ST_UNLOCKED;
    k->output = k->command = k->own = k->own_state = 0;
    k->after_break = false;
    k->outport = OUT_RUN | OUT_A20;
    memset(k->ram, 0, sizeof(k->ram));
    k->ram[0] = CFG_KBD_INT | CFG_SYSTEM | CFG_AUX_OFF | CFG_TRANSLATE;
    ps2_keyboard_reset(&k->kbd);
    ps2_mouse_reset(&k->mouse);
}

static const struct dev_field state[] = {DEV_FIELD(i8042, status),
                                         DEV_FIELD(i8042, output),
                                         DEV_FIELD(i8042, command),
                                         DEV_FIELD(i8042, outport),
                                         DEV_ARRAY(i8042, ram),
                                         DEV_FIELD(i8042, own),
                                         DEV_FIELD(i8042, own_state),
                                         DEV_FIELD(i8042, after_break),
                                         DEV_ARRAY(i8042, kbd.out.bytes),
                                         DEV_FIELD(i8042, kbd.out.first),
                                         DEV_FIELD(i8042, kbd.out.count),
                                         DEV_FIELD(i8042, kbd.command),
                                         DEV_FIELD(i8042, kbd.leds),
                                         DEV_FIELD(i8042, kbd.rate),
                                         DEV_FIELD(i8042, kbd.set),
                                         DEV_FIELD(i8042, kbd.last),
                                         DEV_FIELD(i8042, kbd.enabled),
                                         DEV_ARRAY(i8042, mouse.out.bytes),
                                         DEV_FIELD(i8042, mouse.out.first),
                                         DEV_FIELD(i8042, mouse.out.count),
                                         DEV_FIELD(i8042, mouse.command),
                                         DEV_FIELD(i8042, mouse.resolution),
                                         DEV_FIELD(i8042, mouse.rate),
                                         DEV_FIELD(i8042, mouse.buttons),
                                         DEV_FIELD(i8042, mouse.last),
                                         DEV_FIELD(i8042, mouse.dx),
                                         DEV_FIELD(i8042, mouse.dy),
                                         DEV_FIELD(i8042, mouse.enabled),
                                         DEV_FIELD(i8042, mouse.remote),
                                         DEV_FIELD(i8042, mouse.wrap),
                                         DEV_FIELD(i8042, mouse.scale2),
                                         DEV_END};

static const struct dev_class i8042_class = {
    .name = "i8042", .size = sizeof(struct i8042), .state = state, .reset = reset};

struct i8042 *i8042_create(struct machine_io *io)
{
    return device_create(io, &i8042_class);
}
