# SPDX-License-Identifier: MIT
#
# Part of tests/replay/run: x87 errors as interrupt 13 (the guest of tests/guests/ferr.c), live and replayed by every engine.

topic_ferr() {
    for how in plain serial step; do
        case $how in
        plain) set -- -smp 2 ;;
        serial) set -- -smp 1 --sched serial:7 ;;
        step) set -- -smp 1 --engine step ;;
        esac
        run_guest ferr-$how 60 "$X86SIM" "$@" -m 64 -kernel "$BUILD/tests/guests/ferr.elf"
        expect ferr-$how "$(said ferr-$how)" [ "$status" -eq 0 ]
        expect ferr-$how "the guest does not say that it passed" grep -aqx 'ferr: passed' "$work/ferr-$how.txt"
    done
    record ferr 60 -smp 2 -m 64 -kernel "$BUILD/tests/guests/ferr.elf" || return
    replay ferr parallel 60
    replay ferr serial 60 --sched serial:7
    replay ferr step 60 --engine step
}
