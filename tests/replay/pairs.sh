# SPDX-License-Identifier: MIT
#
# Part of tests/replay/run: record/replay pairs of short and of Debian guests, in every engine and
# schedule.

topic_pairs() {
    sizes="1 2 4"
    [ "$LEVEL" != all ] || sizes="1 2 3 4 8 64"
    for size in $sizes; do
        steps=demo
        [ "$size" -le 2 ] || [ "$LEVEL" = all ] || steps="race ipi timer smc lock"
        for step in $steps; do
            short_guest "$step"
            # Unquoted: several words.
            pair "$step-$size" 300 -smp "$size" $short
        done
        short_guest contend 100
        pair "contend-$size" 120 -smp "$size" $short
        expect "contend-$size" "the guest does not say that it passed" \
            grep -aqx 'contend: passed' "$work/contend-$size.txt"
    done
    topic_differ
}

# Two recordings of a race differ; if they never did, the pairs above would prove nothing.
topic_differ() {
    short_guest contend 100
    for attempt in 1 2 3 4 5 6 7 8; do
        record "differ-$attempt" 120 -smp 4 $short || return
        cmp -s "$work/differ-1.out" "$work/differ-$attempt.out" || break
    done
    if cmp -s "$work/differ-1.out" "$work/differ-$attempt.out"; then
        fail differ "eight runs of a racing guest were all the same"
    else
        pass
    fi
}

# Recorded in parallel, replayed serially and by single instructions; serial runs without a log.
topic_engines() {
    for guest in contend timer $([ "$LEVEL" = all ] && echo demo || echo race lock); do
        short_guest $guest 30
        record "engine-$guest" 120 -smp 4 $short || continue
        replay "engine-$guest" parallel 120
        replay "engine-$guest" serial 120 --sched serial
        replay "engine-$guest" serial-7 240 --sched serial:7
        replay "engine-$guest" step 240 --engine step
        replay "engine-$guest" step-serial 240 --engine step --sched serial
        record "engine-step-$guest" 240 -smp 2 $short --engine step &&
            replay "engine-step-$guest" interp 120
        record "serial-$guest" 120 -smp 4 $short --sched serial --clock icount &&
            replay "serial-$guest" parallel 120
        topic_engines_unlogged $guest
    done
    topic_engines_tokens
}

# tokens_are NAME N: the run kept N run tokens to its end.
tokens_are() {
    limits=$(tr -d '\r' <"$work/$1.err" | awk '$2 == "token_limit" || $2 == "token_limit_lowered" { print $3 }' | paste -s -d /)
    expect "$1" "$2 run tokens became $limits (the limit/how often it was lowered)" [ "$limits" = "$2/0" ]
}

# How many vCPUs run at a time is a matter of the run alone: recorded with one number, replayed with others.
topic_engines_tokens() {
    short_guest contend 30
    run_guest tokens-plain 120 "$X86SIM" -smp 4 $short --run-tokens 3 --stats
    expect tokens-plain "$(said tokens-plain)" [ "$status" -eq 0 ]
    tokens_are tokens-plain 3
    for tokens in 1 3; do
        record "tokens-$tokens" 240 -smp 4 $short --run-tokens $tokens --stats || continue
        tokens_are "tokens-$tokens" $tokens
        replay "tokens-$tokens" default 120
        for again in 1 4; do
            replay "tokens-$tokens" "with-$again" 240 --run-tokens $again
        done
    done
}

# Serial runs on instruction time are the same without a log, and with either engine.
topic_engines_unlogged() {
    for run in 1 2 step; do
        engine=
        [ $run != step ] || engine="--engine step"
        run_guest "unlogged-$1-$run" 240 "$X86SIM" -smp 4 $short --sched serial --clock icount $engine
        expect "unlogged-$1-$run" "$(said "unlogged-$1-$run")" [ "$status" -eq 0 ]
        expect "unlogged-$1-$run" "two serial runs on instruction time differ" \
            cmp "$work/unlogged-$1-1.out" "$work/unlogged-$1-$run.out"
    done
    # What is recorded has a coarser clock, but it is as repeatable.
    record "serial-again-$1" 240 -smp 4 $short --sched serial --clock icount &&
        expect "serial-$1" "two recorded serial runs on instruction time differ" \
            cmp "$work/serial-again-$1.out" "$work/serial-$1.out"
}

# Linux, whose devices interrupt it, does the same with either engine, and when what it does is recorded.
linux_serial() {
    linux_guest cloud || fail linux-serial "the kernel or its initramfs could not be made"
    set -- -smp 2 -m 256 -kernel "$kernel" -initrd "$initrd" --sched serial --clock icount \
        -append "console=ttyS0 x86sim.work=basic x86sim.rounds=1"
    run_guest linux-serial 600 "$X86SIM" "$@"
    expect linux-serial "$(said linux-serial)" [ "$status" -eq 0 ]
    run_guest linux-serial-step 1200 "$X86SIM" "$@" --engine step
    expect linux-serial "single-stepping prints something else" cmp "$work/linux-serial.out" "$work/linux-serial-step.out"
    pair linux-serial-recorded 600 "$@"
}

# linux_pair KERNEL CPUS WORK ROUNDS
linux_pair() {
    name=$1-$2-$3
    if ! linux_guest "$1"; then
        fail "$name" "the kernel or its initramfs could not be made"
        return
    fi
    pair "$name" $((600 + 120 * $2)) -smp "$2" -m 512 -kernel "$kernel" -initrd "$initrd" \
        -append "console=ttyS0 x86sim.work=$3 x86sim.rounds=$4" -nographic || return
    case $3 in
    basic) check_basic "$name" "$guest_arch" "$2" ;;
    contend) check_contend "$name" "$2" ;;
    esac
}

topic_linux() {
    linux_pair cloud 4 basic 1
    [ "$LEVEL" = all ] || return 0
    linux_pair cloud 1 basic 1
    linux_pair cloud 2 basic 1
    linux_pair cloud 8 basic 1
    linux_pair amd64 2 basic 1
    linux_pair 686 2 basic 1
    linux_pair cloud 4 contend 20
    replay cloud-4-contend serial 1800 --sched serial
    replay cloud-1-basic step 1800 --engine step
    linux_serial
}
