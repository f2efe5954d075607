# SPDX-License-Identifier: MIT
#
# Part of tests/replay/run: command lines that are wrong. Each is refused with exit status 2 and one
# line that names the option or file; nothing is printed, nothing half-written is left.

topic_options() {
    elf=$BUILD/tests/guests/contend.elf
    refused "no guest" 'kernel|--help' "$X86SIM"
    refused "an unknown option" 'frobnicate' "$X86SIM" --frobnicate -kernel "$elf"
    refused "a kernel that is not there" 'nowhere' "$X86SIM" -kernel "$work/nowhere"
    refused "a folder as a kernel" 'kernel|directory' "$X86SIM" -kernel "$work"
    echo "not a kernel" >"$work/text"
    refused "a text as a kernel" 'text' "$X86SIM" -kernel "$work/text"
    : >"$work/nothing"
    refused "an empty kernel" 'nothing' "$X86SIM" -kernel "$work/nothing"
    refused "an initrd that is not there" 'nowhere' "$X86SIM" -kernel "$elf" -initrd "$work/nowhere"
    for bad in 0 65 -1 x '' 4x 99999999999999999999; do
        refused "-smp '$bad'" 'smp' "$X86SIM" -smp "$bad" -kernel "$elf"
    done
    for bad in 0 x 65G -5 '' 1Q; do
        refused "-m '$bad'" "-m|memory" "$X86SIM" -m "$bad" -kernel "$elf"
    done
    refused "a missing value" 'kernel' "$X86SIM" -kernel
    refused "an unknown cpu" 'cpu' "$X86SIM" -kernel "$elf" --cpu z80
    refused "an unknown feature" 'teapot' "$X86SIM" -kernel "$elf" --cpu x86-64,+teapot
    refused "a feature without what it needs" 'sse4.2 needs sse4.1' "$X86SIM" -kernel "$elf" --cpu x86-64,+sse4.2
    refused "an unknown engine" 'engine' "$X86SIM" -kernel "$elf" --engine steam
    refused "an unknown schedule" 'sched' "$X86SIM" -kernel "$elf" --sched random
    refused "turns of 0" 'sched' "$X86SIM" -kernel "$elf" --sched serial:0
    refused "an unknown clock" 'clock' "$X86SIM" -kernel "$elf" --clock sundial
    refused "icount in parallel" 'clock.*serial' "$X86SIM" -kernel "$elf" --clock icount
    refused "icount in parallel by name" 'clock.*serial' "$X86SIM" -kernel "$elf" --clock icount --sched parallel
    for semantics in code=deferred mmu=deferred desc=post-sync code=post-async order=pre-data; do
        refused "$semantics in a recording" 'trace-semantics' "$X86SIM" -kernel "$elf" --record "$work/a.log" \
            --trace-semantics $semantics
    done
    refused "mmu=deferred in a serial run" 'serial run.*bracket' "$X86SIM" -kernel "$elf" --sched serial \
        --trace-semantics mmu=deferred
    for bad in 255K 2G 0 x ''; do
        refused "-tb-size '$bad'" 'tb-size.*(256K to 1G|512M)' "$X86SIM" -kernel "$elf" --tb-size "$bad"
    done
    refused "blocks of 33" 'bt-insns.*1 to 32' "$X86SIM" -kernel "$elf" --bt-insns 33
    refused "a threshold of 256" 'bt-threshold.*0 .* to 200' "$X86SIM" -kernel "$elf" --bt-threshold 256
    refused "an unknown thing to print" "-d: 'op' .*in_asm, uops or out_asm" "$X86SIM" -kernel "$elf" -d in_asm,op
    refused "a place to print nothing" '^x86sim: -D .*-d in_asm' "$X86SIM" -kernel "$elf" -D "$work/d.txt"
    refused "translations of the interpreter" '-d .*-engine bt' "$X86SIM" -kernel "$elf" -d uops --engine interp
    refused "a profile of the interpreter" '-bt-dump .*-engine bt' "$X86SIM" -kernel "$elf" --bt-dump "$work/d.txt" --engine step
    refused "a profile nowhere" "-bt-dump: .*nowhere/d.txt.*writable" "$X86SIM" --demo --bt-dump "$work/nowhere/d.txt"
    refused "a profile over the kernel" "-bt-dump: .*is the kernel" "$X86SIM" -kernel "$elf" --bt-dump "$work/../../tests/guests/contend.elf"
    refused "a rate of 1" 'check' "$X86SIM" -kernel "$elf" --check 1
    refused "no limit" 'icount-limit' "$X86SIM" -kernel "$elf" -icount-limit 0
    refused "no digests" 'digest-interval' "$X86SIM" -kernel "$elf" --record "$work/a.log" --digest-interval 0
    refused "digests of no log" 'digest-interval.*record' "$X86SIM" -kernel "$elf" --digest-interval 5000
    refused "a day that is none" 'rtc.*base=' "$X86SIM" -kernel "$elf" -rtc base=2025-02-29
    refused "a date as seconds" 'rtc.*base=' "$X86SIM" -kernel "$elf" -rtc 12345
    refused "a seed of 0" 'seed' "$X86SIM" -kernel "$elf" --seed 0
    refused "a value where none goes" 'stats.*no value' "$X86SIM" -kernel "$elf" --stats=yes
    refused "a word that is no option" "'vmlinuz'.*-kernel" "$X86SIM" vmlinuz
    refused "a mistyped option" 'did you mean -record' "$X86SIM" -kernel "$elf" --recrod x
    refused "two guests" 'demo.*kernel' "$X86SIM" -kernel "$elf" --demo
    refused "an initrd without a kernel" 'initrd.*kernel' "$X86SIM" -initrd "$elf"
    refused "a device as a kernel" 'regular' "$X86SIM" -kernel /dev/null
    refused "a serial port nowhere" 'serial.*stdio' "$X86SIM" -kernel "$elf" -serial pty
    bad_name=$(printf 'no\nwhere\033[2J')
    refused "a name of several lines" 'no[?]where[?][[]2J' "$X86SIM" -kernel "$bad_name"
    refused "a value of several lines" 'smp.*[?]' "$X86SIM" -kernel "$elf" -smp "$bad_name"
    refused "a module that is not there" 'nowhere' "$X86SIM" -kernel "$elf" -initrd "$elf a,$work/nowhere b"
    : >"$work/b.log"
    for option in "-smp 2" "-m 64" "-append x" "-kernel $elf" "--demo" "--seed 3" "--clock host" "-no-reboot" "--cpu x86-64" \
        "-rtc base=utc"; do
        # shellcheck disable=SC2086 # words
        refused "$option with a replay" "^x86sim: ${option%% *}|log carries" "$X86SIM" --replay "$work/b.log" $option
    done
    refused "an unknown trace kind" 'colour' "$X86SIM" -kernel "$elf" --trace-semantics colour=bracket
    refused "an unknown semantics" 'often' "$X86SIM" -kernel "$elf" --trace-semantics code=often
    refused "record and replay" 'record|replay' "$X86SIM" -kernel "$elf" \
        --record "$work/a.log" --replay "$work/b.log"
    refused "an unwritable log" 'record|nowhere' "$X86SIM" -kernel "$elf" \
        --record "$work/nowhere/a.log"
    refused "a folder as a log" 'record|directory' "$X86SIM" -kernel "$elf" --record "$work"
    refused "a bad option beside --record" 'smp' "$X86SIM" -smp 0 -kernel "$elf" \
        --record "$work/a.log"
    expect options "a refused command line left a log" [ ! -e "$work/a.log" ]
    options_linux
    options_help
}

