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
    refused "an unknown engine" 'engine' "$X86SIM" -kernel "$elf" --engine steam
    refused "an unknown schedule" 'sched' "$X86SIM" -kernel "$elf" --sched random
    refused "turns of 0" 'sched' "$X86SIM" -kernel "$elf" --sched serial:0
    refused "an unknown clock" 'clock' "$X86SIM" -kernel "$elf" --clock sundial
    refused "icount in parallel" 'clock|serial' "$X86SIM" -kernel "$elf" --clock icount
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
    for option in kernel initrd append smp record replay sched clock engine trace-semantics stats cpu; do
        expect help "--help does not name $option" grep -q -e "-$option" "$work/help.out"
    done
    run_guest version 20 "$X86SIM" --version
    expect version "$(said version)" [ "$status" -eq 0 ]
    expect version "prints no version" grep -Eq '[0-9]+\.[0-9]+' "$work/version.out"
}
