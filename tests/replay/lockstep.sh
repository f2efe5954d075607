# SPDX-License-Identifier: MIT
#
# Part of tests/replay/run: interpreter and translator do the same, all through a run. A serial run on instruction time is
# recorded with a digest of the registers every few thousand instructions on one engine and replayed on the other, both
# ways, with the translator in all its variants. tools/narrow says where a run that differs begins to.

lockstep_interval=5000

# lockstep_both NAME SECONDS OPTION...: recorded with each engine, replayed with the other; the recordings print the same.
lockstep_both() {
    lockstep_name=lockstep-$1
    lockstep_limit=$2
    shift 2
    record "$lockstep_name-interp" "$lockstep_limit" --engine interp --sched serial --digest-interval $lockstep_interval "$@" || return
    lockstep_replays "$lockstep_name-interp" "$lockstep_limit"
    record "$lockstep_name-bt" "$lockstep_limit" --engine bt --sched serial --digest-interval $lockstep_interval "$@" || return
    lockstep_replay "$lockstep_name-bt" interp "$lockstep_limit" --engine interp
    expect "$lockstep_name" "the engines print different things: $(cmp "$work/$lockstep_name-interp.out" \
        "$work/$lockstep_name-bt.out" 2>&1)" cmp -s "$work/$lockstep_name-interp.out" "$work/$lockstep_name-bt.out"
    [ "$failed" -ne 0 ] || rm -f "$work/$lockstep_name"-*.log
}

# lockstep_replay NAME HOW SECONDS OPTION...: a replay that names, if it fails, the positions between which they part.
lockstep_replay() {
    lockstep_failed=$failed
    replay "$@"
    [ "$failed" -eq "$lockstep_failed" ] || {
        echo "$part: $1.$2: $(grep -a 'diverges' "$work/$1.$2.err" | head -n 1)"
        echo "$part: the digest before it, $lockstep_interval instructions earlier, was the same;" \
            "tools/narrow, with the guest's options, says closer where"
    }
}

# Replays on the translator: as it comes, and in its variants.
lockstep_replays() {
    lockstep_replay "$1" bt "$2" --engine bt
    lockstep_replay "$1" one "$2" --engine bt --bt-insns 1 --bt-threshold 0
    lockstep_replay "$1" tiny "$2" --engine bt --tb-size 256K --bt-threshold 0
    lockstep_replay "$1" unchained "$2" --engine bt --bt-nochain
    lockstep_replay "$1" untraced "$2" --engine bt --bt-notraces
}

lockstep_linux() {
    linux_guest "$1" || {
        fail "lockstep-$1" "the kernel or its initramfs could not be made"
        return
    }
    lockstep_both "$1-$2" 1200 -smp "$2" -m 256 -kernel "$kernel" -initrd "$initrd" \
        -append "console=ttyS0 x86sim.work=basic x86sim.rounds=1" -nographic
}

topic_lockstep() {
    for cpus in 1 2; do
        short_guest demo
        # Unquoted: several words.
        lockstep_both "demo-$cpus" 120 -smp $cpus $short
        short_guest contend 30
        lockstep_both "contend-$cpus" 120 -smp $cpus $short
    done
    # Short loops, left at their heads.
    lockstep_both litmus 120 -smp 2 -m 64 -kernel "$BUILD/tests/guests/litmus.elf"
    # Digests so close that most blocks do not fit between them.
    lockstep_interval=50
    short_guest race
    lockstep_both race 240 -smp 2 $short
    lockstep_interval=20000
    lockstep_linux cloud 1
    [ "$LEVEL" = all ] || return 0
    lockstep_interval=5000
    lockstep_linux cloud 2
    lockstep_linux amd64 1
    lockstep_linux 686 1
    lockstep_linux 686 2
    lockstep_others
}

# Guests that nobody here wrote and that are not Linux.
lockstep_others() {
    if "$SRC/tests/lib/debian-kernel" memtest; then
        lockstep_limited memtest 1200 -smp 2 -m 16 -kernel "$BUILD/guests/memtest" -append "console=ttyS0,115200" \
            -nographic -icount-limit 800000000
    else
        fail lockstep-memtest "the package could not be had"
    fi
    if "$SRC/tests/lib/debian-kernel" xen && linux_guest cloud; then
        lockstep_both xen 3600 -smp 2 -m 1024 -no-reboot -nographic -kernel "$BUILD/guests/xen" \
            -append "console=com1 com1=115200 loglvl=all dom0_mem=512M" \
            -initrd "$kernel console=hvc0 earlyprintk=xen x86sim.work=idle x86sim.rounds=1 x86sim.end=reboot,$initrd"
    else
        fail lockstep-xen "the packages could not be had"
    fi
}

# A run that ends at its limit, with status 1.
lockstep_limited() {
    lockstep_name=lockstep-$1
    lockstep_limit=$2
    shift 2
    for engine in interp bt; do
        run_guest "$lockstep_name-$engine" "$lockstep_limit" "$X86SIM" --engine $engine --sched serial \
            --digest-interval $lockstep_interval "$@" --record "$work/$lockstep_name-$engine.log"
        expect "$lockstep_name-$engine" "$(said "$lockstep_name-$engine")" [ "$status" -eq 1 ]
    done
    lockstep_replays "$lockstep_name-interp" "$lockstep_limit"
    lockstep_replay "$lockstep_name-bt" interp "$lockstep_limit" --engine interp
    [ "$failed" -ne 0 ] || rm -f "$work/$lockstep_name"-*.log
}
