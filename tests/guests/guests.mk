# SPDX-License-Identifier: MIT
#
# The bare-metal test kernels: each tests/guests/X.c and the kit make $(BUILD)/tests/guests/X.elf, a
# Multiboot ELF for x86sim -kernel and for QEMU. GUEST_ELFS lists them all. May be included more than
# once; roms/demo.mk, which holds the rules for compiling guests, comes first.

ifndef GUEST_ELFS
GUEST_NAMES := $(notdir $(basename $(wildcard $(SRC)/tests/guests/*.c)))
GUEST_ELFS := $(GUEST_NAMES:%=$(BUILD)/tests/guests/%.elf)

$(GUEST_NAMES:%=$(GUEST_OBJ)/tests/guests/%.elf64): %.elf64: %.o $(GUEST_KIT)

# An image where bit 20 of every address is clear.
$(GUEST_OBJ)/tests/guests/a20.elf64: GUEST_LDFLAGS += --defsym=image_at=0x200000

$(GUEST_ELFS): $(BUILD)/tests/guests/%.elf: $(GUEST_OBJ)/tests/guests/%.elf64
	@mkdir -p $(@D)
	$(Q)$(GUEST_OBJCOPY) --strip-debug -O elf32-i386 $< $@

guests: $(GUEST_ELFS)
.PHONY: guests

-include $(GUEST_NAMES:%=$(GUEST_OBJ)/tests/guests/%.d)
endif
