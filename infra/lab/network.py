"""The lab's network: one bridge, and a cable from it to each host."""

import subprocess
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path

from infra.lab.needs import find
from trading_core.errors import CheckFailed

_ADDRESS = IPv4Interface("10.77.0.1/24")


@dataclass(frozen=True, slots=True)
class Network:
    """A bridge of this machine.

    Attributes:
        bridge: Its name, at most nine characters: cables are named after it.
        address: This machine's address on it.
    """

    bridge: str = "tradelab"
    address: IPv4Interface = _ADDRESS

    @property
    def subnet(self) -> IPv4Network:
        """Every address on it."""
        return self.address.network

    @property
    def exists(self) -> bool:
        """Whether the bridge is there."""
        return Path(f"/sys/class/net/{self.bridge}").exists()

    @property
    def cables(self) -> int:
        """How many hosts are plugged in."""
        return len(list(Path(f"/sys/class/net/{self.bridge}/brif").glob("*")))

    def ensure(self) -> None:
        """Make the bridge, unless it is there."""
        if self.exists:
            return
        _ip("link", "add", self.bridge, "type", "bridge")
        _ip("address", "add", str(self.address), "dev", self.bridge)
        _ip("link", "set", self.bridge, "up")

    def plug_in(self, host: str, process: int, address: str) -> None:
        """Lay a cable to the host whose process 1 is `process`, and give that end an address."""
        cable = self._cable(host)
        self.unplug(host)
        _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", str(process))
        _ip("link", "set", cable, "master", self.bridge, "up")
        inside = (find("nsenter") or "nsenter", "--target", str(process), "--net", "--")
        length = self.subnet.prefixlen
        _ip("link", "set", "lo", "up", within=inside)
        _ip("address", "add", f"{address}/{length}", "dev", "eth0", within=inside)
        _ip("link", "set", "eth0", "up", within=inside)

    def unplug(self, host: str) -> None:
        """Take the cable away for good."""
        try:
            if self._is_laid(host):
                _ip("link", "delete", self._cable(host))
        except CheckFailed:
            # The kernel takes it away itself when the host's end goes with the host's namespace,
            # and that may be between our look and our act.
            if self._is_laid(host):
                raise

    def cut(self, host: str) -> None:
        """Let nothing pass the cable any more."""
        _ip("link", "set", self._cable(host), "down")

    def mend(self, host: str) -> None:
        """Let everything pass the cable again."""
        _ip("link", "set", self._cable(host), "up")

    def remove(self) -> None:
        """Take the bridge away once no cable is left."""
        if self.exists and not self.cables:
            _ip("link", "delete", self.bridge)

    def _is_laid(self, host: str) -> bool:
        return Path(f"/sys/class/net/{self._cable(host)}").exists()

    def _cable(self, host: str) -> str:
        # A device's name has at most 15 characters.
        return f"{self.bridge}-{host}"


def _ip(*words: str, within: tuple[str, ...] = ()) -> None:
    command = (*within, find("ip") or "ip", *words)
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    if answer.returncode != 0:
        raise CheckFailed(
            f"ip {' '.join(words)}: expected exit code 0, was {answer.returncode}: "
            f"{answer.stderr.strip()}",
            next_step="see `python -m infra.lab list`; `down` removes what is half made",
        )


DEFAULT = Network()
