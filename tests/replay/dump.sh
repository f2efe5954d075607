# SPDX-License-Identifier: MIT
#
# Part of tests/replay/run: what shows the translator's work (-d, --bt-dump, --perf-map, --gdb-jit, --stats) agrees with
# itself and with the run, and none of it, nor what bends the translator (--tb-size, --bt-insns, --bt-nochain, --bt-notraces,
# --bt-threshold), changes a serial run.

# stat NAME COUNTER: the value that a run with --stats printed.
stat() {
    sed -n "s/^stats: $2 //p" "$work/$1.err"
}

# dump_run NAME OPTION...: the demo, in turns, with --stats; fails where it does not print what it prints without.
dump_run() {
    dump_name=$1
    shift
    # The shell's process becomes x86sim, whose number the perf map bears.
    run_guest "$dump_name" 120 sh -c 'echo $$ >"$0"; exec "$@"' "$work/$dump_name.pid" \
        "$X86SIM" -smp 2 $short --sched serial --stats "$@"
    expect "$dump_name" "$(said "$dump_name")" [ "$status" -eq 0 ] || return
    [ "$dump_name" = dump-plain ] ||
        expect "$dump_name" "the guest printed something else" cmp "$work/dump-plain.out" "$work/$dump_name.out"
}

# Every block has its head, as many guest instructions and micro-ops as that says, and host code for each micro-op.
dump_log_checks() {
    awk '
        function close_block() {
            if (!blocks) return
            if (ins != want_ins || ins != said_ins) problem("instructions")
            if (uops != said_uops || marks != said_uops) problem("micro-ops")
            if (host < uops) problem("host code")
            if (budget != 1) problem("the budget")
        }
        function problem(what) { print "block " blocks " (line " NR "): " what; bad = 1 }
        /^(SUPER)?BLOCK / {
            close_block()
            blocks++
            part = ""
            ins = uops = marks = host = budget = said_ins = said_uops = 0
            match($0, /insns=[0-9]+/)
            want_ins = substr($0, RSTART + 6, RLENGTH - 6) + 0
            next
        }
        /^IN: / { part = "in"; said_ins = $2; next }
        /^UOPS: / { part = "uops"; said_uops = $2; next }
        /^OUT: / { part = "out"; next }
        /^----/ { next }
        part == "in" && /^0x[0-9a-f]+:  [0-9a-f][0-9a-f] / { ins++; next }
        part == "uops" && /^ ?[0-9]+ [A-Z]/ { uops++; next }
        part == "out" && /^  --  ?[0-9]+ [A-Z]/ { marks++; next }
        part == "out" && /^  -- the budget/ { budget++; next }
        part == "out" && /^  -- / { next }
        part == "out" && /\(bad\)/ { problem("no host instruction"); next }
        part == "out" && /^0x[0-9a-f]+:  [0-9a-f][0-9a-f] / { host++; next }
        { problem("a line of another kind: " $0) }
        END { close_block(); print blocks " blocks"; exit bad }' "$1"
}

dump_log() {
    dump_run dump-log --bt-threshold 0 -d in_asm,uops -d out_asm -D "$work/dump.txt" || return
    dump_log_checks "$work/dump.txt" >"$work/dump.checked"
    expect dump-log "$(head -n 3 "$work/dump.checked" | tr '\n' ' ')" [ "$(wc -l <"$work/dump.checked")" -eq 1 ]
    expect dump-log "$(grep -c '^BLOCK' "$work/dump.txt") blocks were printed, $(stat dump-log bt_blocks) translated" \
        [ "$(grep -c '^BLOCK' "$work/dump.txt")" -eq "$(stat dump-log bt_blocks)" ]
    expect dump-log "no fate of flags, no stub and no vCPU field is named" \
        sh -c 'grep -q "flags: store" "$0" && grep -q "; bt:slow" "$0" && grep -q "; tlb" "$0"' "$work/dump.txt"
    # To standard error, and only what was asked for.
    dump_run dump-in -d in_asm
    expect dump-in "no IN on standard error" grep -q '^IN: ' "$work/dump-in.err"
    expect dump-in "more than in_asm" [ -z "$(grep -E '^(UOPS|OUT): ' "$work/dump-in.err")" ]
}

