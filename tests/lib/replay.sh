# SPDX-License-Identifier: MIT
#
# replay.sh: record a run, replay it, compare; sourced after check.sh.
#
# A pair is good when both exit with the same status (0 unless the guest chose another), the replay
# prints the same bytes as the run, and its last line says what was verified.

# record NAME SECONDS OPTION...: a recorded run into $work/NAME.log; fails the test when it fails.
record() {
    record_name=$1
    record_limit=$2
    shift 2
    rm -f "$work/$record_name.log"
    run_guest "$record_name" "$record_limit" "$X86SIM" "$@" --record "$work/$record_name.log"
    record_took=$took
    if [ "$status" -eq 0 ] && [ -s "$work/$record_name.log" ]; then
        pass
    else
        fail "$record_name" "recording failed: $(said "$record_name")"
        return 1
    fi
}

# replay NAME HOW SECONDS OPTION...: a replay of $work/NAME.log, compared with the run that made it.
replay() {
    replay_of=$1
    replay_name=$1.$2
    replay_limit=$3
    shift 3
    run_guest "$replay_name" "$replay_limit" "$X86SIM" --replay "$work/$replay_of.log" "$@"
    if [ "$status" -ne 0 ]; then
        fail "$replay_name" "replay failed: $(said "$replay_name")"
    elif ! cmp -s "$work/$replay_of.out" "$work/$replay_name.out"; then
        fail "$replay_name" "the replay printed something else:" \
            "$(cmp "$work/$replay_of.out" "$work/$replay_name.out" 2>&1)"
    elif [ ! -s "$work/$replay_name.out" ]; then
        fail "$replay_name" "nothing was printed, so nothing was compared"
    elif ! tail -n 1 "$work/$replay_name.err" | grep -qi verified; then
        fail "$replay_name" "the last line does not say what was verified:" \
            "$(tail -n 1 "$work/$replay_name.err")"
    else
        pass
    fi
}

# pair NAME SECONDS OPTION...: record and replay.
pair() {
    pair_name=$1
    pair_limit=$2
    pair_failed=$failed
    shift
    record "$pair_name" "$@" || return 1
    replay "$pair_name" replay "$pair_limit"
    [ "$failed" -ne "$pair_failed" ] || echo "$part: ok: $pair_name (recorded in $record_took s," \
        "replayed in $took s, log $(wc -c <"$work/$pair_name.log") bytes)"
}

# The command line of the guests that cost seconds: sets $short to words for x86sim, without -smp.
# contend checks itself and ends its output with "contend: passed"; demo is in the program, and the name
# of one of its steps (race ipi timer smc xmc lock) is that step alone. Its step xmc has all CPUs hand
# something to each other without sleeping, which takes long where there are fewer host processors.
short_guest() {
    case $1 in
    demo) short="--demo -append quiet" ;;
    contend) short="-m 64 -kernel $BUILD/tests/guests/contend.elf -append rounds=${2:-100}" ;;
    *) short="--demo -append only=$1" ;;
    esac
}
