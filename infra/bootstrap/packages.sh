#!/bin/sh
# The programs some tests need and only root can install. As root with apt they are installed, and
# nothing that comes with them is started; otherwise they are named, and those tests skip loudly.
set -u

packages="postgresql redis-server prometheus prometheus-alertmanager openssh-server chromium"
policy=/usr/sbin/policy-rc.d

missing=""
for package in $packages; do
    case $package in
        postgresql) set -- /usr/lib/postgresql/*/bin/postgres && [ -x "$1" ] && continue ;;
        openssh-server) [ -x /usr/sbin/sshd ] && continue ;;
        *) command -v "$package" >/dev/null 2>&1 && continue ;;
    esac
    missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Tests that need these will be skipped:$missing"
    echo "  only root can install them; on Debian or Ubuntu: apt-get install$missing"
    exit 0
fi

echo "Installing for the tests:$missing"
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
fi
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
install() {
    # shellcheck disable=SC2086 # one word for each package is meant
    apt-get install --quiet --yes --no-install-recommends $missing </dev/null >>"$log" 2>&1
}
if ! install && ! { apt-get update --quiet </dev/null >>"$log" 2>&1 && install; }; then
    echo "  apt-get could not; tests that need them will be skipped. Its last words:"
    tail -n 3 "$log" | sed 's/^/    /'
fi
rm -f "$log"
exit 0