# What needs a Linux kernel to go wrong.
options_linux() {
    if ! linux_guest cloud; then
        fail "options of Linux" "the kernel or its initramfs could not be made"
        return
    fi
    refused "too little memory for the kernel" '-m|memory' "$X86SIM" -m 8 -kernel "$kernel"
    # A hundred megabytes that take no room on the disk.
    dd if=/dev/null of="$work/large" bs=1 seek=104857600 2>/dev/null
    refused "too little memory for the initrd" '-m|memory|initrd' \
        "$X86SIM" -m 64 -kernel "$kernel" -initrd "$work/large"
    head -c 4096 "$kernel" >"$work/cut-kernel"
    refused "a kernel that is cut short" 'cut-kernel' "$X86SIM" -kernel "$work/cut-kernel"
}

options_help() {
    run_guest help 20 "$X86SIM" --help
    expect help "$(said help)" [ "$status" -eq 0 ]
    for option in kernel initrd append smp record replay sched run-tokens clock engine trace-semantics stats cpu tb-size bt-insns bt-threshold bt-nochain bt-notraces d D bt-dump perf-map gdb-jit; do
        expect help "--help does not name $option" grep -q -e "-$option" "$work/help.out"
    done
    run_guest version 20 "$X86SIM" --version
    expect version "$(said version)" [ "$status" -eq 0 ]
    expect version "prints no version" grep -Eqx 'x86sim [0-9]+\.[0-9]+\.[0-9]+' "$work/version.out"
    run_guest full-help 20 sh -c '"$0" --help >/dev/full' "$X86SIM"
    expect help "--help to a full disk: $(said full-help)" [ "$status" -eq 1 ]
    run_guest short-help 20 "$X86SIM" -h
    expect help "-h is not --help" cmp -s "$work/help.out" "$work/short-help.out"
    options_manual
}

