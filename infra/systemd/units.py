"""The systemd unit of each service of ours, as text, from the service table.

`python -m infra.systemd.units` writes those of an ordinary installation into infra/systemd/units;
a test holds them equal to the table. A lab host gets the same text with its own places.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from trading_core.services import SERVICES, Service

TRACKED = Path(__file__).parent / "units"
# A service that waits in vain for another one tries about as long as under the supervisor.
_STARTS_MAX, _WITHIN_SECONDS = 20, 240
_STOP_WITHIN_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Installation:
    """Where things are on a machine that runs services under systemd.

    Attributes:
        project: The project's directory.
        python: The interpreter of its environment.
        user: The account of the services.
        state: The state directory; `secrets` in it is readable by the account only.
        logs: One file for each service.
        environment: The file with the TRADEOPS_ variables.
    """

    project: Path = Path("/opt/tradeops")
    python: Path = Path("/opt/tradeops/.venv/bin/python")
    user: str = "tradeops"
    state: Path = Path("/var/lib/tradeops")
    logs: Path = Path("/var/log/tradeops")
    environment: Path = Path("/etc/tradeops/environment")


ORDINARY = Installation()


def ours(rows: Iterable[Service] = SERVICES) -> tuple[Service, ...]:
    """Return the services that have a unit: those of ours."""
    return tuple(row for row in rows if row.module)


def unit_name(service: str) -> str:
    """Return the name of a service's unit."""
    return f"tradeops-{service.replace('_', '-')}.service"


def unit(row: Service, place: Installation = ORDINARY) -> str:
    """Return the unit of one service.

    It has no [Install] section: a machine that comes back does not trade by itself. start-service
    and start-system start it, once what it depends on is ready.
    """
    # Its own /tmp would hide a project that lies below the machine's.
    own_tmp = "no" if place.project.is_relative_to("/tmp") else "yes"
    after = [unit_name(name) for name in row.depends_on if name in {one.name for one in ours()}]
    return f"""# Made from trading_core/services.py by infra/systemd/units.py: change it there.
[Unit]
Description=tradeops {row.name}
Wants=network-online.target
After={" ".join(["network-online.target", *after])}
StartLimitIntervalSec={_WITHIN_SECONDS}
StartLimitBurst={_STARTS_MAX}

[Service]
Type=exec
User={place.user}
WorkingDirectory={place.project}
EnvironmentFile={place.environment}
ExecStart={place.python} -m {row.module}
Restart=always
RestartSec=1
TimeoutStopSec={_STOP_WITHIN_SECONDS}
StandardOutput=append:{place.logs}/{row.name}.log
StandardError=inherit
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={place.state} {place.logs}
PrivateTmp={own_tmp}
"""


def main() -> None:
    """Write the units of an ordinary installation."""
    TRACKED.mkdir(exist_ok=True)
    for row in ours():
        (TRACKED / unit_name(row.name)).write_text(unit(row))
    sys.stdout.write(f"{len(ours())} units in {TRACKED}\n")


if __name__ == "__main__":
    main()
