# SPDX-License-Identifier: MIT
#
# Part of tests/replay/run: how runs end, and the exit status of each, as docs/x86sim.1 has it, live, recorded and replayed;
# and that a signal ends a run whatever its guest is doing.

# ends_with NAME STATUS OPTION...: the guest of tests/guests/ends.c ends with this status.
ends_with() {
    ends_name=$1
    ends_status=$2
    shift 2
    run_guest "$ends_name" 60 "$X86SIM" -smp 2 -m 64 -kernel "$BUILD/tests/guests/ends.elf" "$@"
    expect "$ends_name" "should end with status $ends_status: $(said "$ends_name")" [ "$status" -eq "$ends_status" ]
}

# ends_in NAME STATUS LINES OPTION...: so it does live and recorded, with that many lines of message, and the replay of the
# recording is verified, with status 0 whatever the guest's was.
ends_in() {
    in_name=$1
    in_status=$2
    in_lines=$3
    shift 3
    ends_with "$in_name" "$in_status" "$@"
    expect "$in_name" "says: $(cat "$work/$in_name.err")" [ "$(wc -l <"$work/$in_name.err")" -eq "$in_lines" ]
    ends_with "$in_name-serial" "$in_status" "$@" --sched serial
    ends_with "$in_name-recorded" "$in_status" "$@" --record "$work/$in_name.log"
    run_guest "$in_name-replayed" 60 "$X86SIM" --replay "$work/$in_name.log"
    expect "$in_name" "a replay that is verified has status 0: $(said "$in_name-replayed")" [ "$status" -eq 0 ]
    expect "$in_name" "the replay printed something else" cmp "$work/$in_name-recorded.out" "$work/$in_name-replayed.out"
    expect "$in_name" "one line says what was verified: $(cat "$work/$in_name-replayed.err")" \
        [ "$(grep -c verified "$work/$in_name-replayed.err")-$(wc -l <"$work/$in_name-replayed.err")" = 1-1 ]
}

topic_endings() {
    ends_in poweroff 0 0 -append end=poweroff
    ends_in exit-3 7 0 -append "end=poweroff exit=3"
    ends_in exit-1 3 0 -append "end=poweroff exit=1"
    ends_in exit-200 145 0 -append "end=poweroff exit=200"
    ends_in triple 1 1 -append end=triple
    expect triple "does not say where: $(cat "$work/triple.err")" grep -q 'vCPU 0: triple fault at [0-9a-f]*:[0-9a-f]*$' \
        "$work/triple.err"
    ends_in no-reboot 0 0 -append end=reset -no-reboot
    ends_with recorded-reset 0 -append end=reset --record "$work/recorded-reset.log"
    expect recorded-reset "does not say that the recording ends" grep -q 'recording ends' "$work/recorded-reset.err"
    ends_with limit 1 -append end=spin -icount-limit 1000000
    expect limit "says: $(cat "$work/limit.err")" [ "$(wc -l <"$work/limit.err")" -eq 1 ]
    endings_quiet
    endings_outputs
    endings_signals
    endings_memory
}

# -q: no information, all errors.
endings_quiet() {
    ends_with quiet-record 0 -append end=reset --record "$work/quiet.log" -q
    expect quiet "says in spite of -q: $(cat "$work/quiet-record.err")" [ ! -s "$work/quiet-record.err" ]
    run_guest quiet-replay 60 "$X86SIM" --replay "$work/quiet.log" -quiet
    expect quiet "$(said quiet-replay)" [ "$status" -eq 0 ]
    expect quiet "says in spite of -quiet: $(cat "$work/quiet-replay.err")" [ ! -s "$work/quiet-replay.err" ]
    ends_with quiet-limit 1 -append end=spin -icount-limit 1000000 -q
    expect quiet "-q hides an error" grep -q 'icount-limit' "$work/quiet-limit.err"
    ends_with quiet-triple 1 -append end=triple -q
    expect quiet "-q hides a warning" grep -q 'triple fault' "$work/quiet-triple.err"
    refused "an unknown option with -q" 'frobnicate' "$X86SIM" -q --frobnicate
    head -c "$(($(wc -c <"$work/quiet.log") - 16))" "$work/quiet.log" >"$work/quiet-cut.log"
    run_guest quiet-cut 60 "$X86SIM" --replay "$work/quiet-cut.log" -q
    expect quiet "$(said quiet-cut)" [ "$status" -eq 2 ]
    expect quiet "-q hides that a log is cut short" grep -q 'truncated' "$work/quiet-cut.err"
}

