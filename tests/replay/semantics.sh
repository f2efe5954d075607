# SPDX-License-Identifier: MIT
#
# Part of tests/replay/run: trace semantics through the whole machine. Plain runs under every one that an option can choose:
# the guest works and the counters of --stats fit (docs/traces.md); recording refuses what it cannot promise, by name.
# Cross-modifying code under every semantics that promises it, on 3 and 4 CPUs, plain and recorded: tests/guests/xmc.c checks
# that who has seen the new data never runs the old code.

# counter NAME KIND FIELD: that number from the --stats of a run; nothing if the kind has no line.
counter() {
    sed -n "s/^stats: trace\.$2 .*\<$3=\([^ ]*\).*/\1/p" "$work/$1.err"
}

# counters_fit NAME KIND SEMANTICS CPUS: what must hold between the counters, whatever the run did.
counters_fit() {
    events=$(counter "$1" "$2" events)
    [ -n "$events" ] || return 0 # nothing of the kind happened
    told=$(counter "$1" "$2" notifications)
    acks=$(counter "$1" "$2" acks)
    broadcast=$(counter "$1" "$2" broadcast)
    figures="events=$events notifications=$told acks=$acks broadcast=$broadcast"
    expect "$1" "$2 has the wrong semantics in --stats" [ "$(counter "$1" "$2" semantics)" = "$3" ]
    expect "$1" "$2: more told than by a broadcast: $figures" [ "$told" -le "$broadcast" ]
    case $2=$3 in
    code=post-async | mmu=post-async | desc=post-async)
        expect "$1" "$2: acknowledged though nobody waits: $figures" [ "$acks" -eq 0 ]
        ;;
    *) # a device acts within the access, whatever was chosen for mmio
        expect "$1" "$2: not all acknowledged: $figures" [ "$acks" -eq "$told" ]
        ;;
    esac
    case $2 in
    mmio) expect "$1" "mmio: the device is told of each: $figures" [ "$told" -eq "$events" ] ;;
    code | mmu | desc) # consumers are vCPUs here
        expect "$1" "$2: a broadcast tells all others: $figures" \
            [ "$broadcast" -eq $((events * ($4 - 1))) ] ;;
    esac
}

# semantics_run NAME CPUS OPTION...: a plain run that must end well, in $semantics_limit seconds.
semantics_limit=180
semantics_run() {
    semantics_name=$1
    semantics_cpus=$2
    shift 2
    run_guest "$semantics_name" "$semantics_limit" "$X86SIM" -smp "$semantics_cpus" "$@" --stats
    expect "$semantics_name" "$(said "$semantics_name")" [ "$status" -eq 0 ]
}

# semantics_hazard NAME CPUS OPTION...: the demo where other CPUs may run old code for a while: it may say that they did, their own
# or after a message from a third that has run the new (docs/traces.md), and nothing else that is wrong.
semantics_hazard() {
    hazard_name=$1
    hazard_cpus=$2
    shift 2
    run_guest "$hazard_name" 180 "$X86SIM" -smp "$hazard_cpus" "$@" --stats
    expect "$hazard_name" "$(said "$hazard_name")" grep -aq '^demo: ' "$work/$hazard_name.txt"
    expect "$hazard_name" "the guest found something else wrong" sh -c '
        ! grep -a "FAILED" "$1" | grep -avq "already overwritten\|old code ran after\|^demo: [12] checks FAILED"' sh "$work/$hazard_name.txt"
}

topic_semantics() {
    for kind in code mmu desc mmio; do
        for semantics in bracket post-sync post-async pre-data $([ $kind != mmu ] || echo deferred); do
            run=0
            while [ $run -lt $([ "$LEVEL" = all ] && echo 5 || echo 1) ]; do
                semantics_guests "$kind" "$semantics"
                run=$((run + 1))
            done
            [ $semantics != bracket ] && [ $kind != mmio ] || continue
            refused "semantics-$kind-$semantics-recorded" "$kind" "$X86SIM" -smp 4 $short \
                --trace-semantics "$kind=$semantics" --record "$work/refused.log"
            expect "semantics-$kind-$semantics-recorded" "left a log behind" [ ! -e "$work/refused.log" ]
        done
    done
    semantics_together
    semantics_bystanders
    topic_xmc
}

