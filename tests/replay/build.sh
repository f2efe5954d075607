# SPDX-License-Identifier: MIT
#
# Part of tests/replay/run: configure, install and clean, as somebody meets them who builds x86sim: from another folder,
# from the source itself, with spaces where they may be, and on machines where something is missing (a compiler that does
# not see a header, a PATH without a program).

# configured NAME STATUS COMMAND...: runs configure in a new folder.
configured() {
    configured_name=$1
    configured_status=$2
    shift 2
    rm -rf "$work/configured"
    mkdir "$work/configured"
    # shellcheck disable=SC2016 # expanded by the inner shell
    run_guest "$configured_name" 60 sh -c 'cd "$0" && exec "$@"' "$work/configured" "$@"
    expect "$configured_name" "configure should end with status $configured_status: $(said "$configured_name")" \
        [ "$status" -eq "$configured_status" ]
}

# refuses NAME PATTERN OPTION...: with one line that matches.
refuses() {
    refuses_name=$1
    refuses_pattern=$2
    shift 2
    configured "$refuses_name" 1 "$SRC/configure" "$@"
    expect "$refuses_name" "says: $(cat "$work/$refuses_name.err")" grep -Eq -e "$refuses_pattern" "$work/$refuses_name.err"
    expect "$refuses_name" "wrote a Makefile" [ ! -e "$work/configured/Makefile" ]
}

# blind HEADER: a compiler that does not find this header; its name is printed.
blind() {
    cat >"$work/blind-cc" <<END
#!/bin/sh
for word; do
    case \$word in
    *.c)
        if grep -q '$1' "\$word"; then
            echo "\$word: fatal error: $1: No such file or directory" >&2
            exit 1
        fi
        ;;
    esac
done
exec ${CC:-gcc} "\$@"
END
    chmod +x "$work/blind-cc"
    echo "$work/blind-cc"
}

topic_build() {
    [ -z "${MODE:-}" ] || return 0 # it has nothing to do with sanitizers
    configured plain 0 "$SRC/configure" --cc="${CC:-gcc}" "--prefix=/opt/my programs"
    expect plain "the last line should say what to do next: $(tail -n 1 "$work/plain.out")" \
        [ -n "$(tail -n 1 "$work/plain.out" | grep 'Now run make')" ]
    cp "$work/configured/Makefile" "$work/Makefile.first"
    (cd "$work/configured" && ./config.status >/dev/null 2>&1)
    expect plain "config.status makes another Makefile" cmp "$work/Makefile.first" "$work/configured/Makefile"
    refuses unknown "unknown option '--frobnicate'" --frobnicate
    refuses relative "absolute path" --prefix=here
    refuses prefix "prefix may not" '--prefix=/a"b'
    refuses compiler "'nocc' .Debian package" --cc=nocc
    for pair in Zydis.h:libzydis-dev zlib.h:zlib1g-dev mpfr.h:libmpfr-dev CUnit:libcunit1-dev; do
        refuses "without-${pair%:*}" "Debian package: ${pair#*:}" --cc="$(blind "${pair%:*}")"
        expect "without-${pair%:*}" "should name one package: $(tail -n 1 "$work/without-${pair%:*}.err")" \
            [ "$(tail -n 1 "$work/without-${pair%:*}.err")" = "configure: on Debian: apt-get install ${pair#*:}" ]
    done
    refuses without-libc "Debian package: libc6-dev" --cc="$(blind stdio.h)"
    build_tools
    build_spaces
    build_install
    build_clean
}

# A PATH that has everything but one program.
build_tools() {
    for pair in make:make objcopy:binutils "gcc clang cc:gcc"; do
        rm -rf "$work/path"
        mkdir "$work/path"
        for folder in /usr/bin /bin; do
            for program in sh cat sed awk grep mktemp rm mkdir mv chmod dirname printf tr pwd gcc clang cc make as ld ar nm objcopy; do
                [ ! -x $folder/$program ] || ln -sf $folder/$program "$work/path/$program"
            done
        done
        for program in ${pair%:*}; do
            rm -f "$work/path/$program"
        done
        configured path 1 env -u CC "PATH=$work/path" sh "$SRC/configure"
        expect path "without ${pair%:*} it says: $(cat "$work/path.err")" grep -q "Debian package: ${pair#*:})" "$work/path.err"
    done
}

build_spaces() {
    mkdir "$work/with space"
    # shellcheck disable=SC2016 # expanded by the inner shell
    run_guest spaces 60 sh -c 'cd "$0" && exec "$1"' "$work/with space" "$SRC/configure"
    expect spaces "should be refused in one line that names the path: $(cat "$work/spaces.err")" \
        grep -q "^configure: make cannot handle the path '$work/with space'" "$work/spaces.err"
    expect spaces "it ends with status $status" [ "$status" -eq 1 ]
}

build_install() {
    make -C "$BUILD" install "DESTDIR=$work/with space/root" "PREFIX=/opt/my programs" >"$work/install.out" 2>&1
    expect install "$(tail -n 2 "$work/install.out")" [ $? -eq 0 ]
    installed=$work/with\ space/root/opt/my\ programs
    run_guest installed 20 "$installed/bin/x86sim" --version
    expect install "the installed program does not run: $(said installed)" [ "$status" -eq 0 ]
    expect install "the manual page is not there" cmp -s "$SRC/docs/x86sim.1" "$installed/share/man/man1/x86sim.1"
    make -C "$BUILD" uninstall "DESTDIR=$work/with space/root" "PREFIX=/opt/my programs" >"$work/uninstall.out" 2>&1
    expect uninstall "$(tail -n 2 "$work/uninstall.out")" [ $? -eq 0 ]
    expect uninstall "left: $(find "$work/with space/root" -type f)" [ -z "$(find "$work/with space/root" -type f)" ]
}

# In the source: what make writes distclean removes, and nothing else. Some of everything is built.
build_clean() {
    mkdir "$work/tree"
    for folder in bt cpu devices docs mmu replay roms src tests tools trace configure Makefile.in; do
        cp -R "$SRC/$folder" "$work/tree/"
    done
    rm -rf "$work"/tree/tests/*.work.*
    (cd "$work/tree" && find . | sort) >"$work/tree.before"
    (cd "$work/tree" && ./configure --cc="${CC:-gcc}" && make guests tests/tty/drive obj/src/main.o obj/rom_demo.o) >"$work/tree.make" 2>&1
    expect clean "$(tail -n 2 "$work/tree.make")" [ $? -eq 0 ]
    expect clean "nothing was built" [ -e "$work/tree/obj/src/main.o" ]
    (cd "$work/tree" && make clean) >"$work/tree.make" 2>&1
    (cd "$work/tree" && find . | grep -v -e '^./Makefile$' -e '^./config.log$' -e '^./config.status$' | sort) >"$work/tree.after"
    expect clean "make clean: $(diff "$work/tree.before" "$work/tree.after" | head -n 3 | tr '\n' ' ')" \
        cmp -s "$work/tree.before" "$work/tree.after"
    (cd "$work/tree" && make distclean) >"$work/tree.make" 2>&1
    (cd "$work/tree" && find . | sort) >"$work/tree.after"
    expect clean "make distclean: $(diff "$work/tree.before" "$work/tree.after" | head -n 3 | tr '\n' ' ')" \
        cmp -s "$work/tree.before" "$work/tree.after"
}
