"""Alertmanager as the embedded stack runs it: the production routes, our address and our token.

Like Prometheus it runs where it is installed. Without it no alert starts a runbook; the core halts
itself all the same.
"""

import json
import shutil
from pathlib import Path

import infra
from trading_core.errors import InvariantViolated
from trading_core.settings import Settings

# Debian's name for it, and that of its authors.
_PROGRAMS = ("prometheus-alertmanager", "alertmanager")
_SOURCE = Path(infra.__file__).parent / "alertmanager" / "alertmanager.yml"
_PRODUCTION_URL = '"http://127.0.0.1:8085/alertmanager"'
_PRODUCTION_TOKEN = '"/etc/tradeops/secrets/alert_token"'


def program() -> str | None:
    """Return the program's path; None when it is not installed."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


def command(settings: Settings) -> tuple[str, ...]:
    """Write the configuration and return the command line that uses it.

    Must only be called when `program` found one.
    """
    found = program()
    assert found is not None, "the caller asked for the program before"
    directory = settings.root / "alertmanager"
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "alertmanager.yml"
    file.write_text(configuration(settings))
    return (
        found,
        f"--config.file={file}",
        f"--storage.path={directory / 'data'}",
        f"--web.listen-address={settings.host}:{settings.port('alertmanager')}",
        "--cluster.listen-address=",  # one alone: it gossips with nobody
    )


def configuration(settings: Settings) -> str:
    """Return the production configuration with this stack's gateway and token in it.

    Raises:
        InvariantViolated: The production file no longer has the words that are replaced.
    """
    text = _SOURCE.read_text()
    ours = {
        _PRODUCTION_URL: f"{settings.url('alert_gateway')}/alertmanager",
        _PRODUCTION_TOKEN: str(settings.secrets_dir / "alert_token"),
    }
    for theirs, value in ours.items():
        if text.count(theirs) != 1:
            raise InvariantViolated(
                f"{_SOURCE.name}: expected {theirs} once, was {text.count(theirs)} times",
                next_step="keep infra/alertmanager and infra/embedded/alertmanager.py in step",
            )
        text = text.replace(theirs, json.dumps(value))
    return text
