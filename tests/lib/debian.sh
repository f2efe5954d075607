# SPDX-License-Identifier: MIT
#
# debian.sh: what the output of a Debian guest (tests/guest-init/init) has to look like; sourced after
# check.sh.
#
# What the guest computes (checksum, floating point) is computed on the host by the same busybox or
# by other programs and compared, so no expected value stands here.

# Troubles that a kernel reports by itself, whatever the test.
kernel_troubles='Kernel panic|BUG:|Oops|WARNING:|Call Trace|lockup|rcu: INFO|unhandled signal'
kernel_troubles="$kernel_troubles|segfault|general protection|double fault|Spurious|MCE: |nobody cared"

expected_pipes=$(seq 1 5000 | sort -r | md5sum | cut -d ' ' -f 1)

# expected_float ARCH: the last digits depend on the architecture's compiler, so it is the same busybox
# that runs on the host; empty where the host cannot run it.
expected_float() {
    "$BUILD/guests/busybox-$1" awk 'BEGIN { for (i = 1; i < 9000; i++) { s += 1 / i; t = t * 0.75 + i % 7 }
        printf "%.15f %.15f", s, t }' 2>/dev/null
}

# says NAME TEXT: the guest printed exactly this line.
says() {
    grep -qxF -e "$2" "$work/$1.txt"
}

# check_start NAME CPUS: that the kernel came up with that many processors and without trouble.
check_start() {
    online=0
    [ "$2" -eq 1 ] || online=0-$(($2 - 1))
    expect "$1" "init did not see $2 processors: $(grep -a 'x86sim-init: cpus' "$work/$1.txt")" \
        says "$1" "x86sim-init: cpus $2 online $online"
    # A kernel of itself always prints its first line; an empty output has no trouble either.
    if trouble=$(grep -aE -e "$kernel_troubles" "$work/$1.txt"); then
        fail "$1" "the kernel complained: $(echo "$trouble" | head -n 1)"
    else
        expect "$1" "no kernel spoke" grep -aq 'Linux version' "$work/$1.txt"
    fi
}

# check_end NAME: that the run ended as a power-off does.
check_end() {
    expect "$1" "init did not say that it was done" says "$1" "x86sim-init: done"
    expect "$1" "the kernel did not power off" grep -aq 'reboot: Power down' "$work/$1.txt"
}

# check_basic NAME ARCH CPUS: the output of x86sim.work=basic.
check_basic() {
    check_start "$1" "$3"
    cpu=0
    while [ $cpu -lt "$3" ]; do
        expect "$1" "no command ran pinned on processor $cpu" \
            says "$1" "x86sim-init: pinned $cpu ran on $cpu"
        cpu=$((cpu + 1))
    done
    expect "$1" "not all of 300 processes ran" says "$1" "x86sim-init: forks 300"
    expect "$1" "wrong checksum" says "$1" "x86sim-init: pipes $expected_pipes"
    float=$(expected_float "$2")
    if [ -n "$float" ]; then
        expect "$1" "wrong floating point: $(grep -a 'x86sim-init: float' "$work/$1.txt")" \
            says "$1" "x86sim-init: float $float"
    else
        expect "$1" "no floating point" grep -aq '^x86sim-init: float [0-9]' "$work/$1.txt"
    fi
    check_end "$1"
}

# check_contend NAME CPUS: the output of x86sim.work=contend.
contend_events="racy mutex spin share atomic order copy code futex mmap protect signals timers pipes
    membarrier forks migrate eventfd keys"
check_contend() {
    check_start "$1" "$2"
    for event in $contend_events; do
        expect "$1" "event $event: $(grep -a "^contend: $event " "$work/$1.txt")" \
            grep -aq "^contend: $event ok " "$work/$1.txt"
    done
    expect "$1" "contend printed no total" grep -aq '^contend: total [0-9a-f]*$' "$work/$1.txt"
    check_end "$1"
}
