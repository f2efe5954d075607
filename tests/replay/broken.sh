# SPDX-License-Identifier: MIT
#
# Part of tests/replay/run: logs that are cut, damaged, foreign, of another version, about other
# images, or not what happened; and recordings that are killed or find the disk full.
#
# What is known here of the format (docs/replay.md): 8 bytes of magic, the version at offset 8, the
# length of the options at 12, their CRC-32 at 16, the options from 20 on.

# word_at FILE OFFSET: an unsigned 32-bit little-endian number.
word_at() {
    od -An -tu4 -j "$2" -N 4 "$1" | tr -d ' '
}

# put_at FILE OFFSET: standard input overwrites the file there.
put_at() {
    dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# cut_replay NAME LOG OUT: LOG is a beginning of a recording that printed OUT; its replay goes as far
# as it can, says so in one last line and exits with status 2.
cut_replay() {
    run_guest "$1" 120 "$X86SIM" --replay "$2"
    expect "$1" "should end with status 2: $(said "$1")" [ "$status" -eq 2 ]
    expect "$1" "does not say that the log is cut short: $(tail -n 1 "$work/$1.err")" \
        grep -Eqi 'truncated|cut|incomplete|unfinished' "$work/$1.err"
    expect "$1" "said more than one line" [ "$(wc -l <"$work/$1.err")" -eq 1 ]
    expect "$1" "printed something that the run did not" is_prefix "$work/$1.out" "$3"
}

topic_broken() {
    cp "$BUILD/tests/guests/contend.elf" "$work/image.elf"
    set -- -smp 2 -m 64 -kernel "$work/image.elf" -append "rounds=40 seed=1"
    record whole 120 "$@" || return
    log=$work/whole.log
    size=$(wc -c <"$log")

    for percent in 30 60 90 99; do
        head -c $((size * percent / 100)) "$log" >"$work/cut-$percent.log"
        cut_replay "cut-$percent" "$work/cut-$percent.log" "$work/whole.out"
    done
    head -c $((size - 1)) "$log" >"$work/cut-one.log"
    cut_replay cut-one "$work/cut-one.log" "$work/whole.out"
    broken_headers
    broken_images
    broken_story
}

# Damage that is found before the guest starts.
broken_headers() {
    for length in 0 1 8 19; do
        head -c $length "$log" >"$work/short.log"
        refused "log of $length bytes" 'short\.log' "$X86SIM" --replay "$work/short.log"
    done
    for place in 25 50 75; do
        cp "$log" "$work/damaged.log"
        at=$((size * place / 100))
        byte=$(od -An -tu1 -j $at -N 1 "$log" | tr -d ' ')
        # shellcheck disable=SC2059 # the format is the byte
        printf "\\$(printf %o $((byte ^ 16)))" | put_at "$work/damaged.log" $at
        refused "byte damaged at $place %" 'corrupt|damaged|crc|checksum' \
            "$X86SIM" --replay "$work/damaged.log"
    done
    cp "$log" "$work/version.log"
    printf '\377' | put_at "$work/version.log" 8
    refused "another version" 'version' "$X86SIM" --replay "$work/version.log"
    refused "a program as a log" 'not .*(log|recording)' "$X86SIM" --replay "$X86SIM"
    : >"$work/empty.log"
    refused "an empty log" 'empty\.log' "$X86SIM" --replay "$work/empty.log"
    refused "a folder as a log" 'directory|not .*(log|recording|file)' "$X86SIM" --replay "$work"
    refused "a log that is not there" 'nowhere\.log' "$X86SIM" --replay "$work/nowhere.log"
}

# The log names its images; they have to be what they were.
broken_images() {
    printf x >>"$work/image.elf"
    refused "an image that grew" 'image\.elf' "$X86SIM" --replay "$log"
    cp "$BUILD/tests/guests/contend.elf" "$work/image.elf"
    printf x | put_at "$work/image.elf" $(($(wc -c <"$work/image.elf") / 2))
    refused "an image that changed" 'image\.elf' "$X86SIM" --replay "$log"
    rm "$work/image.elf"
    refused "an image that is gone" 'image\.elf' "$X86SIM" --replay "$log"
    cp "$BUILD/tests/guests/contend.elf" "$work/image.elf"
    # The same for what -initrd names.
    echo "a module" >"$work/module"
    run_guest module 120 "$X86SIM" -m 64 -kernel "$work/image.elf" -append rounds=1 -initrd "$work/module one,$work/module" \
        --record "$work/module.log"
    expect module "$(said module)" [ "$status" -eq 0 ]
    run_guest module-replay 120 "$X86SIM" --replay "$work/module.log"
    expect module "$(said module-replay)" [ "$status" -eq 0 ]
    echo "A module" >"$work/module"
    refused "a module that changed" "'$work/module' has changed" "$X86SIM" --replay "$work/module.log"
    rm "$work/module"
    refused "a module that is gone" "'$work/module'" "$X86SIM" --replay "$work/module.log"
}

# A log that is whole but tells of another run: the guest's seed is changed in the options, under a
# right CRC. The replay must notice, say where, and exit with status 3.
broken_story() {
    length=$(word_at "$log" 12)
    head -c 20 "$log" >"$work/story.log"
    tail -c +21 "$log" | head -c "$length" | sed 's/seed=1/seed=2/' >"$work/options"
    # The trailer of a gzip file holds the CRC-32 of what was packed.
    gzip -c "$work/options" | tail -c 8 | head -c 4 | put_at "$work/story.log" 16
    cat "$work/options" >>"$work/story.log"
    tail -c +$((21 + length)) "$log" >>"$work/story.log"
    expect story "the options do not name the seed" [ "$(cmp -l "$log" "$work/story.log" | wc -l)" -gt 1 ]
    run_guest story 120 "$X86SIM" --replay "$work/story.log"
    expect story "a divergence should end with status 3: $(said story)" [ "$status" -eq 3 ]
    expect story "does not say where it diverged: $(tail -n 1 "$work/story.err")" \
        grep -Eqi 'diverge' "$work/story.err"
    expect story "does not say what was expected" grep -Eqi 'expected' "$work/story.err"
}

# A killed recorder leaves a log that can be replayed to almost where it was.
topic_killed() {
    killed_recorder
    full_disk
}

killed_recorder() {
    short_guest contend 1000000
    "$X86SIM" -smp 4 $short --record "$work/killed.log" >"$work/killed.out" 2>"$work/killed.err" \
        </dev/null &
    recorder=$!
    children="$children $recorder"
    # Until something is in the log: 200 KB, or what there is after twenty seconds.
    tries=$((200 * TIME_FACTOR))
    while [ $tries -gt 0 ] && kill -0 $recorder 2>/dev/null &&
        [ "$(wc -c 2>/dev/null <"$work/killed.log" || echo 0)" -lt 200000 ]; do
        sleep 0.1
        tries=$((tries - 1))
    done
    expect killed "the recording ended by itself: $(tail -n 1 "$work/killed.err")" \
        kill -9 $recorder || return
    wait $recorder 2>/dev/null
    run_guest killed-replay 300 "$X86SIM" --replay "$work/killed.log"
    expect killed "replay of a killed recording: $(said killed-replay)" [ "$status" -eq 2 ]
    expect killed "does not say that the log is cut short: $(tail -n 1 "$work/killed-replay.err")" \
        grep -Eqi 'truncated|cut|incomplete|unfinished' "$work/killed-replay.err"
    # What was on its way to the terminal or to the log when it was killed may differ by its end.
    expect killed "the replay printed something else" \
        is_prefix_either "$work/killed.out" "$work/killed-replay.out"
    instructions=$(grep -Eo '[0-9]{5,}' "$work/killed-replay.err" | sort -n | tail -n 1)
    expect killed "does not say how far it came: $(tail -n 1 "$work/killed-replay.err")" \
        [ "${instructions:-0}" -gt 100000 ]
}

is_prefix_either() {
    is_prefix "$1" "$2" || is_prefix "$2" "$1"
}

# A disk that is full in the middle: here a limit on the size of files, 512-byte units, of which only
# the error is to be seen, not the signal.
full_disk() {
    short_guest contend 2000
    # shellcheck disable=SC2016 # expanded by the inner shell
    run_guest full 300 sh -c 'trap "" XFSZ; ulimit -f 128; exec "$@"' sh \
        "$X86SIM" -smp 4 $short --record "$work/full.log"
    expect full "a full disk should end with status 1: $(said full)" [ "$status" -eq 1 ]
    expect full "should say one line: $(cat "$work/full.err")" [ "$(wc -l <"$work/full.err")" -eq 1 ]
    expect full "does not name the log: $(cat "$work/full.err")" grep -q 'full\.log' "$work/full.err"
    expect full "no log was left" [ -s "$work/full.log" ]
    cut_replay full-replay "$work/full.log" "$work/full.out"
    # What the guest chose as a status does not hide that the log has no end.
    # shellcheck disable=SC2016 # expanded by the inner shell
    run_guest full-exit 300 sh -c 'trap "" XFSZ; ulimit -f 128; exec "$@"' sh \
        "$X86SIM" -smp 4 -m 64 -kernel "$BUILD/tests/guests/contend.elf" -append "rounds=2000 exit=3" --record "$work/full.log"
    expect full "a full disk should end with status 1 whatever the guest chose: $(said full-exit)" [ "$status" -eq 1 ]
    refused "a full disk at the start" '/dev/full' "$X86SIM" -smp 2 $short --record /dev/full
}
