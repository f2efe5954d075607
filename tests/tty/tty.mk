# SPDX-License-Identifier: MIT
#
# The user at a terminal that tests of other parts have (tests/tty/drive.c): $(OUT)/tests/tty/drive. It is built without
# sanitizers, whatever is tested.

TTY_DRIVE := $(OUT)/tests/tty/drive

$(TTY_DRIVE): $(SRC)/tests/tty/drive.c $(OBJ)/flags
	@echo "  CC      tests/tty/drive.c"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 -O2 -g $(WARN) $(USER_CFLAGS) $< $(USER_LDFLAGS) -o $@

replay_DEPS += $(TTY_DRIVE)
boot_DEPS += $(TTY_DRIVE)
userland_DEPS += $(TTY_DRIVE)
