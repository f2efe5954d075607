# SPDX-License-Identifier: MIT
#
# Part of tests/replay/run: instructions that are abandoned leave no trace (x86sim -check). What a guest prints and every
# digest of a log stay the same when rights are denied at random, and single-stepped instructions that are given up are
# compared with their start.

# checked NAME WHAT: the last run was checked, denied something, and found nothing.
checked() {
    expect "$1" "$2: $(said "$1")" [ "$status" -eq 0 ] || return
    expect "$1" "$2: no right was denied: $(said "$1")" \
        grep -q 'check: [1-9][0-9]* rights were denied, 0 traces were found' "$work/$1.err"
}

# check_guest NAME SECONDS OPTION...: serial runs with and without denials are the same; a recording replays with them.
check_guest() {
    check_name=$1
    check_limit=$2
    shift 2
    run_guest "$check_name" "$check_limit" "$X86SIM" "$@" --sched serial --clock icount
    expect "$check_name" "$(said "$check_name")" [ "$status" -eq 0 ] || return
    for rate in 5 50; do
        for engine in bt interp step; do
            name=$check_name-$rate-$engine
            run_guest "$name" "$check_limit" "$X86SIM" "$@" --sched serial --clock icount --engine $engine --check $rate --stats
            checked "$name" "one of $rate, $engine"
            [ $engine != bt ] || expect "$name" "no access of translated code was left to the interpreter" \
                grep -q 'stats: bt_interpreted [1-9]' "$work/$name.err"
            expect "$name" "the guest noticed" cmp "$work/$check_name.out" "$work/$name.out"
        done
    done
}

topic_check() {
    short_guest demo
    check_guest check-demo 120 -smp 2 $short
    short_guest contend 5
    check_guest check-contend 240 -smp 2 $short
    # Recorded without denials, replayed with them, and the other way round.
    record check-recorded 120 -smp 3 $short || return
    replay check-recorded denied 240 --check 10
    replay check-recorded denied-interp 240 --check 10 --engine interp
    replay check-recorded denied-step 240 --check 10 --engine step
    record check-denied 240 -smp 3 $short --check 10 && replay check-denied plain 120
    [ "$LEVEL" = all ] || return 0
    for guest in cloud 686; do
        linux_guest $guest || fail "check-$guest" "the kernel or its initramfs could not be made"
        set -- -smp 2 -m 256 -kernel "$kernel" -initrd "$initrd" --sched serial \
            -append "console=ttyS0 x86sim.work=basic x86sim.rounds=1"
        run_guest "check-$guest" 600 "$X86SIM" "$@"
        run_guest "check-$guest-denied" 3600 "$X86SIM" "$@" --check 100
        checked "check-$guest-denied" "one of 100"
        expect "check-$guest" "the guest noticed" cmp "$work/check-$guest.out" "$work/check-$guest-denied.out"
    done
}
