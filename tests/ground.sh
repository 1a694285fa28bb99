#!/usr/bin/env bash
# ground.sh: makes this machine ready to build mlstack and to run stacks.
#
#   tests/ground.sh [-y] [--need COMMAND=PACKAGE]... [IMAGE...]
#
#   -y                      install what is missing (Debian or Ubuntu, as root or with sudo)
#   --need COMMAND=PACKAGE  one more command that must be there; a path, with stars too, is as good
#   IMAGE                   container images that must be there (names of tests/images/tags.txt;
#                           without any: all but python)
#
# Afterwards Rust and a linker are there, a Docker engine answers, and it has the
# images: pulled where an image registry answers, else built by tests/images/build.sh.
# What is there already is left as it is. Without -y nothing is installed: the
# command that does it is printed instead.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
engine_log=${TMPDIR:-/tmp}/mlstack-dockerd.log
yes='' needs=(cc=gcc curl=curl) images=()

say()  { printf '  %s\n' "$*"; }
fail() { printf '\nerror: %s\n' "$1" >&2; shift; if [ $# -gt 0 ]; then printf 'help:  %s\n' "$@" >&2; fi; exit 1; }

# --- packages -----------------------------------------------------------------

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_install() {
    command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

# install PACKAGE...: or says how.
install() {
    local command="apt-get install -y --no-install-recommends $*"
    [ "$(id -u)" = 0 ] || command="sudo $command"
    command -v apt-get >/dev/null || fail "$* must be installed, and this is neither Debian nor Ubuntu" "install it and run this again"
    [ -n "$yes" ] || fail "$* must be installed" "$command" "or run this again with -y, which does it"
    can_install || fail "$* must be installed, and that needs root" "$command"
    say "installing $*"
    export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1
    as_root apt-get -qq update >/dev/null 2>&1 || :   # one broken source must not stop the others
    local log server=''
    if [[ " $* " = *" postgresql "* ]]; then no_database_server; fi
    log=$(as_root apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@" 2>&1 < /dev/null) \
        || fail "apt-get could not install $*" "$(tail -n 5 <<< "$log")"
    [ -z "$server" ] || as_root rm -f "$server"
}

# Debian's PostgreSQL starts a server as soon as it is installed, unless this file forbids it.
no_database_server() {
    local file=/etc/postgresql-common/createcluster.conf
    [ ! -e "$file" ] || return 0
    server=$file
    as_root mkdir -p "${file%/*}"
    as_root sh -c "echo 'create_main_cluster = false' > $file"
}

is_there() { command -v "$1" >/dev/null || compgen -G "$1" >/dev/null; }

commands() {
    local need absent=()
    for need in "${needs[@]}"; do
        is_there "${need%%=*}" || absent+=("${need#*=}")
    done
    # A compiler without the C library's files links nothing.
    [[ " ${absent[*]} " != *" gcc "* ]] || absent+=(libc6-dev)
    [ ${#absent[@]} = 0 ] || install "${absent[@]}"
}

rust() {
    command -v cargo >/dev/null || [ -x "$HOME/.cargo/bin/cargo" ] \
        || fail "Rust is missing" "curl --proto '=https' -sSf https://sh.rustup.rs | sh -s -- -y && . ~/.cargo/env"
    PATH=$PATH:$HOME/.cargo/bin
    say "Rust: $(cargo --version)"
}

# --- the engine ---------------------------------------------------------------

engine_answers() { command -v docker >/dev/null && timeout 20 docker version >/dev/null 2>&1; }

engine() {
    if ! engine_answers; then
        engine_can_be_started
        start_engine
    fi
    say "Docker engine: $(docker version -f '{{.Server.Version}}, API {{.Server.APIVersion}}')"
}

engine_can_be_started() {
    [ -z "${DOCKER_HOST:-}" ] || fail "no Docker engine answers at $DOCKER_HOST" "start it, or unset DOCKER_HOST"
    if [[ $(timeout 20 docker version 2>&1) == *"permission denied"* ]]; then
        fail "this user may not talk to the Docker engine" "sudo usermod -aG docker $(id -un), then log in again" "or run this as root"
    fi
    if ! command -v dockerd >/dev/null; then
        local packages=(docker.io)
        # Where the client is a package of its own, it is only recommended.
        if apt-cache show docker-cli >/dev/null 2>&1; then packages+=(docker-cli); fi
        install "${packages[@]}"
    fi
    [ -n "$yes" ] || fail "no Docker engine answers" "start it: sudo systemctl start docker" "or run this again with -y, which does it"
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || fail "no Docker engine answers, and starting one needs root" "sudo systemctl start docker"
}

start_engine() {
    local i pid=''
    if [ -d /run/systemd/system ]; then
        as_root systemctl start docker || fail "systemd could not start the Docker engine" "journalctl -u docker"
    elif ! engine_answers; then                    # installing may have started it
        say "starting dockerd (log: $engine_log)"
        # In place of this shell, which would keep the caller's output open as long as dockerd runs.
        local root=()
        [ "$(id -u)" = 0 ] || root=(sudo -n)
        (exec > "$engine_log" 2>&1 < /dev/null; exec "${root[@]}" setsid dockerd) &
        pid=$!
    fi
    for i in $(seq 60); do
        ! engine_answers || return 0
        # A dockerd that is there already makes ours end at once: it may still be starting.
        if [ -n "$pid" ] && [ "$i" -gt 10 ] && ! kill -0 "$pid" 2>/dev/null; then break; fi
        sleep 1
    done
    fail "the Docker engine does not start" "$(tail -n 5 "$engine_log" 2>/dev/null)"
}

# --- the images ---------------------------------------------------------------

# "NAME TAG" of each image that must be there.
wanted_images() {
    local name tag
    while read -r name tag _; do
        if [[ $name = \#* ]]; then continue; fi
        if [ ${#images[@]} = 0 ] && [ "$name" = python ]; then continue; fi
        if [ ${#images[@]} = 0 ] || [[ " ${images[*]} " = *" $name "* ]]; then echo "$name $tag"; fi
    done < "$here/images/tags.txt"
}

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

stand_in() { docker image inspect -f '{{index .Config.Labels "dev.mlstack.test-image"}}' "$1" 2>/dev/null | grep -q .; }

container_images() {
    local name tag registry='' build=()
    while read -r name tag; do
        if has_image "$tag" && ! stand_in "$tag"; then continue; fi
        if ! has_image "$tag"; then
            : "${registry:=$(registry_answers)}"
            if [ "$registry" = yes ] && pull "$tag"; then continue; fi
        fi
        build+=("$name")                           # a stand-in that is up to date costs nothing
    done < <(wanted_images)
    if [ ${#build[@]} -gt 0 ]; then build_stand_ins "${build[@]}"; fi
    say "container images: $(wanted_images | cut -d' ' -f2 | paste -sd' ')"
}

registry_answers() { if timeout 30 docker pull -q busybox:1 >/dev/null 2>&1; then echo yes; else echo no; fi; }

pull() {
    say "pulling $1"
    timeout 600 docker pull -q "$1" >/dev/null || { say "could not pull $1"; return 1; }
}

build_stand_ins() {
    local absent=()
    command -v python3 >/dev/null || absent+=(python3)
    python3 -m pip --version >/dev/null 2>&1 || absent+=(python3-pip)
    if [ ${#absent[@]} -gt 0 ]; then install "${absent[@]}"; fi
    "$here/images/build.sh" --quiet "$@" || fail "the stand-in images could not be built" "$here/images/build.sh $*"
}

while [ $# -gt 0 ]; do
    case $1 in
        -y) yes=1 ;;
        --need) needs+=("$2"); shift ;;
        -h | --help) sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//;p}' "$0"; exit ;;
        -*) fail "unknown option $1" "$0 --help" ;;
        *) images+=("$1") ;;
    esac
    shift
done

echo "Preparing this machine"
commands
rust
engine
container_images
