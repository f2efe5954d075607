# SPDX-License-Identifier: MIT
#
# check.sh: what the shell parts of the tests share; sourced, not run.
#
# A part sets "part" and sources this file with X86SIM, BUILD and SRC in the environment (OUT, MODE
# and LEVEL optional; ENGINE, if set, is added to every run), calls run_guest and expect, and ends with finish. Everything a guest prints is
# kept below $work until the part ends, and stays there when a test failed. Nothing waits without a
# limit: TIME_FACTOR (set for sanitizer builds here) stretches all limits.

set -u
: "${X86SIM:?names the program to test}" "${BUILD:?names the build folder}" "${SRC:?names the source}"
OUT=${OUT:-$BUILD}
LEVEL=${LEVEL:-quick}
[ -z "${ALL:-}" ] || LEVEL=all
export X86SIM BUILD SRC OUT LEVEL
LC_ALL=C
export LC_ALL

case ${MODE:-} in
asan | ubsan | cov) TIME_FACTOR=${TIME_FACTOR:-5} ;;
tsan) TIME_FACTOR=${TIME_FACTOR:-20} ;;
*) TIME_FACTOR=${TIME_FACTOR:-1} ;;
esac

passed=0
failed=0
mkdir -p "$OUT/tests"
work=$(mktemp -d "$OUT/tests/$part.work.XXXXXX") || exit 1
work=$(cd "$work" && pwd)
children=

# use_engine ENGINE: from here on every run of $X86SIM is "x86sim --engine ENGINE ..."; more words may follow ("bt --bt-insns 1").
# A run that chooses itself has the last word. Nothing: as the program was given.
x86sim_given=$X86SIM
use_engine() {
    X86SIM=$x86sim_given
    [ -n "$1" ] || return 0
    case $X86SIM in
    /*) ;;
    *) X86SIM=$PWD/$X86SIM ;;
    esac
    printf '#!/bin/sh\nexec "%s" --engine %s "$@"\n' "$X86SIM" "$1" >"$work/x86sim"
    chmod +x "$work/x86sim"
    X86SIM=$work/x86sim
}
use_engine "${ENGINE:-}"

clean_up() {
    for child in $children; do
        kill "$child" 2>/dev/null
    done
    [ "$failed" -ne 0 ] || rm -rf "$work"
}
trap clean_up EXIT
trap 'failed=1; exit 1' HUP INT TERM

pass() {
    passed=$((passed + 1))
}

# fail NAME REASON: a failed test is always said at once.
fail() {
    failed=$((failed + 1))
    echo "$part: FAILED: $1: $2"
}

# expect NAME REASON COMMAND...: passes when the command succeeds.
expect() {
    expect_name=$1
    expect_reason=$2
    shift 2
    if "$@"; then
        pass
    else
        fail "$expect_name" "$expect_reason"
        return 1
    fi
}

# run_guest NAME SECONDS COMMAND...: output to $work/NAME.out (and without carriage returns to
# NAME.txt), messages to NAME.err, exit status to $status, seconds taken to $took. 124 means that it
# did not end in time.
run_guest() {
    run_name=$work/$1
    run_limit=$(($2 * TIME_FACTOR))
    shift 2
    read -r run_from run_rest </proc/uptime
    timeout --kill-after=10 "$run_limit" "$@" >"$run_name.out" 2>"$run_name.err" </dev/null
    status=$?
    read -r run_to run_rest </proc/uptime
    took=$(awk -v a="$run_from" -v b="$run_to" 'BEGIN { printf "%.1f", b - a }')
    tr -d '\r' <"$run_name.out" >"$run_name.txt"
}

# said NAME: the last lines that help to see why a run failed, on one line.
said() {
    echo "status $status after $took s; $(tail -n 1 "$work/$1.err" | cut -c 1-200) [$work/$1.*]"
}

# is_prefix A B: file A is the beginning of file B (or the same).
is_prefix() {
    head -c "$(wc -c <"$1")" "$2" | cmp -s - "$1"
}

# refused NAME PATTERN COMMAND...: the command line or file is refused as STYLE says: exit status 2,
# nothing on standard output, exactly one line of error, which matches the extended regular expression.
refused() {
    refused_name=$1
    refused_pattern=$2
    shift 2
    run_guest refused 20 "$@"
    if [ "$status" -ne 2 ]; then
        fail "$refused_name" "should be refused with status 2, but $(said refused)"
    elif [ -s "$work/refused.out" ]; then
        fail "$refused_name" "printed on standard output: $(head -n 1 "$work/refused.out")"
    elif [ "$(wc -l <"$work/refused.err")" -ne 1 ]; then
        fail "$refused_name" "said $(wc -l <"$work/refused.err") lines, not one:" \
            "$(head -n 2 "$work/refused.err")"
    elif ! grep -Eqi -e "$refused_pattern" "$work/refused.err"; then
        fail "$refused_name" "does not say /$refused_pattern/: $(cat "$work/refused.err")"
    else
        pass
    fi
}

# linux_guest KERNEL: fetches and builds what a Debian guest needs; sets $kernel and $initrd.
linux_guest() {
    case $1 in
    686) guest_arch=i386 ;;
    *) guest_arch=amd64 ;;
    esac
    kernel=$BUILD/guests/vmlinuz-$1
    initrd=$BUILD/guests/initrd-$guest_arch
    "$SRC/tests/lib/debian-kernel" "$1" && "$SRC/tests/lib/initramfs" "$guest_arch"
}

# finish: the closing line; the part's exit status.
finish() {
    [ "$failed" -eq 0 ] || echo "$part: output of what failed is in $work"
    echo "$part: $passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}
