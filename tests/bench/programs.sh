# SPDX-License-Identifier: MIT
#
# programs.sh: the benchmark programs (guest/bench.c) in x86sim, in QEMU and on the host; sourced by run.
#
# A round runs each of these once with the same programs, and leaves rows "SET WHO ROUND PROGRAM
# SECONDS" in $work/rows: SECONDS is the guest's own time. A second row with "WHO*" has the time that
# passed on the host until the program's line arrived, for runs whose guest time is not the host's: a
# replay (the recorded time) and QEMU's -icount (instructions). It counts the program's preparation too.
# The checksum of a program has to be the same wherever it ran.
#
# All guests have the same processor as far as QEMU 7.2's TCG can: PCID, INVPCID, x2APIC, RDSEED and the TSC
# deadline timer are not in it, and XSAVE without XSAVEOPT (which x86sim has not) does not boot there. The set avx has
# x86-64-v3 and AES; QEMU 7.2 has no SHA instructions, so it is not asked for the program that needs them.
#
# A host may keep threads that could run side by side on one processor for seconds. So as long as there are
# enough host processors, vCPU threads are pinned, one to each, by their names; the rest of an emulator (its
# I/O thread) may run anywhere. The native program pins its threads itself.

ENGINE=${ENGINE:-bt}
SCALE=${SCALE:-100}
SETS=${SETS:-integer float memory system avx}
PROGRAMS=${PROGRAMS:-}
QEMU_CPU=qemu64,family=17,model=3,-svm,-hypervisor,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+lahf_lm,+smep
QEMU_CPU=$QEMU_CPU,+smap,+umip,+movbe,+rdtscp,+pdpe1gb,+fsgsbase,+rdrand,+arat,+xsave,+xsaveopt
QEMU_CPU_AVX=$QEMU_CPU,+avx,+avx2,+fma,+f16c,+bmi1,+bmi2,+abm,+aes,+pclmulqdq

has_qemu() {
    command -v qemu-system-x86_64 >/dev/null
}

# Numbers of the processors this process may use, one a line.
host_cpus() {
    taskset -cp $$ | sed 's/.*: //' | tr ',' '\n' | awk -F - '{ for (n = $1; n <= $NF; n++) print n }'
}

# The first N of them, with commas.
first_cpus() {
    host_cpus | head -n "$1" | paste -s -d ,
}

bench_guest() {
    : >"$work/checks"
    : >"$work/rows"
    linux_guest cloud && "$SRC/tests/lib/initramfs" bench || return 1
    bench_initrd=$BUILD/guests/initrd-bench
    native=$BUILD/guests/bench
}

# programs_of SET: the names of those that are wanted, with commas; empty if none is.
programs_of() {
    "$native" --list "$1" | while read -r list_set list_name; do
        case " ${PROGRAMS:-$list_name} " in
        *" $list_name "*) echo "$list_name" ;;
        esac
    done | paste -s -d ,
}

