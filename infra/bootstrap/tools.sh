#!/bin/sh
# Checks the tools nobody but the user can install, before anything is changed.
# Prints the Python to use on stdout; on stderr, every missing tool and how to get it.
set -u

root=$(cd "$(dirname "$0")/../.." && pwd)
missing=0

say() {
    printf '%s\n' "$1" >&2
}

lacks() {
    [ "$missing" -eq 0 ] && say "Not started: something is missing. Nothing was changed."
    missing=1
    say "  - $1"
    say "    $2"
}

# The first one that is new enough and can make an environment.
find_python() {
    for candidate in python3.11 /usr/bin/python3.11 python3 python3.12 python3.13; do
        path=$(command -v "$candidate") || continue
        if "$path" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
            >/dev/null 2>&1; then
            printf '%s\n' "$path"
            return 0
        fi
    done
    return 1
}

# Whether version $1 is at least $2, by their first two numbers.
at_least() {
    awk -v have="$1" -v want="$2" 'BEGIN {
        split(have, h, "."); split(want, w, ".")
        exit !(h[1] > w[1] || (h[1] == w[1] && h[2] >= w[2]))
    }'
}

python=$(find_python) || lacks "Python 3.11 or newer, with venv" \
    "Debian, Ubuntu: apt-get install python3.11 python3.11-venv; others: python3.11 with its venv and ensurepip modules"

command -v cc >/dev/null 2>&1 || lacks "a C compiler called cc" \
    "Debian, Ubuntu: apt-get install gcc libc6-dev; macOS: xcode-select --install"

wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/rust_ext/Cargo.toml")
for tool in cargo rustc; do
    found=$("$tool" --version 2>/dev/null | awk '{ print $2 }')
    if [ -z "$found" ]; then
        lacks "$tool $wanted or newer" \
            "install the Rust toolchain with rustup (rustup toolchain install stable) or your distribution's package"
    elif ! at_least "$found" "$wanted"; then
        lacks "$tool $wanted or newer; found $found" "rustup update stable"
    fi
done

[ "$missing" -eq 0 ] || exit 1
printf '%s\n' "$python"
