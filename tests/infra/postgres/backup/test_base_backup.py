"""A base backup is whole or not there; unpacked, it is byte for byte what the server wrote."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.embedded import account
from infra.postgres.backup import base_backup
from infra.postgres.backup.base_backup import BaseBackup
from infra.postgres.lsn import position
from tests.fix_backups import CopiedServer, copied_server
from tests.fix_stack import PROJECT
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed, NotVerified

TAKE = """
import sys
from pathlib import Path
from pydantic import SecretStr
from infra.postgres.backup import base_backup
base_backup.take(SecretStr(sys.stdin.readline().strip()), Path(sys.argv[1]), sys.argv[2])
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CopiedServer]:
    with copied_server(tmp_path_factory.mktemp("server")) as one:
        one.execute(
            "CREATE TABLE ticks AS SELECT i, md5(i::text) AS id FROM generate_series(1, 200000) i"
        )
        yield one


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("base")


@pytest.fixture(scope="module")
def taken(server: CopiedServer, places: Path) -> BaseBackup:
    return base_backup.take(server.replication_dsn, places, "first")


@pytest.fixture
def own() -> Iterator[Path]:
    """An empty directory of the server's account, where the account can get at it."""
    owner = account.unprivileged()
    place = Path(f"/var/tmp/tradeops-test-{os.getpid()}")
    if owner is None:
        place.mkdir(mode=0o700)
    else:
        account.give(place, owner)
    yield place
    subprocess.run(["rm", "-rf", str(place)], check=True)


def test_a_backup_says_what_it_is_and_is_read_back_the_same(
    server: CopiedServer, taken: BaseBackup
) -> None:
    assert base_backup.read(taken.directory) == taken
    assert taken.system_identifier == str(
        server.value("SELECT system_identifier::text FROM pg_control_system()")
    )
    assert taken.server_version == server.value("SHOW server_version")
    assert position(taken.start_lsn) < position(taken.stop_lsn)
    assert taken.started_at < taken.finished_at
    assert taken.timeline == 1
    assert taken.unpacked_bytes > 20_000_000
    assert sorted(taken.files) == ["backup_manifest", taken.archive.name, "pg_wal.tar"]
    assert base_backup.changed_files(taken) == []


def test_unpacked_it_is_what_postgresql_wrote_and_belongs_to_its_account(
    server: CopiedServer, taken: BaseBackup, own: Path
) -> None:
    owner = account.unprivileged()

    base_backup.unpack(taken, own, owner)

    base_backup.verify_unpacked(own, server.cluster.binaries)
    assert (own / "PG_VERSION").stat().st_uid == (owner.uid if owner else os.getuid())
    assert list((own / "pg_wal").glob("0000*"))


def test_a_file_lost_after_unpacking_is_found(
    server: CopiedServer, taken: BaseBackup, own: Path
) -> None:
    base_backup.unpack(taken, own, account.unprivileged())
    (own / "global" / "pg_control").unlink()

    with pytest.raises(CheckFailed, match="pg_control"):
        base_backup.verify_unpacked(own, server.cluster.binaries)


@pytest.mark.parametrize("name", ["archive", "pg_wal.tar", "backup_manifest"])
@pytest.mark.parametrize("damage", ["flipped", "cut"])
def test_one_changed_byte_is_found_whatever_file_it_is_in(
    taken: BaseBackup, own: Path, tmp_path: Path, name: str, damage: str
) -> None:
    copy = copied(taken, tmp_path)
    path = copy.archive if name == "archive" else copy.directory / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content if damage == "flipped" else content[:-100])

    assert base_backup.changed_files(copy) == [path.name]
    with pytest.raises(CheckFailed, match=f"expected {path.name} as it was written"):
        base_backup.unpack(copy, own, account.unprivileged())


def test_nothing_is_unpacked_over_anything(taken: BaseBackup, own: Path) -> None:
    (own / "PG_VERSION").write_text("15")

    with pytest.raises(CheckFailed, match="expected an empty directory"):
        base_backup.unpack(taken, own, account.unprivileged())


def test_a_full_disk_is_told_as_what_tar_says(taken: BaseBackup, own: Path) -> None:
    (own / "full").mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0777", "tmpfs", str(own / "full")], check=True
    )
    try:
        with pytest.raises(NotVerified, match="No space left on device"):
            base_backup.unpack(taken, own / "full", account.unprivileged())
    finally:
        subprocess.run(["umount", str(own / "full")], check=True)


def test_a_disk_that_fills_up_while_it_copies_leaves_nothing_and_the_next_is_whole(
    server: CopiedServer, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=18m", "tmpfs", str(small)], check=True)
    try:
        with pytest.raises(CheckFailed, match="No space left on device"):
            base_backup.take(server.replication_dsn, small, "full")
        assert list(small.iterdir()) == []
        subprocess.run(["mount", "-o", "remount,size=500m", str(small)], check=True)
        again = base_backup.take(server.replication_dsn, small, "full")
        assert base_backup.changed_files(again) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_backup_is_never_written_over(server: CopiedServer, taken: BaseBackup) -> None:
    with pytest.raises(CheckFailed, match="expected none of this name"):
        base_backup.take(server.replication_dsn, taken.directory.parent, taken.id)


def test_killed_while_it_copies_it_leaves_no_backup_and_the_next_is_whole(
    server: CopiedServer, places: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE, str(places), "killed"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        process.stdin.write(server.replication_dsn.get_secret_value() + "\n")
        process.stdin.flush()
        assert poll(
            lambda: any(places.glob("killed.*.partial/base.tar*")),
            within=seconds(20),
            every=seconds(0.002),
        )
        orphans = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
    assert "killed" not in [backup.id for backup in base_backup.all_in(places)]

    again = base_backup.take(server.replication_dsn, places, "killed")

    assert not any(map(runs, orphans))
    copies = "SELECT count(*) FROM pg_stat_replication"
    assert poll(lambda: server.value(copies) == 0, within=seconds(5))
    assert base_backup.changed_files(again) == []
    assert [path.name for path in places.glob("killed*")] == ["killed"]


def copied(backup: BaseBackup, into: Path) -> BaseBackup:
    place = into / backup.id
    subprocess.run(["cp", "-r", str(backup.directory), str(place)], check=True)
    return base_backup.read(place)


def runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
