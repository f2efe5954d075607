#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The story of "make demo": what recording is for, shown on the embedded guest.
#
# Its CPUs add to one counter without a lock, so the result depends on how their threads met, and
# differs from run to run. The script records runs until two of them had different results
# (normally the first two), then replays each recording twice and compares what a replay prints with
# what the run printed, byte for byte. Exit status 1 when a replay differs or fails, or when a run
# of the guest fails. X86SIM names the program, DEMO_SMP the number of CPUs (4).
set -u
: "${X86SIM:?names the x86sim program}"

smp=${DEMO_SMP:-4}
most_runs=20
work=$(mktemp -d "${TMPDIR:-/tmp}/x86sim-demo.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work" || exit 1

fail() {
    echo "demo: $*" >&2
    exit 1
}

# run NAME OPTION...: the guest's output goes to NAME.out, what x86sim says to NAME.err.
run() {
    name=$1
    shift
    timeout 300 "$X86SIM" "$@" >"$name.out" 2>"$name.err" </dev/null || {
        status=$?
        cat "$name.out" "$name.err" >&2
        fail "x86sim $* ended with status $status"
    }
}

# The lines that hold the racy result, without the serial line's carriage returns.
racy_lines() {
    tr -d '\r' <"$1" | grep -i racy || fail "the guest printed no racy result"
}

echo "\$ x86sim --demo --smp $smp --record run1.log"
run run1 --demo --smp "$smp" --record run1.log
tr -d '\r' <run1.out
cat run1.err
racy_lines run1.out >run1.racy

last=1
while [ "$last" -lt "$most_runs" ]; do
    last=$((last + 1))
    echo
    echo "\$ x86sim --demo --smp $smp --record run$last.log"
    run "run$last" --demo --smp "$smp" --record "run$last.log"
    racy_lines "run$last.out" | tee "run$last.racy"
    cmp -s run1.racy "run$last.racy" || break
done
if cmp -s run1.racy "run$last.racy"; then
    fail "$last runs had the same result: nothing raced, so there is nothing to show"
fi
echo
echo "The same guest, two runs, two results. Now replay each of them twice:"

for log in 1 "$last"; do
    for again in first second; do
        echo
        echo "\$ x86sim --replay run$log.log"
        run replay --replay "run$log.log"
        racy_lines replay.out
        tail -n 1 replay.err
        cmp "run$log.out" replay.out ||
            fail "the $again replay of run$log.log did not print what the run printed"
    done
done

echo
for log in 1 "$last"; do
    echo "run$log.log ($(wc -c <"run$log.log") bytes): the run and both replays printed the same" \
        "$(wc -c <"run$log.out") bytes."
done
