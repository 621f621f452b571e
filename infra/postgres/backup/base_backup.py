"""Base backups: the whole server copied while it runs, by pg_basebackup, and unpacked again.

A backup is a directory of its own, made under another name and moved into place once every byte
of it is on the disk: what is there by its name is whole. It carries the log from its first to its
last moment, so it can be restored by itself; with the archive of the log, to any later moment.

    <id>/base.tar.zst     the server's files, compressed by the server (gzip where it lacks zstd)
    <id>/pg_wal.tar       the log that makes them consistent
    <id>/backup_manifest  PostgreSQL's own list of the files, each with its SHA-256
    <id>/backup.json      this module's `BaseBackup`
"""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, cast

import psutil
import zstandard
from psycopg import Connection
from pydantic import SecretStr

from infra.embedded import account
from infra.embedded.account import Account
from infra.embedded.postgres_binaries import Binaries
from infra.postgres import programs
from trading_core import durable
from trading_core.clock import SystemClock, poll, seconds
from trading_core.errors import CheckFailed, ConfigurationError, NotVerified
from trading_core.storage.connect import connect

DESCRIPTION = "backup.json"
MANIFEST = "backup_manifest"
LOG = "pg_wal.tar"
_PARTIAL = ".partial"
_CHUNK_BYTES = 1 << 20
_WORDS_SHOWN = 500
_END_WITHIN = seconds(5)
# What the server compresses with, by what its build has, fastest first.
_COMPRESSIONS = {"zstd": "server-zstd:level=3,workers=2", "gzip": "server-gzip:level=1"}
_ENDINGS = {"zstd": ".zst", "gzip": ".gz"}


@dataclass(frozen=True, slots=True)
class BaseBackup:
    """One base backup.

    Attributes:
        directory: Where its files lie now.
        system_identifier: Of the server; log of another server does not fit it.
        timeline: The server's when it was taken.
        start_lsn: The log is needed from here, as PostgreSQL writes positions.
        stop_lsn: It is consistent from here on; it cannot be restored to anything earlier.
        finished_at: Wall time after which it was whole: the earliest target it can serve.
        server_version: As in `SHOW server_version`.
        size_bytes: Of its files.
        unpacked_bytes: Of the data directory it becomes.
        files: SHA-256 of each file, hex, by name.
    """

    id: str
    directory: Path
    system_identifier: str
    timeline: int
    start_lsn: str
    stop_lsn: str
    started_at: datetime
    finished_at: datetime
    server_version: str
    size_bytes: int
    unpacked_bytes: int
    files: Mapping[str, str]

    @property
    def archive(self) -> Path:
        """The compressed copy of the server's files."""
        return next(self.directory / name for name in self.files if name.startswith("base.tar"))


def take(replication_dsn: SecretStr, places: Path, backup_id: str) -> BaseBackup:
    """Copy the server into `places`/`backup_id`.

    What a run that was killed left of the same backup is removed first.

    Args:
        replication_dsn: Of a role with REPLICATION.
        places: The directory of all base backups.
        backup_id: Its name.

    Raises:
        CheckFailed: There is one of this name, or pg_basebackup refused.
        Unreachable: The server does not answer.
    """
    place = places / backup_id
    if place.exists():
        raise CheckFailed(
            f"base backup {backup_id}: expected none of this name, found {place}",
            next_step="look whether it is whole before you remove it",
        )
    remove_partial(places, backup_id)
    draft = places / f"{backup_id}.{os.getpid()}{_PARTIAL}"
    draft.mkdir(parents=True)
    try:
        binaries = programs.of_server(replication_dsn)
        described = _copy(binaries, replication_dsn, draft, backup_id)
        durable.write_json(draft / DESCRIPTION, _as_json(described))
        durable.sync_folder(draft)  # pg_basebackup has synced its files itself
        draft.rename(place)
        durable.sync_folder(places)
    except BaseException:
        _discard(draft)
        raise
    return replace(described, directory=place)


def read(directory: Path) -> BaseBackup:
    """Return the backup in `directory`, as its description says.

    Raises:
        CheckFailed: There is no description, or it is not one.
    """
    try:
        found = durable.read_json(directory / DESCRIPTION)
        times = {
            name: datetime.fromisoformat(found[name]) for name in ("started_at", "finished_at")
        }
        return BaseBackup(**{**found, **times, "directory": directory})
    except (TypeError, KeyError, ValueError, OSError) as error:
        raise CheckFailed(
            f"base backup {directory}: expected a description {DESCRIPTION}, was {error}",
            next_step="choose another backup, or take one with back-up-database",
        ) from error


