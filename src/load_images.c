/* SPDX-License-Identifier: MIT */
/*
 * Images by the options' names: see load_images.h.
 *
 * What -initrd means depends on the kernel: for Linux it is one file, whatever its name; for a
 * Multiboot kernel a list "FILE ARGUMENTS,FILE,..." as QEMU has it, where two commas are one comma
 * of a name. The log holds the resolved list, so a replay has nothing to interpret. Everything is
 * in memory before a log is created or a guest started.
 */
#include "src/load_images.h"

#include <errno.h>
#include <stdlib.h>

#include "src/host/file.h"
#include "src/rom_demo.h"

struct context {
    struct load_images *im;
    struct options *o;
    char *err;
    size_t err_size;
};

static int no_memory(struct context *c)
{
    snprintf(c->err, c->err_size, "no memory left");
    return -ENOMEM;
}

static int open_demo(struct context *c, struct image *im)
{
    u64 n = (u64)(rom_demo_end - rom_demo_start);

    if (!n) {
        snprintf(c->err, c->err_size,
                 "-demo: this x86sim was built without the guest; name a "
                 "kernel with -kernel FILE");
        return -ENOENT;
    }
    return image_from_memory(im, "demo", rom_demo_start, n) ? no_memory(c) : 0;
}

/* ---- a live run ---- */

/* Notes for the log what image number o->images is. */
static int note_image(struct context *c, const struct image *im, const char *path, const char *text)
{
    struct opt_image *note = &c->o->image[c->o->images++];

    *note = (struct opt_image){.size = im->size, .digest = im->digest};
    if (path) {
        note->path = host_file_absolute(path);
        if (!note->path)
            return no_memory(c);
    }
    if (text) {
        note->text = strdup(text);
        if (!note->text)
            return no_memory(c);
    }
    return 0;
}

static int open_kernel(struct context *c)
{
    int error = c->o->demo
                    ? open_demo(c, &c->im->kernel)
                    : image_load(&c->im->kernel, "kernel", c->o->kernel, c->err, c->err_size);

    if (error)
        return error;
    c->im->kind = load_detect(&c->im->kernel, c->err, c->err_size);
    if (c->im->kind == LOAD_UNKNOWN)
        return -EINVAL;
    return note_image(c, &c->im->kernel, c->o->kernel, NULL);
}

static int open_module(struct context *c, const char *what, const char *path, const char *text)
{
    struct load_images *im = c->im;
    int error;

    if (im->modules == OPTIONS_MODULES_MAX) {
        snprintf(c->err, c->err_size, "-initrd: more than %d modules; give at most that many",
                 OPTIONS_MODULES_MAX);
        return -EINVAL;
    }
    error = image_load(&im->module[im->modules], what, path, c->err, c->err_size);
    if (error)
        return error;
    error = note_image(c, &im->module[im->modules], path, text);
    im->text[im->modules++] = c->o->image[c->o->images - 1].text;
    return error;
}

/* Cuts the next entry off *list in place: up to a single comma, two of which stand for one. */
static char *next_entry(char **list)
{
    char *from = *list, *to = *list, *entry = *list;

    while (*from && (from[0] != ',' || from[1] == ',')) {
        from += from[0] == ',';
        *to++ = *from++;
    }
    *list = *from ? from + 1 : NULL;
    *to = '\0';
    return entry;
}

static int open_modules(struct context *c)
{
    char *list = strdup(c->o->initrd), *rest = list;
    int error = list ? 0 : no_memory(c);

    while (!error && rest) {
        char *entry = next_entry(&rest), *text, *space;

        entry += strspn(entry, " ");
        text = strdup(entry);
        if (!text) {
            error = no_memory(c);
            break;
        }
        space = strchr(entry, ' ');
        if (space)
            *space = '\0';
        error = open_module(c, "module", entry, text);
        free(text);
    }
    free(list);
    return error;
}

static int open_live(struct context *c)
{
    int error = open_kernel(c);

    if (error || !c->o->initrd)
        return error;
    if (c->im->kind == LOAD_MULTIBOOT)
        return open_modules(c);
    return open_module(c, "initrd", c->o->initrd, NULL);
}

/* ---- a replay ---- */

/* Opens what the log calls image number i. */
static int open_recorded(struct context *c, unsigned i, struct image *im)
{
    const struct opt_image *was = &c->o->image[i];
    const char *what = i ? "initrd or module" : "kernel";
    int error;

    if (!was->path)
        error = open_demo(c, im);
    else
        error = image_load(im, what, was->path, c->err, c->err_size);
    if (error)
        return error;
    if (im->size == was->size && im->digest == was->digest)
        return 0;
    if (was->path)
        snprintf(c->err, c->err_size,
                 "'%s' has changed since the log was recorded; put the file of "
                 "%llu bytes back that was there",
                 was->path, (unsigned long long)was->size);
    else
        snprintf(c->err, c->err_size,
                 "the log was recorded with another x86sim, whose built-in "
                 "guest differs; replay it with that one");
    return -ESTALE;
}

static int open_replay(struct context *c)
{
    struct load_images *im = c->im;
    int error = open_recorded(c, 0, &im->kernel);

    if (error)
        return error;
    im->kind = load_detect(&im->kernel, c->err, c->err_size);
    if (im->kind == LOAD_UNKNOWN)
        return -EINVAL;
    for (unsigned i = 1; i < c->o->images; i++) {
        error = open_recorded(c, i, &im->module[im->modules]);
        if (error)
            return error;
        im->text[im->modules++] = c->o->image[i].text;
    }
    return 0;
}

/* ---- both ---- */

static void write_nothing(void *ctx, u64 gpa, const void *from, u64 n)
{
    (void)ctx, (void)gpa, (void)from, (void)n;
}

/* Loads the guest into nothing: what does not fit is found before there is a machine or a log. */
static int try_load(struct context *c)
{
    struct load_request rq = {.write = write_nothing};
    struct load_result rs;

    load_images_request(c->im, c->o, &rq);
    return load_guest(&rq, &rs, c->err, c->err_size);
}

int load_images_open(struct load_images *im, struct options *o, char *err, size_t err_size)
{
    struct context c = {.im = im, .o = o, .err = err, .err_size = err_size};
    int error;

    *im = (struct load_images){0};
    error = o->replay ? open_replay(&c) : open_live(&c);
    if (!error)
        error = try_load(&c);
    if (error)
        load_images_close(im);
    return error;
}

void load_images_close(struct load_images *im)
{
    image_unload(&im->kernel);
    for (unsigned i = 0; i < ARRAY_SIZE(im->module); i++)
        image_unload(&im->module[i]);
    *im = (struct load_images){0};
}

void load_images_request(const struct load_images *im, const struct options *o,
                         struct load_request *rq)
{
    rq->kernel = &im->kernel;
    rq->module = im->module;
    rq->text = im->text;
    rq->modules = im->modules;
    rq->append = o->append;
    rq->ram = o->ram;
}

int load_images_find(const struct options *o, const char *path)
{
    for (unsigned i = 0; i < o->images; i++)
        if (o->image[i].path && host_file_is_same(o->image[i].path, path))
            return (int)i;
    return -1;
}
