# SPDX-License-Identifier: MIT
#
# Makes the Makefile know the test kernels of this folder; tests that boot them depend on GUEST_ELFS.

include $(SRC)/tests/guests/guests.mk

replay_DEPS += $(GUEST_ELFS)
boot_DEPS += $(GUEST_ELFS)
bench_DEPS += $(GUEST_ELFS)