semantics_guests() {
    for guest in contend demo; do
        name=semantics-$1-$2-$guest
        short_guest $guest 50
        # Unquoted: several words.
        case $guest=$1=$2 in
        demo=code=post-*) semantics_hazard "$name" 4 $short --trace-semantics "$1=$2" ;;
        *) semantics_run "$name" 4 $short --trace-semantics "$1=$2" ;;
        esac
        [ $guest = demo ] || expect "$name" "the guest does not say that it passed" \
            grep -aqx 'contend: passed' "$work/$name.txt"
        for counted in code mmu desc mmio; do
            expected=bracket
            [ $counted != "$1" ] || expected=$2
            counters_fit "$name" $counted $expected 4
        done
    done
}

# All kinds at once with another semantics.
semantics_together() {
    for semantics in post-sync post-async pre-data; do
        name=semantics-all-$semantics
        short_guest contend 50
        semantics_run "$name" 4 $short --trace-semantics code=$semantics --trace-semantics mmu=$semantics \
            --trace-semantics desc=$semantics
        expect "$name" "the guest does not say that it passed" grep -aqx 'contend: passed' "$work/$name.txt"
        for counted in code mmu desc; do
            counters_fit "$name" $counted $semantics 4
        done
        expect "$name" "no event of kind code" [ "$(counter "$name" code events)" -gt 0 ]
        expect "$name" "no event of kind mmu" [ "$(counter "$name" mmu events)" -gt 0 ]
    done
}

# Roles save something: a guest whose CPUs modify code that few others run tells far fewer than a broadcast would.
semantics_bystanders() {
    short_guest contend 100
    semantics_run semantics-saved 8 $short
    expect semantics-saved "$(grep 'trace.code' "$work/semantics-saved.err"): no bystander was spared" \
        [ "$(($(counter semantics-saved code notifications) * 2))" -lt "$(counter semantics-saved code broadcast)" ]
}

# xmc_passed NAME: the guest ran all ways of patching, and saw no violation.
xmc_passed() {
    expect "$1" "$(grep -a 'xmc:.*violations' "$work/$1.txt" | grep -av ' 0 violations, 0 torn' | head -n 1):$(
        tail -n 1 "$work/$1.txt")" grep -aqx 'xmc: passed' "$work/$1.txt"
    expect "$1" "not all ways of patching ran" [ "$(grep -ac 'patches, .* 0 violations, 0 torn$' "$work/$1.txt")" -eq 7 ]
}

topic_xmc() {
    # Seconds of guest time, or minutes.
    rounds=100
    [ "$LEVEL" != all ] || {
        rounds=3000
        semantics_limit=3600
    }
    for cpus in 3 4; do
        xmc="-m 64 -kernel $BUILD/tests/guests/xmc.elf -append rounds=$rounds"
        # Brackets promise it, as the default too; announced writes have consumers drop the old code before, just so.
        for semantics in default code=pre-data mmu=bracket; do
            name=xmc-$cpus-$semantics
            option="--trace-semantics $semantics"
            [ $semantics != default ] || option=
            semantics_run "$name" $cpus $xmc $option
            xmc_passed "$name"
            expected=bracket
            [ $semantics != code=pre-data ] || expected=pre-data
            counters_fit "$name" code $expected $cpus
            echo "$part: ok: $name ($((rounds * 7)) patches of code that $((cpus - 1)) others run, in $took s)"
        done
        pair "xmc-$cpus-recorded" "$semantics_limit" -smp $cpus $xmc && xmc_passed "xmc-$cpus-recorded"
    done
}
