# SPDX-License-Identifier: MIT
#
# Part of tests/replay/run: the A20 gate moved under other CPUs' feet (the guest of tests/guests/a20.c), live in every schedule
# and replayed by every engine. Who looks spins, so a recording for slow replays lets one CPU run at a time.

a20_passed() {
    expect "$1" "$(said "$1")" [ "$status" -eq 0 ]
    expect "$1" "the guest does not say that it passed" grep -aqx 'a20: passed' "$work/$1.txt"
}

topic_a20() {
    for how in plain precise post-sync serial step; do
        case $how in
        plain) set -- -smp 4 ;;
        precise) set -- -smp 3 --trace-semantics mmu=bracket ;;
        post-sync) set -- -smp 3 --trace-semantics code=post-sync ;;
        serial) set -- -smp 3 --sched serial:71 ;;
        step) set -- -smp 2 --engine step ;;
        esac
        run_guest a20-$how 120 "$X86SIM" "$@" -m 64 -kernel "$BUILD/tests/guests/a20.elf" -append rounds=24
        a20_passed a20-$how
    done
    for cpus in 1 2 4; do
        record a20-$cpus 60 -smp $cpus -m 64 -kernel "$BUILD/tests/guests/a20.elf" -append rounds=8 || continue
        a20_passed a20-$cpus
        replay a20-$cpus parallel 120
        replay a20-$cpus interp 120 --engine interp
    done
    record a20-slow 60 -smp 4 --run-tokens 1 -m 64 -kernel "$BUILD/tests/guests/a20.elf" || return
    a20_passed a20-slow
    replay a20-slow serial 120 --sched serial:7
    replay a20-slow step 120 --engine step
}
