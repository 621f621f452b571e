"""The lab's command line; see the package for what each verb does."""

import argparse
import sys

import infra.lab
from infra.lab.host import PLACE, SSH_PORT, LabHost, known
from infra.lab.network import DEFAULT
from trading_core.clock import stopwatch_seconds
from trading_core.errors import CheckFailed, TradingError

_VERBS = ("up", "off", "cut", "mend", "down", "list")


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        "python -m infra.lab",
        description=infra.lab.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("verb", choices=_VERBS)
    parser.add_argument("name", nargs="?", default="")
    words = parser.parse_args()
    try:
        if words.verb == "list":
            _list()
        else:
            _do(words.verb, words.name)
    except TradingError as error:
        sys.exit(f"{error}\nnext: {error.next_step}")


def _do(verb: str, name: str) -> None:
    host = next((one for one in known() if one.name == name), None)
    if host is None and verb == "up":
        host = LabHost(name, _free_address())
    if host is None:
        raise CheckFailed(
            f"lab: expected a host called {name!r}, found "
            f"{', '.join(one.name for one in known()) or 'none'}",
            next_step=f"make it: `python -m infra.lab up {name or 'NAME'}`",
        )
    began_seconds = stopwatch_seconds()
    getattr(host, verb)()
    sys.stdout.write(f"{verb} {host.name}: {stopwatch_seconds() - began_seconds:.2f} s\n")
    if verb == "up":
        _show(host)


def _list() -> None:
    for host in known():
        _show(host)


def _show(host: LabHost) -> None:
    state = "up" if host.is_up else "off"
    sys.stdout.write(f"{host.name} {state}: root@{host.address} port {SSH_PORT}, ")
    sys.stdout.write(f"key {host.key_file}, host key {host.host_key}\n")


def _free_address() -> str:
    """Return an address nobody has: the network's second is the first host's."""
    taken = {host.address for host in known(PLACE)} | {str(DEFAULT.address.ip)}
    return next(str(one) for one in DEFAULT.subnet.hosts() if str(one) not in taken)


if __name__ == "__main__":
    main()