def all_in(places: Path) -> tuple[BaseBackup, ...]:
    """Return every whole backup in `places`, oldest first."""
    found = [read(file.parent) for file in places.glob(f"*/{DESCRIPTION}") if not _is_partial(file)]
    return tuple(sorted(found, key=lambda backup: backup.finished_at))


def changed_files(backup: BaseBackup) -> list[str]:
    """Return the names of files that are gone or no longer have their checksum."""
    return [
        name
        for name, sha256 in backup.files.items()
        if not (backup.directory / name).is_file() or file_sha256(backup.directory / name) != sha256
    ]


def unpack(backup: BaseBackup, into: Path, owner: Account | None = None) -> None:
    """Make a data directory of a backup, each byte compared with its checksum on the way.

    Args:
        into: An empty directory that `owner` may write to; the last one of its path.
        owner: Whose the files become; None is us.

    Raises:
        CheckFailed: A file of the backup is not what was written, or `into` is not empty.
    """
    if any(into.iterdir()):
        raise CheckFailed(
            f"{into}: expected an empty directory to restore into, was not empty",
            next_step="restore into a new directory: nothing is ever restored over a server",
        )
    _extract(backup, backup.archive.name, into, owner)
    _extract(backup, LOG, into / "pg_wal", owner)
    manifest = into / MANIFEST
    shutil.copyfile(backup.directory / MANIFEST, manifest)
    manifest.chmod(0o600)
    if owner is not None:
        os.chown(manifest, owner.uid, owner.gid)
    if file_sha256(manifest) != backup.files[MANIFEST]:
        raise _changed(backup, MANIFEST)


def verify_unpacked(into: Path, binaries: Binaries) -> None:
    """Hold an unpacked backup, not started yet, against PostgreSQL's own list of its files.

    Raises:
        CheckFailed: A file is missing, additional or changed, or the log in it cannot be read.
    """
    programs.run(binaries, ["pg_verifybackup", "--exit-on-error", "--quiet", str(into)])


def remove(directory: Path) -> None:
    """Remove a backup; at no moment does half of it stand under its name."""
    if directory.exists():
        draft = directory.with_name(f"{directory.name}.removed{_PARTIAL}")
        directory.rename(draft)
        durable.sync_folder(directory.parent)
        _discard(draft)


def remove_partial(places: Path, backup_id: str) -> None:
    """Remove what killed runs left of a backup, and of any other more than a day ago.

    That is half of a backup, and whoever still writes to it.
    """
    yesterday = (SystemClock().now() - timedelta(days=1)).timestamp()
    for left in places.glob(f"*{_PARTIAL}"):
        if left.name.startswith(f"{backup_id}.") or left.stat().st_mtime < yesterday:
            _discard(left)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(binaries: Binaries, dsn: SecretStr, draft: Path, backup_id: str) -> BaseBackup:
    started_at = SystemClock().now()
    with connect(dsn, application="base_backup") as connection:
        method = _compression(connection)
        identity = connection.execute(
            "SELECT system_identifier::text, current_setting('server_version')"
            " FROM pg_control_system()"
        ).fetchone()
    assert identity is not None, "a function has a value"
    options = ["--format=tar", "--wal-method=stream", "--checkpoint=fast", "--no-password"]
    options += ["--manifest-checksums=SHA256", f"--compress={_COMPRESSIONS[method]}"]
    programs.run(binaries, ["pg_basebackup", _destination(draft), *options], dsn)
    finished_at = SystemClock().now()
    paths = sorted(draft.iterdir())
    _require_one_archive(paths, _ENDINGS[method])
    manifest = json.loads((draft / MANIFEST).read_text())
    span = manifest["WAL-Ranges"][-1]
    return BaseBackup(
        id=backup_id,
        directory=draft,
        system_identifier=identity[0],
        timeline=span["Timeline"],
        start_lsn=span["Start-LSN"],
        stop_lsn=span["End-LSN"],
        started_at=started_at,
        finished_at=finished_at,
        server_version=identity[1],
        size_bytes=sum(path.stat().st_size for path in paths),
        unpacked_bytes=sum(file["Size"] for file in manifest["Files"]),
        files={path.name: file_sha256(path) for path in paths},
    )


