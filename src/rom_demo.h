/* SPDX-License-Identifier: MIT */
/*
 * The embedded guest of --demo: an ELF image linked into the program.
 *
 * Its source is in roms/; the build turns it into an object with .incbin, so that the bytes here
 * are exactly those of the file. They are read-only and live as long as the process.
 */
#ifndef X86SIM_ROM_DEMO_H
#define X86SIM_ROM_DEMO_H

/* The image's first byte, and the byte after its last. Equal: this build has no embedded guest. */
extern const unsigned char rom_demo_start[];
extern const unsigned char rom_demo_end[];

#endif
