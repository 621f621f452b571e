"""The configuration of a stack as one archive: settings, files, and the versions in force.

No secret is in it. Its name has the digest of what it holds: the same configuration is archived
once a day at most, a changed one at once.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from infra.archives import Member
from tasks.backup.archives import Shelf, archived
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.trading import config

_VERSION_LENGTH = 12
# Written by people or made for programs; what is secret lies in secrets/ alone.
_FILES = ("*.toml", "prometheus/*.y*ml", "alertmanager/*.y*ml", "supervisor/supervisord.conf")


@check
def check_configuration_readable(settings: Settings) -> CheckResult:
    """See that every file of the configuration that people write can be read."""
    wrong: list[str] = []
    files = sorted(settings.root.glob("*.toml"))
    for path in files:
        try:
            tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            wrong.append(f"{path.name}: {error}")
    return CheckResult(
        Verdict.FAIL if wrong else Verdict.PASS,
        "; ".join(wrong) or f"{len(files)} files can be read",
        "every file of the configuration is TOML",
    )


@action
def ensure_configuration_archived(
    shelf: Shelf, database: Database, day: date
) -> Change[Path] | Unchanged[Path]:
    """Archive the configuration as it is now, unless the day's archive of it is there."""
    texts = _texts(shelf.settings, database)
    digest = hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()
    path = shelf.path(day, digest[:_VERSION_LENGTH])

    @contextmanager
    def collect() -> Iterator[Sequence[Member]]:
        yield [Member.of_text(name, text) for name, text in sorted(texts.items())]

    return archived(path, f"the configuration ({len(texts)} files)", collect)


def _texts(settings: Settings, database: Database) -> Mapping[str, str]:
    """Return every part of the configuration, by the name it has in the archive."""
    found = {"settings.json": _as_json(settings.environment())}
    for path in sorted({path for pattern in _FILES for path in settings.root.glob(pattern)}):
        name = path.relative_to(settings.root).as_posix()
        found[name] = path.read_text(encoding="utf-8", errors="replace")
    with database.transaction() as connection:
        for kind in (config.RISK_LIMITS, config.STRATEGY, config.DESK):
            for one in config.newest_of_kind(connection, kind):
                words = {"version": one.version, "sha256": one.sha256, "body": one.body}
                approved = {"approved_by": one.approved_by, "approved_at": f"{one.approved_at}"}
                found[f"versions/{kind}/{one.name}.json"] = _as_json(words | approved)
    return found


def _as_json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, default=str)
