# SPDX-License-Identifier: MIT
#
# Part of tests/replay/run: MONITOR and MWAIT wake, in every schedule and semantics, and where they did is replayed.

# mwait_passes NAME OPTION...: the guest of tests/guests/mwait.c runs and passes.
mwait_passes() {
    mwait_name=$1
    shift
    run_guest "$mwait_name" 60 "$X86SIM" "$@" -m 64 --cpu x86-64-v2-mwait -kernel "$BUILD/tests/guests/mwait.elf"
    expect "$mwait_name" "$(said "$mwait_name")" [ "$status" -eq 0 ]
    expect "$mwait_name" "the guest does not say that it passed" grep -aqx 'mwait: passed' "$work/$mwait_name.txt"
}

topic_mwait() {
    for semantics in bracket post-sync post-async pre-data; do
        mwait_passes mwait-$semantics -smp 4 --trace-semantics watch=$semantics
    done
    for run in 1 2; do
        mwait_passes mwait-serial-$run -smp 3 --sched serial
    done
    expect mwait-serial "two serial runs differ" cmp "$work/mwait-serial-1.out" "$work/mwait-serial-2.out"
    record mwait 60 -smp 4 -m 64 --cpu x86-64-v2-mwait -kernel "$BUILD/tests/guests/mwait.elf" || return
    replay mwait parallel 60
    replay mwait serial 60 --sched serial:7
    replay mwait step 120 --engine step
    [ "$LEVEL" = all ] || return 0
    # Linux's idle loop uses them where they are announced.
    linux_guest cloud || fail mwait-linux "the kernel or its initramfs could not be made"
    pair mwait-linux 600 -smp 2 -m 256 --cpu x86-64-v2-mwait -kernel "$kernel" -initrd "$initrd" \
        -append "console=ttyS0 x86sim.work=basic x86sim.rounds=1" || return
    expect mwait-linux "Linux does not use MWAIT" grep -aq 'using mwait in idle threads' "$work/mwait-linux.txt"
}