# The parser's table, --help and the manual page name the same options: the page's at the beginning of a paragraph of its
# section OPTIONS, as .B, .BI, .BR or .B \-...; with their short forms.
options_manual() {
    man=$SRC/docs/x86sim.1
    sed -n '/^\.SH OPTIONS/,/^\.SH KEYS/p' "$man" | grep -A1 '^\.TP' | grep '^\.B' |
        sed 's/\\-/-/g; s/" *, *"/ /g; s/"[^"]*"//g; s/, / /g' | grep -Eo -e '--?[a-zA-Z][a-z-]*' | sed 's/^--*//' | sort -u >"$work/man.names"
    grep -Eo '^  -[a-zA-Z][a-z-]*' "$work/help.out" | sed 's/^  -//' | sort -u >"$work/help.names"
    # The short forms stand in the table only.
    sed -n 's/^    \[OPT_[A-Z_]*\] = {"\([a-zA-Z-]*\)", \(NULL\|"\([a-z]*\)"\),.*/\1 \3/p' "$SRC/src/options_table.c" |
        tr ' ' '\n' | grep . | sort -u >"$work/table.names"
    sed -n 's/^    \[OPT_[A-Z_]*\] = {"[a-z-]*", "\([a-z]*\)",.*/\1/p' "$SRC/src/options_table.c" >>"$work/help.names"
    sort -o "$work/help.names" "$work/help.names"
    expect manual "the table has only $(wc -l <"$work/table.names") options" [ "$(wc -l <"$work/table.names")" -gt 20 ]
    expect manual "--help and the table differ: $(diff "$work/help.names" "$work/table.names" | tr '\n' ' ')" \
        cmp -s "$work/help.names" "$work/table.names"
    expect manual "the manual and the table differ: $(diff "$work/man.names" "$work/table.names" | tr '\n' ' ')" \
        cmp -s "$work/man.names" "$work/table.names"
    # Each name is really parsed: as an option that is unknown it would be refused as one.
    while read -r name; do
        for dashes in - --; do
            run_guest name 20 "$X86SIM" "$dashes$name=" -frobnicate
            expect manual "$dashes$name is not parsed: $(cat "$work/name.err")" [ -z "$(grep "unknown option '$dashes$name" "$work/name.err")" ]
        done
    done <"$work/table.names"
    # Models, and the version.
    for model in $(sed -n '/^Processor models:/,/^$/s/^  \([^ ]*\) .*/\1/p' "$work/help.out"); do
        expect manual "the manual does not name the model $model" grep -qw -e "$model" "$man"
        run_guest model 60 "$X86SIM" --demo -append only=race --cpu "$model"
        expect manual "--cpu $model: $(said model)" [ "$status" -eq 0 ]
    done
    expect manual "the manual is of another version than $(cat "$work/version.out")" \
        grep -q "^\.TH X86SIM 1 .* \"$(cat "$work/version.out")\"" "$man"
    if command -v man >/dev/null 2>&1; then
        expect manual "man complains: $(man --warnings -l "$man" 2>&1 >/dev/null </dev/null | head -n 2)" \
            [ -z "$(MANWIDTH=80 man --warnings -l "$man" 2>&1 >/dev/null </dev/null)" ]
    fi
}
