# SPDX-License-Identifier: MIT
#
# The embedded guest, and the rules that all bare-metal guest kernels share (tests/guests/guests.mk
# uses them too). A guest is the kit plus a file or two of its own, compiled freestanding whatever
# MODE the host program is built in, linked as ELF64 and re-wrapped as ELF32, which is what
# Multiboot loaders take.
#
# Uses SRC, BUILD, CC and Q of the Makefile. Defines GUEST_KIT and guest_objects for other fragments.

GUEST_OBJ := $(BUILD)/obj/guest
GUEST_CC := $(CC)
GUEST_LD := ld
GUEST_OBJCOPY := objcopy
GUEST_CFLAGS := -std=gnu11 -O2 -ffreestanding -fno-pie -fno-stack-protector -fcf-protection=none \
	-fno-strict-aliasing -fwrapv -fno-delete-null-pointer-checks -fno-asynchronous-unwind-tables \
	-mno-red-zone -mcmodel=small -mgeneral-regs-only -I$(SRC) \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
GUEST_LDFLAGS := -n -static -nostdlib --build-id=none --no-warn-rwx-segments -z noexecstack

# guest_objects FILES: the objects of sources named relative to SRC.
guest_objects = $(addprefix $(GUEST_OBJ)/,$(addsuffix .o,$(basename $(1))))
GUEST_KIT := $(call guest_objects,$(patsubst $(SRC)/%,%,$(sort $(wildcard $(SRC)/roms/kit/*.[cS]))))
GUEST_DEMO := $(call guest_objects,roms/demo.c roms/demo_code.c)

$(GUEST_OBJ)/%.o: $(SRC)/%.c $(SRC)/roms/demo.mk
	@echo "  GUEST   $*.c"
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -MMD -MP -c $< -o $@

$(GUEST_OBJ)/%.o: $(SRC)/%.S $(SRC)/roms/demo.mk
	@echo "  GUEST   $*.S"
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -MMD -MP -c $< -o $@

$(GUEST_OBJ)/%.elf64: $(SRC)/roms/kit/kit.ld
	@echo "  GUEST   $(notdir $@)"
	@mkdir -p $(@D)
	$(Q)$(GUEST_LD) $(GUEST_LDFLAGS) -T $< $(filter %.o,$^) -o $@

$(GUEST_OBJ)/roms/demo.elf64: $(GUEST_KIT) $(GUEST_DEMO)

$(BUILD)/roms/demo.elf: $(GUEST_OBJ)/roms/demo.elf64
	@mkdir -p $(@D)
	$(Q)$(GUEST_OBJCOPY) --strip-debug -O elf32-i386 $< $@

-include $(patsubst %.o,%.d,$(GUEST_KIT) $(GUEST_DEMO))