# The table's rows add up to what its head says, and that is what the run executed but for what was interpreted.
dump_profile() {
    dump_run dump-profile --bt-threshold 0 --bt-dump "$work/profile.txt" || return
    rows=$(awk '$1 ~ /%$/ && /gpa=/ { n++; sum += $2; if ($2 != $3 * $4 || (n > 1 && $2 > last)) bad = 1; last = $2 }
        END { printf "%d %d %d", n, sum, bad }' "$work/profile.txt")
    head=$(sed -n 's/^translated blocks: \([0-9]*\),.*/\1/p; s/^instructions: \([0-9]*\) of.*/\1/p' "$work/profile.txt" | tr '\n' ' ')
    expect dump-profile "rows add up to '$rows', the head says '$head'" [ "$rows" = "${head}0" ]
    whole=$(stat dump-profile instructions)
    sum=$(sed -n 's/^instructions: \([0-9]*\) of.*/\1/p' "$work/profile.txt")
    expect dump-profile "$sum of $whole instructions are in the profile" \
        awk -v a="$sum" -v b="$whole" 'BEGIN { exit !(a > 0.9 * b && a < 1.02 * b) }'
    expect dump-profile "no disassembly of the first block" \
        grep -q "^$(awk '/gpa=/ { print $8; exit }' "$work/profile.txt"):  " "$work/profile.txt"
    # Thrown away and made again, a block is still one row.
    dump_run dump-again --bt-threshold 0 --bt-insns 1 --tb-size 256K --bt-dump "$work/again.txt" || return
    expect dump-again "the cache was never emptied" [ "$(stat dump-again bt_emptied)" -gt 0 ]
    expect dump-again "no block was translated again" awk '/gpa=/ && $7 > 2 { found = 1 } END { exit !found }' "$work/again.txt"
    expect dump-again "blocks of several instructions" [ -z "$(awk '/gpa=/ && $4 != 1' "$work/again.txt")" ]
    again=$(sed -n 's/^instructions: \([0-9]*\) of.*/\1/p' "$work/again.txt")
    expect dump-again "$again of $whole instructions are in the profile" \
        awk -v a="$again" -v b="$whole" 'BEGIN { exit !(a > 0.9 * b && a < 1.02 * b) }'
}

dump_perf_map() {
    for size in 64M 256K; do
        dump_run "dump-perf-$size" --bt-threshold 0 --bt-insns 1 --tb-size $size --perf-map || return
        map=/tmp/perf-$(cat "$work/dump-perf-$size.pid").map
        mv "$map" "$work/perf-$size.map"
        bad=$(grep -Evc '^[0-9a-f]+ [1-9a-f][0-9a-f]* ((guest|trace):0x[0-9a-f]+|guest:0|bt:[a-z_0-9]+)$' "$work/perf-$size.map")
        expect dump-perf "$bad lines are not as perf wants them" [ "$bad" -eq 0 ]
        blocks=$(grep -c ' guest:' "$work/perf-$size.map")
        expect dump-perf "$blocks blocks are named, $(stat "dump-perf-$size" bt_blocks) translated" \
            [ "$blocks" -eq "$(stat "dump-perf-$size" bt_blocks)" ]
        expect dump-perf "no slow path is named" grep -q ' bt:slow$' "$work/perf-$size.map"
    done
    # No piece reaches into the next while nothing is thrown away.
    expect dump-perf "pieces overlap" sh -c 'while read -r at n name; do echo "$((0x$at)) $((0x$n))"; done <"$0" | sort -n |
        awk "\$1 < end { exit 1 } { end = \$1 + \$2 }"' "$work/perf-64M.map"
}

# What bends the translator does that, and nothing else (dump_run compares).
dump_options() {
    dump_run dump-chained
    dump_run dump-nochain --bt-nochain
    expect dump-nochain "$(stat dump-chained bt_linked) and $(stat dump-nochain bt_linked) branches were chained" \
        [ "$(stat dump-chained bt_linked)" -gt 0 -a "$(stat dump-nochain bt_linked)" -eq 0 ]
    dump_run dump-notraces --bt-notraces
    expect dump-notraces "$(stat dump-chained bt_superblocks) and $(stat dump-notraces bt_superblocks) superblocks were made" \
        [ "$(stat dump-chained bt_superblocks)" -gt 0 -a "$(stat dump-notraces bt_superblocks)" -eq 0 ]
    dump_run dump-hot --bt-threshold 200
    expect dump-hot "$(stat dump-chained bt_blocks) and $(stat dump-hot bt_blocks) blocks were translated" \
        [ "$(stat dump-chained bt_blocks)" -gt "$(stat dump-hot bt_blocks)" ]
    dump_run dump-interp --engine interp --bt-insns 1
    expect dump-interp "the interpreter has blocks of $(stat dump-interp blocks_built)" \
        [ "$(stat dump-interp blocks_built)" -gt "$(stat dump-chained blocks_built)" ]
    for kind in unlowered rest; do
        sum=$(sed -n "s/^stats: bt_$kind\.uop [^ ]* //p" "$work/dump-chained.err" | awk '{ sum += $1 } END { print sum + 0 }')
        total=$(stat dump-chained bt_$kind)
        expect dump-stats "bt_$kind is $total, its rows add up to $sum" \
            [ "$sum" -le "$total" -a "$((sum * 10))" -ge "$((total * 9))" ]
    done
}

# GDB names blocks and goes through translated code to who called it.
dump_gdb() {
    cat >"$work/gdb.commands" <<'END'
set pagination off
set breakpoint pending on
set confirm off
break bt_slow_path
ignore 1 3
run
backtrace
info symbol (char *)v->t.bt->blocks[0].code + v->t.bt->to_exec
delete
continue
END
    run_guest dump-gdb 240 gdb -q -nx -batch -x "$work/gdb.commands" --args "$X86SIM" --demo -append only=race \
        --sched serial --bt-threshold 0 --gdb-jit
    expect dump-gdb "no frame bt:slow in: $(grep '^#' "$work/dump-gdb.txt" | head -n 3 | tr '\n' ' ')" \
        grep -q '^#1 .* bt:slow ()' "$work/dump-gdb.txt"
    expect dump-gdb "the backtrace does not reach the run loop" grep -Eq '^#[0-9]+ .* vcpu_run ' "$work/dump-gdb.txt"
    expect dump-gdb "a block has no name" grep -q '^guest:0x[0-9a-f]* in section .text' "$work/dump-gdb.txt"
    expect dump-gdb "the run under GDB failed" grep -q 'exited normally' "$work/dump-gdb.txt"
    # Without a debugger: objects come and go with the cache.
    dump_run dump-jit --gdb-jit --bt-threshold 0 --bt-insns 1 --tb-size 256K
}

topic_dump() {
    short_guest demo
    dump_run dump-plain --engine interp
    dump_log
    dump_profile
    dump_perf_map
    dump_options
    dump_gdb
}