def _destination(draft: Path) -> str:
    return f"--pgdata={draft}"


def _discard(draft: Path) -> None:
    # Where pg_basebackup died, its other half, which receives the log, lives on for ever and keeps
    # the server in backup mode. Both are known by the directory on their command line.
    copiers = [p for p in psutil.process_iter() if _destination(draft) in _command(p)]
    for process in copiers:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    poll(lambda: not any(map(_command, copiers)), within=_END_WITHIN)
    shutil.rmtree(draft, ignore_errors=True)


def _command(process: psutil.Process) -> list[str]:
    """Return a process's command line; empty once it has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _compression(connection: Connection) -> str:
    """Return what the server can compress with; the setting's values tell how it was built."""
    row = connection.execute(
        "SELECT enumvals FROM pg_settings WHERE name = 'wal_compression'"
    ).fetchone()
    return "zstd" if row is not None and "zstd" in (row[0] or []) else "gzip"


def _require_one_archive(paths: list[Path], ending: str) -> None:
    found = [path.name for path in paths]
    expected = sorted([f"base.tar{ending}", LOG, MANIFEST])
    if found != expected:
        raise ConfigurationError(
            f"base backup: expected the files {', '.join(expected)}, found {', '.join(found)}",
            next_step="move what lies in tablespaces back into the data directory",
        )


def _extract(backup: BaseBackup, name: str, into: Path, owner: Account | None) -> None:
    path = backup.directory / name
    digest = hashlib.sha256()
    # A file takes what tar says: a pipe that nobody reads meanwhile would stop it.
    with tempfile.TemporaryFile() as said, path.open("rb") as file:
        # tar writes the files as their owner; we read, hash and decompress for it meanwhile.
        tar = subprocess.Popen(
            ["tar", "--extract", "--no-same-owner", f"--directory={into}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            cwd="/",
            **account.ids(owner),
        )
        with tar:
            assert tar.stdin is not None, "it was asked for"
            try:
                with _opened(cast("IO[bytes]", _Hashed(file, digest)), name) as stream:
                    shutil.copyfileobj(stream, tar.stdin, _CHUNK_BYTES)
                tar.stdin.close()
            except BrokenPipeError:
                pass  # tar gave up: its words say why
            except (OSError, EOFError, zstandard.ZstdError):
                tar.kill()
        said.seek(0)
        words = said.read(_WORDS_SHOWN).decode(errors="replace").strip()
    if digest.hexdigest() != backup.files[name] and file_sha256(path) != backup.files[name]:
        raise _changed(backup, name)
    if tar.returncode != 0:
        raise NotVerified(
            f"{path}: expected tar to unpack it into {into}, exit code was {tar.returncode}: "
            f"{words}",
            next_step="look at the space and the rights of that directory",
        )


class _Hashed:
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes], digest: "hashlib._Hash") -> None:
        self._file = file
        self._digest = digest

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._digest.update(data)
        return data


def _opened(file: IO[bytes], name: str) -> AbstractContextManager[IO[bytes]]:
    """Return what reads the content of a file that may be compressed."""
    if name.endswith(".zst"):
        reader = zstandard.ZstdDecompressor().stream_reader(
            file, read_size=_CHUNK_BYTES, read_across_frames=True, closefd=False
        )
        return cast("AbstractContextManager[IO[bytes]]", reader)
    if name.endswith(".gz"):
        return cast("AbstractContextManager[IO[bytes]]", gzip.GzipFile(fileobj=file))
    return _Plain(file)


class _Plain(AbstractContextManager[IO[bytes]]):
    """A file that somebody else closes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __enter__(self) -> IO[bytes]:
        return self._file

    def __exit__(self, *_: object) -> None:
        """Leave it open."""


def _changed(backup: BaseBackup, name: str) -> CheckFailed:
    return CheckFailed(
        f"base backup {backup.id}: expected {name} as it was written (SHA-256 "
        f"{backup.files[name][:12]}), was changed",
        next_step="do not use this backup; restore another, and look at the disk",
    )


def _is_partial(file: Path) -> bool:
    return file.parent.name.endswith(_PARTIAL)


def _as_json(backup: BaseBackup) -> dict[str, object]:
    values = asdict(backup)
    del values["directory"]
    return values
