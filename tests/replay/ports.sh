# SPDX-License-Identifier: MIT
#
# Part of tests/replay/run: device registers under fire (the guest of tests/guests/ports.c), and the map of APIC destinations
# (apicmap.c).

topic_ports() {
    seed=1
    last=3
    [ "$LEVEL" != all ] || last=20
    while [ $seed -le $last ]; do
        for cpus in 1 2 4; do
            name=ports-$cpus-$seed
            record $name 120 -smp $cpus -m 64 -kernel "$BUILD/tests/guests/ports.elf" -append "seed=$seed" || continue
            expect $name "the guest prints no checksum" grep -aq '^ports: checksum [0-9a-f]*$' "$work/$name.txt"
            replay $name parallel 120
        done
        seed=$((seed + 1))
    done
    replay ports-4-1 serial 240 --sched serial
    replay ports-2-1 step 240 --engine step
    topic_apicmap
}

topic_apicmap() {
    for cpus in 2 4 8; do
        record apicmap-$cpus 120 -smp $cpus -m 64 -cpu x86-64 -kernel "$BUILD/tests/guests/apicmap.elf" || continue
        expect apicmap-$cpus "$(said apicmap-$cpus)" grep -aqx 'apicmap: done' "$work/apicmap-$cpus.txt"
        replay apicmap-$cpus parallel 120
        replay apicmap-$cpus serial 240 --sched serial
    done
}
