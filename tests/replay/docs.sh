# SPDX-License-Identifier: MIT
#
# Part of tests/replay/run: the sessions in docs/replay.md and docs/traces.md. Their lines that begin with "$ " are run, one after the
# other in a folder of their own; what they print must be the lines that follow, where three dots stand for anything.

topic_docs() {
    docs_session docs/replay.md 6
    docs_session docs/traces.md 4
    docs_events
    docs_counters
    docs_features
    docs_demo
}

# The table of features in docs/cpu.md has a row for each, and its tests exist; every file
# with a DEVIATION of the processor is named there.
docs_features() {
    doc=$SRC/docs/cpu.md
    sed -n 's/^FEATURE([A-Z0-9_]*, "\([^"]*\)", .*, [A-Z0-9]*, [A-Z0-9_]*)$/\1/p' "$SRC/cpu/features.def" >"$work/features"
    expect docs "only $(wc -l <"$work/features") features in features.def" [ "$(wc -l <"$work/features")" -gt 50 ]
    while read -r feature; do
        expect docs "docs/cpu.md has no row for $feature with its tests" grep -Eq "^| \`$feature\`.*\| (insn|unit|device|system|forms|lockstep|replay|boot).* \|$" "$doc"
    done <"$work/features"
    sed -n '/^| feature/,/^$/p; /^| what | tests |/,/^$/p' "$doc" | grep -Eo '(insn|unit|device|system)/[a-z0-9_]+' | sort -u >"$work/named"
    expect docs "docs/cpu.md names only $(wc -l <"$work/named") tests" [ "$(wc -l <"$work/named")" -gt 30 ]
    while read -r named; do
        expect docs "docs/cpu.md names tests/$named, which does not exist" \
            [ -e "$SRC/tests/$named.S" -o -e "$SRC/tests/$named.c" ]
    done <"$work/named"
    (cd "$SRC" && grep -l 'DEVIATION' cpu/*.c cpu/*.h mmu/*.c) >"$work/deviating"
    while read -r file; do
        expect docs "docs/cpu.md does not name the deviation of $file" grep -q "| $file |$" "$doc"
    done <"$work/deviating"
}

# What README promises of ./bootstrap demo: two runs with different results, and replays with the result of their run. On
# any host most runs lose increments, so the second or the third run is another one.
docs_demo() {
    run_guest demo 300 sh "$SRC/tools/demo.sh"
    expect demo "$(said demo)" [ "$status" -eq 0 ]
    expect demo "only $(grep -c 'racy counter' "$work/demo.txt") results were shown" \
        [ "$(grep -c '^racy counter' "$work/demo.txt")" -ge 6 ]
    expect demo "it took $(grep -c -- '--record' "$work/demo.txt") runs to find two results" \
        [ "$(grep -c -- '--record' "$work/demo.txt")" -le 3 ]
    expect demo "no replay was verified" [ "$(grep -c 'replay verified' "$work/demo.txt")" -eq 4 ]
}

# docs_session FILE COMMANDS: run the session of a document, of at least so many commands.
docs_session() {
    rm -rf "$work/session"
    mkdir -p "$work/session" "$work/bin"
    ln -sf "$X86SIM" "$work/bin/x86sim"
    sed -n '/^## A session/,/^`tests/s/^    //p' "$SRC/$1" >"$work/session.txt"
    commands=0
    : >"$work/expected"
    while IFS= read -r session_line; do
        case $session_line in
        '$ '*)
            docs_compare
            commands=$((commands + 1))
            command=${session_line#??}
            (cd "$work/session" && PATH=$work/bin:$PATH timeout $((120 * TIME_FACTOR)) sh -c "$command") \
                >"$work/printed" 2>&1 </dev/null
            : >"$work/expected"
            ;;
        *) printf '%s\n' "$session_line" >>"$work/expected" ;;
        esac
    done <"$work/session.txt"
    docs_compare
    expect docs "found only $commands commands in $1" [ "$commands" -ge "$2" ]
}

# What the last command printed against what the document says.
docs_compare() {
    [ "$commands" -gt 0 ] || return 0
    # A line becomes an expression: everything literal but "...".
    sed 's/\.\.\./\n/g; s/[][\.*^$/(){}+?|]/\\&/g; s/\n/.*/g' "$work/expected" >"$work/expressions"
    docs_matches() {
        [ "$(wc -l <"$work/printed")" -eq "$(wc -l <"$work/expressions")" ] || return 1
        docs_n=0
        while IFS= read -r docs_expression; do
            docs_n=$((docs_n + 1))
            sed -n "${docs_n}p" "$work/printed" | grep -Eqx -e "$docs_expression" || return 1
        done <"$work/expressions"
    }
    expect docs "\"$command\" printed: $(head -n 3 "$work/printed" | tr '\n' '|')" docs_matches
}

# The table of events in the document is the one that the program is built from.
docs_events() {
    sed -n 's/^EVENT(\([A-Z_]*\), \([0-9]*\), .*/\2 \1/p' "$SRC/replay/events.def" >"$work/events"
    expect docs "no events in events.def" [ "$(wc -l <"$work/events")" -ge 10 ]
    while read -r number event; do
        expect docs "docs/replay.md has no row for event $number, $event" \
            grep -q "^| $number | $event |" "$SRC/docs/replay.md"
    done <"$work/events"
}

# docs/traces.md explains every counter that --stats prints.
docs_counters() {
    run_guest counters 60 "$X86SIM" --demo -smp 2 -append quiet --trace-semantics mmu=bracket --stats
    sed -n 's/^stats: \([a-z_]*\) .*/\1/p' "$work/counters.err" | sort -u >"$work/counters"
    expect docs "--stats prints hardly anything" [ "$(wc -l <"$work/counters")" -ge 20 ]
    while read -r counter; do
        expect docs "docs/traces.md does not explain the counter $counter" \
            grep -q "\`$counter\`" "$SRC/docs/traces.md"
    done <"$work/counters"
}
