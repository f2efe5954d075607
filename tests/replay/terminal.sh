# SPDX-License-Identifier: MIT
#
# Part of tests/replay/run: a user at a terminal (tests/tty/drive.c is his hands and his shell). A Linux console that is
# typed at, keys behind ctrl-a, stopping and going on as a shell's jobs do, and that recordings of all that replay to the
# same bytes. Nothing sleeps: every step waits for what it needs to see.

# at_terminal NAME OPTION...: x86sim on a terminal of its own, typed at by the script on standard input; its output goes to
# $work/NAME.out, what it says to NAME.err.
at_terminal() {
    terminal_name=$1
    shift
    # shellcheck disable=SC2016 # expanded by the inner shell
    if ERR=$work/$terminal_name.err "$OUT/tests/tty/drive" "$work/$terminal_name.out" $((60 * TIME_FACTOR)) \
        sh -c 'exec "$@" 2>"$ERR"' sh "$X86SIM" "$@" >"$work/$terminal_name.drive"; then
        pass
    else
        fail "$terminal_name" "$(cat "$work/$terminal_name.drive") [$work/$terminal_name.*]"
        return 1
    fi
}

# same_again NAME: the log of a session that the user left replays to its end and prints the same bytes.
same_again() {
    run_guest "$1.replay" 300 "$X86SIM" --replay "$work/$1.log"
    expect "$1.replay" "$(said "$1.replay")" [ "$status" -eq 0 ]
    # In the background a terminal that is not raw makes CR LF of LF.
    tr -d '\r' <"$work/$1.out" >"$work/$1.txt"
    expect "$1.replay" "the replay printed something else" cmp "$work/$1.txt" "$work/$1.replay.txt"
    expect "$1.replay" "does not say what was verified" grep -q verified "$work/$1.replay.err"
}

ends="-m 64 -kernel $BUILD/tests/guests/ends.elf -append"

topic_terminal() {
    terminal_keys
    terminal_stops
    terminal_stopped_recorder
    terminal_signals
    terminal_replay
    terminal_reset
    terminal_linux
}

# Every key; what the guest gets of them.
terminal_keys() {
    # shellcheck disable=SC2086 # words
    at_terminal keys $ends end=echo --record "$work/keys.log" <<'END' || return
expect ends: ready
raw
send ab
expect ab
send \001s
send \001b
send \001h
send \001?
send c\001\001d
expect c\001d
send \r\177\033\003\032
expect \r\177\033\003\032
send q
end 0
END
    same_again keys
    expect keys "ctrl-a s printed no status" grep -q '^stats: instructions [0-9]*.$' "$work/keys.err"
    expect keys "lines of messages do not end in CR LF while the terminal is raw: $(grep -v "$(printf '\r')\$" "$work/keys.err")" \
        [ "$(grep -cv "$(printf '\r')\$" "$work/keys.err")" -eq 0 ]
    for key in x s p b ctrl-a h; do
        expect keys "help does not name ctrl-a $key" grep -q "x86sim: ctrl-a $key " "$work/keys.err"
    done
}

# As a shell's job: stopped, in the foreground, in the background, stopped by what cannot be caught.
terminal_stops() {
    # shellcheck disable=SC2086 # words
    at_terminal stops $ends end=print --record "$work/stops.log" <<'END' || return
expect ends: line 3
raw
signal TSTP
stopped
cooked
fg
raw
expect ends: line
signal TSTP
stopped
cooked
bg
expect ends: line
cooked
fg
raw
signal STOP
stopped
fg
raw
send \001x
end 0
END
    same_again stops
}

# Killed while it is stopped: what it had done until then can be replayed.
terminal_stopped_recorder() {
    # shellcheck disable=SC2086 # words
    at_terminal stopped $ends end=print --record "$work/stopped.log" <<'END' || return
expect ends: line 20000
signal TSTP
stopped
cooked
signal KILL
end signal 9
END
    run_guest stopped-replay 120 "$X86SIM" --replay "$work/stopped.log"
    expect stopped "$(said stopped-replay)" [ "$status" -eq 2 ]
    expect stopped "does not say that the log is cut short" grep -q truncated "$work/stopped-replay.err"
    expect stopped "the replay printed something else" is_prefix_either "$work/stopped.out" "$work/stopped-replay.out"
    expect stopped "the replay did not come far" grep -q 'ends: line 3' "$work/stopped-replay.out"
}