# Outputs that cannot be written, from the start or later.
endings_outputs() {
    ends_with full-serial 1 -append end=poweroff -serial file:/dev/full
    expect full-serial "says: $(cat "$work/full-serial.err")" grep -q "^x86sim: -serial: '/dev/full' cannot be written any further" \
        "$work/full-serial.err"
    ends_with full-debugcon 1 -append end=debug -debugcon file:/dev/full
    expect full-debugcon "says: $(cat "$work/full-debugcon.err")" \
        grep -q "^x86sim: -debugcon: '/dev/full' cannot be written any further" "$work/full-debugcon.err"
    ends_with debugcon 0 -append end=debug -debugcon "file:$work/port-e9"
    expect debugcon "port 0xe9 lost something" [ "$(cat "$work/port-e9")" = "ends: debug" ]
    "$X86SIM" -m 64 -kernel "$BUILD/tests/guests/ends.elf" -append end=print </dev/null 2>"$work/pipe.err" | head -n 1 >"$work/pipe.out"
    expect pipe "a reader that goes away is no error: $(cat "$work/pipe.err")" [ ! -s "$work/pipe.err" ]

    # Nothing that a run needs or writes is destroyed, and nothing is left by a run that is refused.
    cp "$BUILD/tests/guests/ends.elf" "$work/kernel.elf"
    for option in -serial -debugcon; do
        refused "$option on the kernel" "$option: .*kernel" "$X86SIM" -kernel "$work/kernel.elf" $option "file:$work/./kernel.elf"
        refused "$option on the log" "$option: .*log" "$X86SIM" --replay "$work/poweroff.log" $option "file:$work/./poweroff.log"
        refused "the log on $option" "record .*$option" "$X86SIM" -kernel "$work/kernel.elf" $option "file:$work/both" \
            --record "$work/./both"
        refused "a bad $option beside --record" "$option" "$X86SIM" -kernel "$work/kernel.elf" \
            $option "file:$work/nowhere/x" --record "$work/left.log"
    done
    refused "the log on the kernel" 'record .*kernel' "$X86SIM" -kernel "$work/kernel.elf" --record "$work/./kernel.elf"
    refused "two ports in one file" 'debugcon' "$X86SIM" -kernel "$work/kernel.elf" -serial "file:$work/both" \
        -debugcon "file:$work/./both"
    expect outputs "a refused run left a log" [ ! -e "$work/left.log" ]
    expect outputs "a refused run destroyed its kernel" cmp "$BUILD/tests/guests/ends.elf" "$work/kernel.elf"
    run_guest outputs 60 "$X86SIM" --replay "$work/poweroff.log"
    expect outputs "a refused replay destroyed its log: $(said outputs)" [ "$status" -eq 0 ]
}

# signal_ends NAME SIGNAL OPTION...: with the guest ready, the signal ends the run with status 1. $signal_phase, if set,
# is by how many seconds it comes later.
signal_ends() {
    signal_name=$1
    signal_number=$2
    shift 2
    rm -f "$work/$signal_name.out" "$work/$signal_name.fifo"
    mkfifo "$work/$signal_name.fifo"
    # The guest's first line is what is waited for; the rest is read so that nobody waits for room.
    timeout --foreground $((60 * TIME_FACTOR)) "$X86SIM" -smp 2 -m 64 -kernel "$BUILD/tests/guests/ends.elf" "$@" \
        >"$work/$signal_name.fifo" 2>"$work/$signal_name.err" </dev/null &
    signal_pid=$!
    children="$children $signal_pid"
    {
        read -r _
        [ -z "${signal_phase:-}" ] || sleep "$signal_phase"
        kill -"$signal_number" "$signal_pid" # timeout passes it on, in the foreground once
        cat >/dev/null
    } <"$work/$signal_name.fifo"
    wait "$signal_pid"
    status=$?
    expect "$signal_name" "should end with status 1, but: $status, $(cat "$work/$signal_name.err")" [ "$status" -eq 1 ]
}

endings_signals() {
    for end in halt spin string print echo; do
        signal_ends $end-term TERM -append end=$end
        signal_ends $end-int INT -append end=$end --sched serial
        signal_ends $end-hup HUP -append end=$end --sched serial --clock host
        signal_ends $end-record TERM -append end=$end --record "$work/$end-record.log"
        run_guest $end-replay 120 "$X86SIM" --replay "$work/$end-record.log"
        expect $end-replay "a recording that a signal ended is whole: $(said $end-replay)" [ "$status" -eq 0 ]
    done
    signal_ends step-term TERM -append end=string --engine step
    # Also when the guest resets its machine at that moment, which lasts for some per cent of the time: at many phases.
    for phase in 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 22 24 26 28 30 32 34 36 38 40; do
        signal_phase=0.$phase
        signal_ends "reset-$phase" TERM -append end=reset
    done
    signal_phase=
}

# No memory or no threads: one line, a status, and (ASan) no leak, whatever was there already when it ran out.
endings_memory() {
    case ${MODE:-} in
    '') memory_base=0 memory_sizes="4000 20000 60000 100000 150000 200000 300000 400000 500000 550000 600000 620000 640000" ;;
    asan) memory_base=21474836480 memory_sizes="100000 150000 200000 250000 300000 350000 400000 450000" ;; # its shadow: 20 TiB
    *) return 0 ;;
    esac
    memory_failed=0
    for kib in $memory_sizes; do
        for options in "-m 8" "-m 8 -smp 4 --record $work/memory.log" "-m 8 --sched serial"; do
            # shellcheck disable=SC2016,SC2086 # expanded by the inner shell; words
            run_guest memory 60 sh -c 'ulimit -v "$0"; exec "$@"' $((memory_base + kib)) \
                "$X86SIM" --demo -append only=lock $options
            case $status in
            0 | 126 | 127) continue ;; # enough, or the program itself does not fit
            1 | 2) memory_failed=$((memory_failed + 1)) ;;
            esac
            expect memory "$options with $kib KiB: $(said memory)" [ "$status" -eq 1 -o "$status" -eq 2 ]
            expect memory "$options with $kib KiB says: $(cat "$work/memory.err")" [ "$(wc -l <"$work/memory.err")" -eq 1 ]
        done
    done
    expect memory "memory never ran out" [ "$memory_failed" -gt 0 ]
}
