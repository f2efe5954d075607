# SPDX-License-Identifier: MIT
#
# Part of tests/replay/run: guests that are neither ours nor Linux, from Debian's packages.
#
# Memtest86+ starts all CPUs by itself and tests memory with them in turns and together. Xen is a
# Multiboot kernel with two modules; it goes back to real mode, runs Debian's kernel in ring 3 over page tables
# that it checks, and switches between both with SYSCALL, IRET and interrupt stacks.

topic_others() {
    others_memtest
    [ "$LEVEL" != all ] || others_xen
}

others_memtest() {
    if ! "$SRC/tests/lib/debian-kernel" memtest; then
        fail memtest "the package could not be had"
        return
    fi
    run_guest memtest 300 "$X86SIM" -smp 2 -m 16 -kernel "$BUILD/guests/memtest" -append "console=ttyS0,115200" \
        -nographic -icount-limit 800000000 --record "$work/memtest.log"
    expect memtest "$(said memtest)" [ "$status" -eq 1 ]
    expect memtest "it does not use both processors" grep -aq 'SMP: 2T' "$work/memtest.out"
    expect memtest "it came to no test" grep -aq 'Address test' "$work/memtest.out"
    expect memtest "it counts no errors" grep -aq 'Errors: 0' "$work/memtest.out"
    expect memtest "it found errors" sh -c '! grep -aq "Errors: *[1-9]" "$1"' sh "$work/memtest.out"
    replay memtest replay 300
}

others_xen() {
    if ! "$SRC/tests/lib/debian-kernel" xen || ! linux_guest cloud; then
        fail xen "the packages could not be had"
        return
    fi
    command_line="console=hvc0 earlyprintk=xen x86sim.work=idle x86sim.rounds=1 x86sim.end=reboot"
    pair xen 1200 -smp 2 -m 1024 -no-reboot -nographic -kernel "$BUILD/guests/xen" \
        -append "console=com1 com1=115200 loglvl=all dom0_mem=512M" -initrd "$kernel $command_line,$initrd"
    expect xen "Xen did not bring up both processors" grep -aq 'Brought up 2 CPUs' "$work/xen.out"
    # Xen passes on what the kernel prints, not what programs write to the terminal it gives them.
    expect xen "init did not run" grep -aq 'Run /init as init process' "$work/xen.out"
    expect xen "Xen does not say that dom0 ended" grep -aq 'Hardware Dom0 shutdown: rebooting' "$work/xen.out"
}
