# SPDX-License-Identifier: MIT
#
# The system tests: tests/system/X.c and tests/system/kit make $(BUILD)/tests/system/X.elf, a Multiboot kernel for x86sim
# and QEMU. X64-bit ones stand on roms/kit; those named X32 are 32-bit programs with a start of their own.

include $(SRC)/tests/guests/guests.mk

SYSTEM_NAMES := $(notdir $(basename $(wildcard $(SRC)/tests/system/*.c)))
SYSTEM_32 := $(filter %32,$(SYSTEM_NAMES))
SYSTEM_64 := $(filter-out %32,$(SYSTEM_NAMES))
SYSTEM_ELFS := $(SYSTEM_NAMES:%=$(BUILD)/tests/system/%.elf)

SYSTEM_KIT64 := $(GUEST_KIT) $(call guest_objects,$(addprefix tests/system/kit/,report.c descriptors.c trap.c machine64.c core64.S))
SYSTEM_KIT32 := $(addprefix $(GUEST_OBJ)/i386/,$(addsuffix .o,roms/kit/console roms/kit/cmdline roms/kit/string \
	$(addprefix tests/system/kit/,report descriptors trap machine32 core32)))

# What a few tests share beyond that.
SYSTEM_APIC := $(call guest_objects,tests/system/kit/apic.c)
SYSTEM_DEBUG := $(call guest_objects,tests/system/kit/debug.c)
$(patsubst %,$(GUEST_OBJ)/tests/system/%.elf64,apic apic_registers apic_timer): $(SYSTEM_APIC)
$(patsubst %,$(GUEST_OBJ)/tests/system/%.elf64,debug breakpoints): $(SYSTEM_DEBUG)

# The compilers' 32-bit side: what is for x86-64 alone is left out.
GUEST_CFLAGS32 := -m32 -march=i686 $(filter-out -mno-red-zone -mcmodel=small,$(GUEST_CFLAGS))

$(GUEST_OBJ)/i386/%.o: $(SRC)/%.c $(SRC)/tests/system/system.mk
	@echo "  GUEST   $*.c (32)"
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS32) -MMD -MP -c $< -o $@

$(GUEST_OBJ)/i386/%.o: $(SRC)/%.S $(SRC)/tests/system/system.mk
	@echo "  GUEST   $*.S (32)"
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS32) -MMD -MP -c $< -o $@

$(SYSTEM_64:%=$(GUEST_OBJ)/tests/system/%.elf64): %.elf64: %.o $(SYSTEM_KIT64)
$(SYSTEM_64:%=$(BUILD)/tests/system/%.elf): $(BUILD)/tests/system/%.elf: $(GUEST_OBJ)/tests/system/%.elf64
	@mkdir -p $(@D)
	$(Q)$(GUEST_OBJCOPY) --strip-debug -O elf32-i386 $< $@

$(SYSTEM_32:%=$(BUILD)/tests/system/%.elf): $(BUILD)/tests/system/%.elf: $(GUEST_OBJ)/i386/tests/system/%.o \
		$(SYSTEM_KIT32) $(SRC)/roms/kit/kit.ld
	@echo "  GUEST   $(notdir $@)"
	@mkdir -p $(@D)
	$(Q)$(GUEST_LD) $(GUEST_LDFLAGS) -m elf_i386 --oformat elf32-i386 -T $(SRC)/roms/kit/kit.ld $(filter %.o,$^) -o $@

system-guests: $(SYSTEM_ELFS)
.PHONY: system-guests

system_DEPS += $(SYSTEM_ELFS)

## check-system-qemu: the system tests' images on QEMU (TCG, and KVM where there is one)
check-system-qemu: $(SYSTEM_ELFS)
	@$(TEST_ENV) JUDGES="tcg kvm" sh $(SRC)/tests/system/run
.PHONY: check-system-qemu

-include $(SYSTEM_64:%=$(GUEST_OBJ)/tests/system/%.d) $(SYSTEM_32:%=$(GUEST_OBJ)/i386/tests/system/%.d)
-include $(patsubst %.o,%.d,$(SYSTEM_KIT64) $(SYSTEM_KIT32) $(SYSTEM_APIC) $(SYSTEM_DEBUG))