# pin_vcpus PID CPUS PATTERN: pins the threads whose names match, in the order of their numbers, as soon
# as they are all there.
pin_vcpus() {
    tries=0
    while [ $tries -lt 100 ] && [ -d "/proc/$1" ]; do
        threads=$(grep -l "$3" /proc/"$1"/task/*/comm 2>/dev/null | sort -t / -k 5n)
        if [ "$(echo "$threads" | grep -c .)" -eq "$2" ]; then
            host_cpus >"$work/cpus"
            for thread in $threads; do
                read -r pin_cpu && taskset -cp "$pin_cpu" "$(basename "${thread%/comm}")" >/dev/null
            done <"$work/cpus"
            return
        fi
        sleep 0.1
        tries=$((tries + 1))
    done
}

# Copies the lines with the wall's time in front.
stamp_lines() {
    while read -r stamp_line; do
        printf '%s %s\n' "$(date +%s.%N)" "$stamp_line"
    done
}

# add_rows SET WHO ROUND: from $work/stamped. A program's wall time begins with the line before its own.
add_rows() {
    tr -d '\r' <"$work/stamped" | awk -v set="$1" -v who="$2" -v round="$3" -v checks="$work/checks" '
        $2 == "bench:" && NF == 5 && $4 ~ /^[0-9]+\.[0-9]+$/ && $5 ~ /^[0-9a-f]+$/ {
            print set, who, round, $3, $4
            if (before)
                printf "%s %s* %s %s %.6f\n", set, who, round, $3, $1 - before
            print set, $3, $5 >>checks
        }
        { before = $1 }' >>"$work/rows"
}

# try_programs SET WHO ROUND CPUS NAMES COMMAND...: one run of the guest or of the native program, at most
# $limit seconds; fails unless all programs were run.
try_programs() {
    p_set=$1 p_who=$2 p_round=$3 p_cpus=$4 p_names=$5
    shift 5
    rm -f "$work/lines"
    mkfifo "$work/lines"
    awk -v s="$p_set" -v w="$p_who" -v r="$p_round" '
        !($1 == s && ($2 == w || $2 == w "*") && $3 == r)' "$work/rows" >"$work/others"
    mv "$work/others" "$work/rows"
    stamp_lines <"$work/lines" >"$work/stamped" &
    stamper=$!
    timeout --kill-after=10 $((limit * TIME_FACTOR)) "$@" >"$work/lines" 2>"$work/$p_who.err" </dev/null &
    children=$!
    case $p_who in
    native | icount) pattern= ;;
    qemu*) pattern='^CPU [0-9]*/TCG' ;;
    *) pattern='^vcpu[0-9]' ;;
    esac
    if [ -n "$pattern" ] && [ "$(host_cpus | wc -l)" -ge "$p_cpus" ]; then
        emulator=
        for try in 1 2 3 4 5 6 7 8 9 10; do
            emulator=$(cat "/proc/$children/task/$children/children" 2>/dev/null)
            [ -z "$emulator" ] || break
            sleep 0.1
        done
        # Unquoted: the kernel puts a blank behind it.
        [ -z "$emulator" ] || pin_vcpus $emulator "$p_cpus" "$pattern"
    fi
    wait "$children"
    status=$?
    children=
    wait $stamper
    add_rows "$p_set" "$p_who" "$p_round"
    cp "$work/stamped" "$work/$p_set.$p_who.out"
    found=$(grep -c "^$p_set $p_who $p_round " "$work/rows")
    [ "$status" -eq 0 ] && [ "$found" -eq "$(echo "$p_names" | tr ',' '\n' | wc -l)" ]
}

# The same for what has to succeed.
run_programs() {
    limit=1800
    expect "$1" "$2: not all programs ran: see $work/$1.$2.out and $2.err" try_programs "$@" && return
    tail -n 1 "$work/$2.err" | cut -c 1-200
    return 1
}

bench_line() {
    echo "console=ttyS0 x86sim.work=bench x86sim.scale=$SCALE x86sim.set=$1$bench_words"
}
bench_words=

# run_x86sim SET WHO ROUND CPUS NAMES [OPTION]...
run_x86sim() {
    x_set=$1 x_who=$2 x_round=$3 x_cpus=$4 x_names=$5
    shift 5
    [ "$x_set" != avx ] || set -- --cpu x86-64-v3 "$@"
    run_programs "$x_set" "$x_who" "$x_round" "$x_cpus" "$x_names" "$X86SIM" -engine "$ENGINE" \
        -smp "$x_cpus" -m 512 -kernel "$kernel" -initrd "$bench_initrd" -append "$(bench_line "$x_names")" \
        -nographic ${TOKENS:+--run-tokens "$TOKENS"} "$@"
}

# run_qemu SET WHO ROUND CPUS NAMES OPTION...: the options are -accel's and what belongs to it.
run_qemu() {
    q_set=$1 q_who=$2 q_round=$3 q_cpus=$4 q_names=$5 q_cpu=$QEMU_CPU
    shift 5
    if [ "$q_set" = avx ]; then
        q_cpu=$QEMU_CPU_AVX
        q_names=$(echo "$q_names" | tr ',' '\n' | grep -vx sha-ni | paste -s -d ,)
        [ -n "$q_names" ] || return 0
    fi
    "${q_how:-run_programs}" "$q_set" "$q_who" "$q_round" "$q_cpus" "$q_names" qemu-system-x86_64 "$@" \
        -name bench,debug-threads=on -cpu "$q_cpu" -smp "$q_cpus" -m 512 -kernel "$kernel" \
        -initrd "$bench_initrd" -append "$(bench_line "$q_names")" -display none -monitor none \
        -serial stdio -no-reboot
}

# run_icount SET ROUND CPUS NAMES: QEMU 7.2 often takes minutes to bring the second processor up so, and the
# kernel must not measure anything meanwhile; what does not come up is tried again and then left out.
run_icount() {
    bench_words=" lpj=4000000 tsc=reliable"
    q_how=try_programs
    limit=180
    for attempt in 1 2 3; do
        run_qemu "$1" icount "$2" "$3" "$4" -accel tcg,thread=single -icount shift=auto && break
        [ $attempt -lt 3 ] || echo "bench: QEMU with -icount did not come up on $3 processors in round $2"
    done
    bench_words=
    q_how=
}

