# SPDX-License-Identifier: MIT
#
# apt.sh: a private apt beside the host's; sourced by what fetches Debian packages for guests.
#
# The script that sources it sets $cache to a folder of its own and $apt to $cache/apt, and has complain(). Packages are
# downloaded and unpacked, never installed: apt runs with its own configuration, state and cache, with i386 as a foreign
# architecture there alone. The host's package sources and its Acquire:: settings (proxies) are used as they are; where sources
# of packages are wanted, the host's list is copied with "deb-src" for "deb".

# Copies the host's lists of Debian's packages as lists of sources.
apt_list_sources() {
    mkdir -p "$apt/sources" || return 1
    eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"
    for source_list in "$list" "$parts"*; do
        [ -f "$source_list" ] || continue
        case $source_list in
        *.list) grep -h '^deb .*debian' "$source_list" | sed 's/^deb /deb-src /' >"$apt/sources/${source_list##*/}" ;;
        *.sources) ! grep -q debian "$source_list" ||
            sed 's/^Types:.*/Types: deb-src/' "$source_list" >"$apt/sources/${source_list##*/}" ;;
        esac
    done
}

# Writes the private apt configuration and points APT_CONFIG at it. With apt_sources set, it has sources instead of packages.
apt_prepare() {
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/parts" || return 1
    : >"$apt/status"
    [ -z "${apt_sources:-}" ] || apt_list_sources || return 1
    {
        apt-config dump | grep '^Acquire::' | grep -v '^Acquire::Languages'
        cat <<END
APT::Architecture "amd64";
APT::Architectures { "amd64"; "i386"; };
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Acquire::Retries "2";
Dir::State "$apt";
Dir::State::lists "$apt/lists/";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
Dir::Cache::archives "$apt/archives/";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "$apt/parts/";
END
        [ -z "${apt_sources:-}" ] || cat <<END
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$apt/sources/";
END
    } >"$apt/apt.conf"
    APT_CONFIG=$apt/apt.conf
    export APT_CONFIG
}

# The index is refreshed at most once per call, from nothing, for it may be damaged as well as stale. A
# source that does not answer is no failure here, since the package may well come from another.
apt_update() {
    [ -z "${updated:-}" ] || return 1
    updated=1
    rm -rf "$apt/lists"
    mkdir -p "$apt/lists/partial"
    apt-get -qq update >"$cache/update.log" 2>&1
    return 0
}

# apt_resolve PACKAGE: the package that a metapackage stands for, or PACKAGE itself.
apt_resolve() {
    case $1 in
    linux-image-*)
        apt-cache depends --no-recommends --no-suggests "$1" 2>/dev/null |
            sed -n 's/^ *|*Depends: *\(linux-image-[0-9][^ ]*\)$/\1/p' | sed 1q
        ;;
    xen-system-*)
        apt-cache depends --no-recommends --no-suggests "$1" 2>/dev/null |
            sed -n 's/^ *|*Depends: *\(xen-hypervisor-[0-9][^ ]*\)$/\1/p' | sed 1q
        ;;
    *)
        apt-cache show --no-all-versions "$1" >/dev/null 2>&1 && echo "$1"
        ;;
    esac
}

# apt_download PACKAGE: leaves exactly one .deb in $cache/new.
apt_download() {
    rm -rf "$cache/new"
    mkdir "$cache/new" || return 1
    real=$(apt_resolve "$1")
    [ -n "$real" ] || return 1
    (cd "$cache/new" && apt-get -qq download "$real") >"$cache/download.log" 2>&1 &&
        [ "$(ls "$cache/new" | wc -l)" -eq 1 ]
}

# apt_obtain PACKAGE: the same, with a fresh index where the one at hand does not do.
apt_obtain() {
    apt_download "$1" && return 0
    apt_update && apt_download "$1" && return 0
    complain "cannot download $1 (see $cache/update.log, $cache/download.log)"
    return 1
}
