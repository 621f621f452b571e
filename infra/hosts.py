"""The hosts of this stack, and which services run on which: `hosts.toml` in the state directory.

    [hosts.one]
    address = "10.77.0.2"
    port = 22
    user = "root"
    key_file = "secrets/one_ssh_key"          # relative to the state directory
    host_key = "ssh-ed25519 AAAA..."
    services = ["market_data", "trade_executor"]

Without the file every service runs on this machine. Where the others find a service is a setting,
TRADEOPS_HOSTS; a file that says otherwise is refused.
"""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra.ssh import Door
from trading_core.errors import ConfigurationError
from trading_core.services import SERVICES
from trading_core.settings import Settings

FILE = "hosts.toml"
_GROUP_AND_OTHERS = 0o077
_NEXT = "correct the file; infra/hosts.py shows one"


class HostEntry(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(extra="forbid")

    address: IPv4Address
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    user: Annotated[str, Field(pattern="^[a-z_][a-z0-9_-]{0,31}$")]
    key_file: Path
    host_key: Annotated[str, Field(pattern="^ssh-ed25519 [A-Za-z0-9+/=]{68}$")]
    services: list[str] = Field(default_factory=list)


class HostsFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    hosts: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,30}$")], HostEntry]


@dataclass(frozen=True, slots=True)
class Host:
    """One machine that services run on.

    Attributes:
        services: Names of the service table that belong there.
    """

    name: str
    door: Door
    services: tuple[str, ...]

    @property
    def address(self) -> str:
        """Where its services listen."""
        return self.door.address


def read_hosts(settings: Settings) -> tuple[Host, ...]:
    """Return the hosts of a stack, by name; none without the file.

    Raises:
        ConfigurationError: Names the file and the field that is wrong.
    """
    path = settings.root / FILE
    if not path.exists():
        return ()
    try:
        file = HostsFile.model_validate(tomllib.loads(path.read_text()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: expected TOML, was: {error}", next_step=_NEXT) from error
    except ValidationError as error:
        facts = "; ".join(_words(path, one) for one in error.errors())
        raise ConfigurationError(facts, next_step=_NEXT) from None
    faults = [f"{path}: {fault}" for fault in _faults(file, settings)]
    if faults:
        raise ConfigurationError("; ".join(faults), next_step=_NEXT)
    return tuple(_host(name, entry, settings) for name, entry in sorted(file.hosts.items()))


def _words(path: Path, error: Any) -> str:
    field = ".".join(str(part) for part in error["loc"])
    return f"{path}: {field}: {error['msg']}, was {error['input']!r}"


def _faults(file: HostsFile, settings: Settings) -> Iterator[str]:
    ours = [row.name for row in SERVICES if row.module]
    placed: dict[str, str] = {}
    for name, entry in sorted(file.hosts.items()):
        key_file = settings.root / entry.key_file
        if not key_file.is_file():
            yield f"hosts.{name}.key_file: expected a private key, found no file {key_file}"
        elif key_file.stat().st_mode & _GROUP_AND_OTHERS:
            yield f"hosts.{name}.key_file: expected {key_file} readable by its owner only (0600)"
        for service in entry.services:
            field = f"hosts.{name}.services"
            if service not in ours:
                yield f"{field}: expected some of {', '.join(ours)}, was {service!r}"
            elif service in placed:
                yield f"{field}: {service} is on {placed[service]} already: one service, one place"
            elif settings.address(service) != str(entry.address):
                wanted = json.dumps(settings.hosts | {service: str(entry.address)}, sort_keys=True)
                yield (
                    f"{field}: {service} is looked for at {settings.address(service)} by all "
                    f"others; set TRADEOPS_HOSTS='{wanted}'"
                )
            placed[service] = name


def _host(name: str, entry: HostEntry, settings: Settings) -> Host:
    door = Door(
        name=name,
        address=str(entry.address),
        port=entry.port,
        user=entry.user,
        key_file=settings.root / entry.key_file,
        host_key=entry.host_key,
    )
    return Host(name, door, tuple(entry.services))