# The terminal is as it was, whatever signal ended the run (drive looks at the end).
terminal_signals() {
    for name in TERM HUP INT QUIT; do
        # shellcheck disable=SC2086 # words
        at_terminal signal-$name $ends end=halt --record "$work/signal-$name.log" <<END || return
expect ends: ready
raw
signal $name
end 1
END
        same_again signal-$name
    done
    # Twice in a row: at once, if the first has not done it yet.
    # shellcheck disable=SC2086 # words
    at_terminal twice $ends end=spin <<'END'
expect ends: ready
raw
signal TERM
signal INT
end 1
END
    # The power button, which this guest does not look at, does not end it.
    # shellcheck disable=SC2086 # words
    at_terminal power $ends end=echo <<'END'
expect ends: ready
send \001p\001x
end 0
END
}

# A replay leaves the terminal alone; ctrl-c ends it.
terminal_replay() {
    # shellcheck disable=SC2086 # words
    at_terminal long $ends end=spin --record "$work/long.log" -icount-limit 100000000 <<'END' || return
expect ends: ready
end 1
END
    at_terminal long-replay --engine step --replay "$work/long.log" <<'END'
expect ends: ready
cooked
send \003
end 1
END
    expect long-replay "should say that the user ended it: $(cat "$work/long-replay.err")" \
        grep -q 'ended by the user after [0-9]* instructions' "$work/long-replay.err"
    # With its messages on the terminal too, it shows how far it is: on an engine that takes its time.
    "$OUT/tests/tty/drive" "$work/shown.out" $((60 * TIME_FACTOR)) "$X86SIM" --engine step --replay "$work/long.log" \
        >"$work/shown.drive" <<'END'
expect ends: ready
expect replay
expect %  guest
expect million instructions
end 0
END
    expect progress "$(cat "$work/shown.drive")" [ $? -eq 0 ]
    expect progress "the last line is not about what was verified" grep -aq 'replay verified: ' "$work/shown.out"
}

# What is typed while a guest resets its machine is for the next one, the file of a port keeps what it had, the instruction
# limit counts on, and a signal ends the run whenever it comes.
terminal_reset() {
    # shellcheck disable=SC2086 # words
    run_guest reset 60 "$X86SIM" $ends end=reset -serial "file:$work/reset.serial" -icount-limit 4000000
    expect reset "$(said reset)" [ "$status" -eq 1 ]
    expect reset "says: $(cat "$work/reset.err")" grep -q 'stopped after 40[0-9]* instructions' "$work/reset.err"
    expect reset "the file of -serial lost what was before a reset" \
        [ "$(grep -ac 'ends: ready' "$work/reset.serial")" -ge 3 ]
    for moment in 1 2 3 4 5 6 7 8; do
        # shellcheck disable=SC2086 # words
        at_terminal "reset-$moment" $ends end=reset <<END || return
expect ends: ready
expect ends: ready
raw
signal TERM
end 1
END
    done
}

# A shell of Debian's kernel on ttyS0.
terminal_linux() {
    if ! linux_guest cloud; then
        fail console "the kernel or its initramfs could not be made"
        return
    fi
    at_terminal console -smp 2 -m 256 -kernel "$kernel" -initrd "$initrd" -append "console=ttyS0 rdinit=/bin/sh" \
        -nographic --record "$work/console.log" <<'END' || return
raw
expect can't access tty
send echo $((6*7))\r
expect \n42\r
send cho hi $((3*3))\001\001e\r
expect \nhi 9\r
send \001h
send cat -v\r
expect cat -v
send \001\001x\r
expect ^Ax
send \004
expect #
send nproc\r
expect \n2\r
send \001x
end 0
END
    same_again console
    expect console "the replay printed other bytes" cmp "$work/console.out" "$work/console.replay.out"
    [ "$LEVEL" = all ] || return 0
    run_guest console.serial 300 "$X86SIM" --replay "$work/console.log" --sched serial
    expect console.serial "$(said console.serial)" [ "$status" -eq 0 ]
    expect console.serial "the replay printed something else" cmp "$work/console.out" "$work/console.serial.out"
}
