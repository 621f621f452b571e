"""`python -m infra.postgres.backup.bench [MEGABYTES]`: how fast a backup is taken and proven here.

It brings up a server, an archive and a bucket of its own, fills the server with random ticks (they
compress about as trading data do), and takes them down again. pg_dump of the same data in the same
run is the yardstick. MB/s are of uncompressed data; what else the machine does counts in.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psycopg

from infra.bucket import Bucket
from infra.embedded import cloud, postgres, roles, secrets
from infra.postgres import programs
from infra.postgres.backup import base_backup, restore_test
from infra.postgres.restoring import still
from infra.postgres.wal import Archive
from infra.postgres.wal_archive.app import WalArchive
from trading_core.clock import poll, seconds, stopwatch_seconds
from trading_core.metrics import Metrics
from trading_core.settings import Settings
from trading_core.storage import migrate

_BYTES_OF_A_ROW = 115
_PORTS = {"postgres": 25432, "wal_archive": 25006, "cloud": 25055}


def main() -> None:
    """Measure once and print a table."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory(prefix="tradeops-bench-") as folder, ExitStack() as opened:
        root = Path(folder)
        live = opened.enter_context(postgres.running(root, _PORTS["postgres"]))
        settings = opened.enter_context(_surroundings(root, live))
        opened.enter_context(WalArchive(settings, Metrics()))
        size = _fill(settings, megabytes)
        busy = f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        _say(f"state {size / 1e6:.0f} MB, PostgreSQL {live.binaries.major}, load {busy}")
        _measure(settings, live, size)


@contextmanager
def _surroundings(root: Path, live: postgres.Cluster) -> Iterator[Settings]:
    roles.prepare(live.superuser_dsn, root / "secrets")
    for name in ("control_token", "aws_access_key_id", "aws_secret_access_key"):
        secrets.ensure(root / "secrets", name)
    settings = Settings(state_dir=root, ports=_PORTS, heartbeat_seconds=1)
    migrate.upgrade(settings.secret("owner_dsn"))
    command = cloud.command(settings.host, settings.port("cloud"))
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as stand_in:
        try:
            poll(lambda: _answers(f"{settings.url('cloud')}/moto-api/"), within=seconds(60))
            yield settings
        finally:
            stand_in.kill()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _fill(settings: Settings, megabytes: int) -> int:
    owner = settings.secret("owner_dsn").get_secret_value()
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE ticks AS SELECT now() - i * interval '1 ms' AS at,"
            " 'S' || (random() * 500)::int AS symbol, (random() * 900)::numeric(12, 4) AS price,"
            " (random() * 5000)::int AS quantity, md5(random()::text) AS id"
            " FROM generate_series(1, %s) AS i",
            [megabytes * 1_000_000 // _BYTES_OF_A_ROW],
        )
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None, "a function has a value"
    return int(row[0])


def _measure(settings: Settings, live: postgres.Cluster, size: int) -> None:
    owner, places = settings.secret("owner_dsn"), settings.root / "backups" / "base"
    places.mkdir(parents=True)
    bucket = Bucket.of(settings)
    bucket.ensure()
    dump = settings.root / "plain.dump"
    taken: list[base_backup.BaseBackup] = []
    moments: list[still.Moment] = []

    def take() -> str:
        taken.append(base_backup.take(settings.secret("replication_dsn"), places, "bench"))
        return f"{taken[0].size_bytes / 1e6:.0f} MB stored"

    def copy() -> str:
        for name, sha256 in taken[0].files.items():
            bucket.put(f"base/bench/{name}", taken[0].directory / name, sha256)
        return "each file compared by checksum"

    def measure() -> str:
        moments.append(still.measure(owner))
        return f"{len(moments[0].tables)} tables"

    def prove() -> str:
        archive = Archive(settings.root / "backups" / "wal")
        tested = restore_test.run(live, taken[0], archive, moments[0], roles.TRADING)
        return f"{tested.rows} rows compared"

    def dump_it() -> str:
        command = ["pg_dump", "--format=custom", f"--file={dump}"]
        programs.run(live.binaries, command, owner)
        return f"{dump.stat().st_size / 1e6:.0f} MB stored, not restored"

    _timed(size, "base backup to disk, checksums", take)
    _timed(size, "copy to the bucket", copy)
    _timed(size, "fingerprint of every table", measure)
    _timed(size, "restore test: unpack, verify, replay, compare", prove)
    _timed(size, "pg_dump -Fc, for comparison", dump_it)


def _timed(size: int, what: str, do: Callable[[], str]) -> None:
    began = stopwatch_seconds()
    note = do()
    took = stopwatch_seconds() - began
    _say(f"{what:<46} {took:7.1f} s {size / 1e6 / took:7.0f} MB/s  {note}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