# run_native SET WHO ROUND CPUS NAMES
run_native() {
    # Unquoted: several words.
    run_programs "$1" "$2" "$3" "$4" "$5" taskset -c "$(first_cpus "$4")" "$native" --scale "$SCALE" \
        $(echo "$5" | tr ',' ' ')
}

# same_checks SET: every program printed one checksum, wherever it ran.
same_checks() {
    differ=$(awk -v s="$1" '$1 == s' "$work/checks" | sort -u | cut -d ' ' -f 2 | uniq -d | paste -s -d ' ')
    expect "$1" "the results differ: $differ [$work/checks]" [ -z "$differ" ]
}

# table SET WHO RATIOS
table() {
    awk -v set="$1" -v who="$2" -v ratios="$3" -f "$SRC/tests/bench/table.awk" "$work/rows"
}

topic_engine() {
    echo "bench: engine $ENGINE, 1 processor, seconds, medians of $RUNS rounds"
    for set in $SETS; do
        names=$(programs_of "$set")
        [ -n "$names" ] || continue
        round=1
        while [ $round -le "$RUNS" ]; do
            run_native "$set" native $round 1 "$names" || break
            ! has_qemu || run_qemu "$set" qemu $round 1 "$names" -accel tcg || break
            run_x86sim "$set" x86sim $round 1 "$names" || break
            round=$((round + 1))
        done
        [ $round -gt "$RUNS" ] || continue
        same_checks "$set"
        table "$set" "native qemu x86sim" "qemu/x86sim x86sim/native qemu/native"
    done
}

# How the independent programs scale: a row with N * one-X / all-X for each X, under the set "scaling".
add_scaling() {
    awk -v n="$1" '$1 == "smp" && $4 ~ /^(one|all)-/ && $2 !~ /\*/ {
            v[$2, $3, $4] = $5
            if ($4 ~ /^one-/) { who[++k] = $2; round[k] = $3; name[k] = substr($4, 5) }
        }
        END { for (i = 1; i <= k; i++)
            if (v[who[i], round[i], "all-" name[i]] > 0)
                printf "scaling %s %s %s %.4f\n", who[i], round[i], name[i],
                    n * v[who[i], round[i], "one-" name[i]] / v[who[i], round[i], "all-" name[i]] }' \
        "$work/rows" >"$work/scaling"
    cat "$work/scaling" >>"$work/rows"
}

topic_smp() {
    : >"$work/checks"
    : >"$work/rows"
    if [ "$(host_cpus | wc -l)" -lt 2 ]; then
        echo "bench: smp is not measured: it needs two host processors"
        return
    fi
    names=$(programs_of smp)
    [ -n "$names" ] || return
    echo "bench: engine $ENGINE, 2 processors, seconds, medians of $RUNS rounds"
    round=1
    while [ $round -le "$RUNS" ]; do
        run_native smp native $round 2 "$names" || return
        ! has_qemu || run_qemu smp qemu $round 2 "$names" -accel tcg,thread=multi || return
        run_x86sim smp x86sim $round 2 "$names" || return
        round=$((round + 1))
    done
    same_checks smp
    table smp "native qemu x86sim" "qemu/x86sim x86sim/native"
    add_scaling 2
    echo "bench: scaling: twice the time of one thread by the time of two at once"
    table scaling "native qemu x86sim" "x86sim/native x86sim/qemu"
}

# record_programs SET CPUS: its programs plain, recorded and replayed, and in QEMU with -icount.
record_programs() {
    names=$(programs_of "$1")
    [ -n "$names" ] || return
    : >"$work/checks" # results depend on the number of processors
    : >"$work/rows"
    echo "bench: $1 set recorded, engine $ENGINE, $2 processors, seconds, medians of $RUNS rounds"
    echo "bench: *: the host's time; icount: QEMU with -icount on one thread"
    round=1
    while [ $round -le "$RUNS" ]; do
        rm -f "$work/log"
        run_x86sim "$1" plain $round "$2" "$names" || return
        run_x86sim "$1" recorded $round "$2" "$names" -record "$work/log" || return
        run_programs "$1" replayed $round "$2" "$names" "$X86SIM" -engine "$ENGINE" \
            -replay "$work/log" ${TOKENS:+--run-tokens "$TOKENS"} || return
        ! has_qemu || run_icount "$1" $round "$2" "$names"
        round=$((round + 1))
    done
    same_checks "$1"
    table "$1" "plain recorded recorded* replayed* icount*" \
        "recorded/plain replayed*/recorded* recorded*/icount*"
}
