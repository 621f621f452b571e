"""The two sites of a stack: what each of them has of its own, and which of them is in use.

The site of the stack's own settings is its home. The other one, the standby, lies in its state
directory and shares what belongs to no site: operations, orchestration, exchange, cloud. Which one
is in use is told to clients by a small file; who may trade is decided by the lease, not by it.
"""

from dataclasses import dataclass
from pathlib import Path

from infra.embedded import secrets
from infra.embedded.postgres import Cluster, cluster
from infra.sites import replica
from trading_core import durable
from trading_core.errors import ConfigurationError
from trading_core.services import SERVICES, Group, in_group, service
from trading_core.settings import Settings

STANDBY = "standby"
# What runs at the site in use only, in start order.
IN_USE_ONLY = (*(row.name for row in in_group(Group.CORE)), "wal_archive")
# The standby's own ports are this far from those of the home.
PORTS_APART = 20
_POINTER = "active_site.json"


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which site clients work with; a higher epoch is newer."""

    site: str
    epoch: int


def standby_of(home: Settings) -> Settings:
    """Return the settings of the standby site of a stack."""
    ports = {
        row.name: home.port(row.name) + (PORTS_APART if row.is_of_site else 0)
        for row in SERVICES
        if row.port
    }
    outside = {name: at for name, at in home.hosts.items() if not service(name).is_of_site}
    apart = {
        "state_dir": home.root / "sites" / STANDBY,
        "site": STANDBY,
        "shares_operations": True,
        "ports": ports,
        "hosts": outside,
    }
    return Settings(**{**home.model_dump(), **apart})


def of_site(home: Settings, name: str) -> Settings:
    """Return the settings of the site called `name`.

    Raises:
        ConfigurationError: The stack has no such site.
    """
    if name == home.site:
        return home
    if name == STANDBY:
        return standby_of(home)
    raise ConfigurationError(
        f"site: expected {home.site} or {STANDBY}, was {name!r}",
        next_step=f"name one of the two; the second is made by `tradeops up --with-{STANDBY}`",
    )


def other_than(home: Settings, name: str) -> str:
    """Return the name of the site that is not called `name`."""
    return STANDBY if name == home.site else home.site


def exists(site: Settings) -> bool:
    """Whether the site was ever made."""
    return site.secrets_dir.is_dir()


def pointer(settings: Settings) -> Pointer | None:
    """Return which site is in use; None when that was never said: then it is the home.

    Raises:
        ConfigurationError: The file is not ours.
    """
    path = _pointer_path(settings)
    try:
        found = durable.read_json(path)
        return None if found is None else Pointer(str(found["site"]), int(found["epoch"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path}: expected a site and an epoch, was unreadable",
            next_step="delete it, then let check-recovery-site say which site has the lease",
        ) from error


def point_to(settings: Settings, site: str, epoch: int) -> bool:
    """Tell clients which site to work with; return False when they know of a later switch."""
    known = pointer(settings)
    if known is not None and known.epoch > epoch:
        return False
    durable.write_json(_pointer_path(settings), {"site": site, "epoch": epoch})
    return True


def is_in_use(settings: Settings) -> bool:
    """Whether these are the settings of the site in use."""
    known = pointer(settings)
    if known is None:
        return not settings.shares_operations
    return known.site == settings.site


def in_use(home: Settings) -> Settings:
    """Return the settings of the site in use."""
    known = pointer(home)
    return home if known is None else of_site(home, known.site)


def asleep(site: Settings) -> frozenset[str]:
    """Return what `up` must not bring about at a site that is not in use: steps, by name.

    Its services must not run; its database may, as a replica.
    """
    names: set[str] = set()
    if site.shares_operations:
        names |= {"work_pool", "operations_databases", "operations_schema", "catalogue"}
    if is_in_use(site):
        return frozenset(names)
    names |= {"databases", "schema", "catalogue", *IN_USE_ONLY}
    if not replica.is_replica(cluster_of(site)):
        names.add("postgres")
    return frozenset(names)


def cluster_of(site: Settings) -> Cluster:
    """Return the PostgreSQL of a site."""
    return cluster(site.root, site.host, site.port("postgres"))


def copy_secrets(source: Settings, target: Settings) -> None:
    """Give a site the secrets of the other; addresses of its database become those of its own."""
    secrets.make_directory(target.secrets_dir)
    for name, value in _wanted(source, target).items():
        if _content(target.secrets_dir / name) != value:
            secrets.write(target.secrets_dir, name, value)


def differing_secrets(source: Settings, target: Settings) -> list[str]:
    """Return the names of secrets that one site has and the other has not, or otherwise."""
    return [
        name
        for name, value in sorted(_wanted(source, target).items())
        if _content(target.secrets_dir / name) != value
    ]


def _wanted(source: Settings, target: Settings) -> dict[str, str]:
    ours, theirs = f":{source.port('postgres')}/", f":{target.port('postgres')}/"
    found = (path for path in source.secrets_dir.glob("[!.]*") if path.is_file())
    return {
        path.name: text.replace(ours, theirs) if text.startswith("postgresql") else text
        for path in found
        for text in [path.read_text().strip()]
    }


def _content(path: Path) -> str | None:
    return path.read_text().strip() if path.exists() else None


def _pointer_path(settings: Settings) -> Path:
    home = settings.root.parent.parent if settings.shares_operations else settings.root
    return home / _POINTER
