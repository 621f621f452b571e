"""The second site as a running thing: a replica that streams, and services that wait.

Its processes have a supervisor of their own, so that the end of one site leaves the other alone.
"""

from infra.embedded import stack
from infra.embedded.steps import Observer, Progress, Step
from infra.embedded.supervisor import Supervisor
from infra.sites import database, replica, site
from trading_core.clock import seconds
from trading_core.errors import TradingError
from trading_core.settings import Settings

_STREAMS_WITHIN = seconds(60)


def up(home: Settings, observe: Observer) -> None:
    """Bring the standby site up: as the one in use if it is, else as a replica of the home.

    Raises:
        ConfigurationError: A port is taken, or it runs with other settings.
        CheckFailed: The home's database could not be copied.
        NotVerified: It does not stream, or a service of it is not ready.
    """
    standby = site.standby_of(home)

    def told(progress: Progress) -> None:
        observe(
            Progress(f"{standby.site}: {progress.name}", progress.done, progress.elapsed_seconds)
        )

    if site.is_in_use(standby):
        stack.up(standby, told)
        return
    site.copy_secrets(home, standby)
    ensure_data(home, standby)
    stack.up(standby, told, [_streaming(standby)])


def down(home: Settings, observe: Observer) -> int:
    """Stop the standby site, if there is one; return how many processes were stopped."""
    standby = site.standby_of(home)
    return stack.down(standby, observe) if site.exists(standby) else 0


def ensure_data(source: Settings, target: Settings) -> bool:
    """Copy the source's data to a site that has none; return whether that was done."""
    cluster = site.cluster_of(target)
    if replica.exists(cluster):
        return False
    replica.clone(source_of(source), cluster, target.site)
    return True


def source_of(settings: Settings) -> replica.Source:
    """Return the database of a site as one that can be followed."""
    return replica.Source(settings.secret("replication_dsn"), settings.secret("superuser_dsn"))


def streams(settings: Settings) -> bool:
    """Whether the site's database is a replica that is connected to what it follows."""
    try:
        found = database.standing(settings.secret("superuser_dsn"))
    except TradingError:
        return False
    return found.follows and found.streams


def _streaming(standby: Settings) -> Step:
    log = Supervisor(standby.root).logs / "postgres.log"
    return Step(
        "streaming",
        ("postgres",),
        begin=lambda: None,
        is_ready=lambda: streams(standby),
        why_not=lambda: f"; read {log}",
        within=_STREAMS_WITHIN,
    )
