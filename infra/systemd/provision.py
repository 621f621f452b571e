"""What a host must have before a service can run there: its unit, its settings, its secrets.

The secrets are those the service needs by its row of the table, and no others. The settings are
the stack's own, seen from there: it listens on its own address and finds the others on theirs.
"""

import hashlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from infra.hosts import Host
from infra.systemd.units import Installation, unit, unit_name
from trading_core import halt_request
from trading_core.broker.keys import HALVES, PAIR
from trading_core.errors import ConfigurationError
from trading_core.services import SERVICES, Group, service
from trading_core.settings import Settings

# The orchestrator and what watches come to the services, and not the other way round.
_SEEN_FROM_HOSTS = (Group.INFRASTRUCTURE, Group.EXCHANGE, Group.CORE)
_READABLE, _PRIVATE = 0o644, 0o600
_UNITS = "/etc/systemd/system"
# By what a service depends on; beside these each has the token that its control needs.
_SECRETS = {
    "postgres": ("trading_dsn",),
    "operations_db": ("operations_dsn",),
    "paper_exchange": (PAIR, *HALVES),
    "redis": ("redis_password",),
}
# The executor keeps the writer lease in the operations database without waiting for it to start.
_BESIDE = {"trade_executor": ("operations_dsn",), "gateway": (PAIR, *HALVES)}
# Of these there may be none: the pair or its halves, and Redis on loopback has no password.
_OPTIONAL = (PAIR, *HALVES, "redis_password")


@dataclass(frozen=True, slots=True)
class WantedFile:
    """A file as it must be. Its content is not shown: it may be a secret."""

    content: str
    mode: int

    @property
    def digest(self) -> str:
        """The SHA-256 of the content, as hex."""
        return hashlib.sha256(self.content.encode()).hexdigest()

    def __repr__(self) -> str:
        return f"WantedFile({len(self.content)} characters, {self.mode:o})"


def wanted_files(
    settings: Settings, host: Host, place: Installation, name: str
) -> dict[str, WantedFile]:
    """Return what a host needs for one service, by absolute path.

    Raises:
        ConfigurationError: A secret is missing here, or the host could not find the others.
    """
    files = {
        f"{_UNITS}/{unit_name(name)}": WantedFile(unit(service(name), place), _READABLE),
        str(place.environment): WantedFile(environment(settings, host, place), _READABLE),
    }
    for secret in _secrets_of(name):
        if secret not in _OPTIONAL or (settings.secrets_dir / secret).exists():
            value = settings.secret(secret).get_secret_value()
            files[f"{place.state}/secrets/{secret}"] = WantedFile(f"{value}\n", _PRIVATE)
    pending = halt_request.path_of(settings.root)
    if name == "trade_executor" and pending.exists():
        # A halt that was asked for while it did not answer must be there before it starts.
        there = str(halt_request.path_of(place.state))
        files[there] = WantedFile(pending.read_text(), _PRIVATE)
    return files


def environment(settings: Settings, host: Host, place: Installation) -> str:
    """Return the file of variables that make a service there read the stack's settings.

    Raises:
        ConfigurationError: A service it must find listens on loopback only.
    """
    others = {
        row.name: settings.address(row.name)
        for row in SERVICES
        if row.group in _SEEN_FROM_HOSTS and settings.address(row.name) != host.address
    }
    hidden = sorted(name for name, at in others.items() if ip_address(at).is_loopback)
    if hidden:
        raise ConfigurationError(
            f"host {host.name}: expected to reach {', '.join(hidden)}, but they listen on "
            f"{settings.host} only",
            next_step="take the stack down and up again with TRADEOPS_HOST set to this machine's "
            "address on the host's network",
        )
    values = settings.model_dump() | {
        "state_dir": place.state,
        "host": host.address,
        "hosts": others,
    }
    seen_from_there = type(settings)(**values)
    lines = sorted(seen_from_there.environment().items())
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in lines)


def _secrets_of(name: str) -> Iterator[str]:
    yield "control_token"
    for dependency in service(name).depends_on:
        yield from _SECRETS.get(dependency, ())
    yield from _BESIDE.get(name, ())
