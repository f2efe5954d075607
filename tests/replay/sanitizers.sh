# SPDX-License-Identifier: MIT
#
# Part of tests/replay/run, and what it does first in a build with MODE=asan, ubsan or tsan: ten pairs of the embedded
# guest, contending guests, plain and serial runs, and with LEVEL=all a pair of a Debian guest. Everything has to be as in
# other builds, and the sanitizer must have found nothing, in whatever process and however it ended.
#
# What ThreadSanitizer can find is said in mmu/ram.h: in recorded runs and replays guest accesses are plain ones to it, so
# a hold or an edge that is missing is a data race. There are no suppressions.
#
# Seconds of a recorded run and of its replay, on two cores with other work beside: demo 1 and 1 with ubsan, 2 and 2 with asan,
# 7 and 17 with tsan; contend 2 and 3 with tsan; Debian 12 and 8 with ubsan, 43 and 35 with asan, 1240 and 940 with tsan.

# clean NAME: the sanitizer said nothing about this run.
clean() {
    if grep -qE 'WARNING: ThreadSanitizer|ERROR: (Address|Leak)Sanitizer|runtime error:' "$work/$1.err"; then
        fail "$1" "$(grep -m 1 -E '^SUMMARY|runtime error:' "$work/$1.err" | cut -c 1-200) [$work/$1.err]"
    else
        pass
    fi
}

# clean_pair NAME SECONDS OPTION...
clean_pair() {
    pair "$@"
    clean "$1"
    [ ! -f "$work/$1.replay.err" ] || clean "$1.replay"
}

# clean_run NAME OPTION...: a run without a log.
clean_run() {
    clean_name=$1
    shift
    run_guest "$clean_name" 120 "$X86SIM" "$@"
    expect "$clean_name" "$(said "$clean_name")" [ "$status" -eq 0 ]
    clean "$clean_name"
}

topic_sanitizers() {
    for n in 1 2 3 4 5 6 7 8 9 10; do
        short_guest demo
        clean_pair "sanitized-demo-$n" 120 -smp 4 $short
    done
    for n in 1 2 3; do
        short_guest contend 100
        clean_pair "sanitized-contend-$n" 120 -smp 4 $short
    done
    replay sanitized-contend-1 serial 240 --sched serial
    clean sanitized-contend-1.serial
    for guest in demo contend; do
        short_guest $guest 100
        clean_run "sanitized-plain-$guest" -smp 4 $short
        clean_run "sanitized-serial-$guest" -smp 4 $short --sched serial
        clean_run "sanitized-icount-$guest" -smp 4 $short --sched serial --clock icount
    done
    [ "$LEVEL" != all ] || sanitized_linux
}

sanitized_linux() {
    if ! linux_guest cloud; then
        fail sanitized-linux "the kernel or its initramfs could not be made"
        return
    fi
    clean_pair sanitized-linux 400 -smp 2 -m 512 -kernel "$kernel" -initrd "$initrd" \
        -append "console=ttyS0 x86sim.work=contend x86sim.rounds=5" -nographic
    check_contend sanitized-linux 2
}
