"""The log arrives as it is written, its age is measured, and whatever dies comes back by itself."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.bucket import Bucket
from infra.postgres.lsn import position
from infra.postgres.wal import Archive, Segment
from infra.postgres.wal_archive.app import Places
from infra.postgres.wal_archive.folder import Folder
from infra.postgres.wal_archive.place import Place
from infra.postgres.wal_archive.receiver import SLOT
from tests.fix_backups import CopiedServer, copied_server
from tests.fix_cloud import LocalCloud, running_cloud
from trading_core.clock import poll, seconds


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with running_cloud() as one:
        yield one


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, cloud: LocalCloud) -> Iterator[CopiedServer]:
    with copied_server(tmp_path_factory.mktemp("archived"), cloud.endpoint) as one:
        one.start_archive()
        yield one


@pytest.fixture
def archive(server: CopiedServer) -> Path:
    return Places.of(server.settings.root).archive


def write_log(server: CopiedServer) -> str:
    """Write something, close the segment it is in, and return the segment's name."""
    server.execute("CREATE TABLE IF NOT EXISTS t (i int)", "INSERT INTO t VALUES (1)")
    name = str(server.value("SELECT pg_walfile_name(pg_current_wal_lsn())"))
    server.value("SELECT pg_switch_wal()::text")
    return name


def first_position(archive: Path) -> int:
    """Return where the log that was received begins: a copied server has written before."""
    names = (path.name.removesuffix(".partial") for path in archive.iterdir())
    return min(one.begins for one in map(Segment.parse, names) if one is not None)


def is_sealed(archive: Path, name: str) -> bool:
    sidecar = archive / f"{name}.sha256"
    if not sidecar.exists():
        return False
    digest = hashlib.sha256((archive / name).read_bytes()).hexdigest()
    return sidecar.read_text() == f"{digest}  {name}\n"


def test_what_was_committed_is_safe_within_seconds_and_its_age_is_measured(
    server: CopiedServer,
) -> None:
    server.execute("CREATE TABLE IF NOT EXISTS t (i int)", "INSERT INTO t VALUES (2)")
    committed = position(str(server.value("SELECT pg_current_wal_flush_lsn()::text")))

    assert poll(
        lambda: position(server.status()["received_lsn"]) >= committed, within=seconds(5)
    ), server.status()
    assert poll(
        lambda: (server.status()["recovery_point_age_seconds"] or 99) < 2, within=seconds(5)
    ), server.status()
    assert server.value("SELECT beats FROM heartbeat") > 0


def test_a_closed_segment_gets_its_checksum_and_both_reach_the_bucket(
    server: CopiedServer, archive: Path
) -> None:
    name = write_log(server)

    assert poll(lambda: is_sealed(archive, name), within=seconds(10)), list(archive.iterdir())
    bucket = Bucket.of(server.settings)
    key = key_of(archive, name)
    assert poll(
        lambda: bucket.holds(f"{key}.sha256", archive / f"{name}.sha256"), within=seconds(15)
    ), server.status()
    assert bucket.holds(key, archive / name)
    system = server.value("SELECT system_identifier::text FROM pg_control_system()")
    assert key == f"wal/{system}/00000001/{name}"
    found = Archive(archive)
    chain = found.walk(found.way_to(), first_position(archive))
    assert chain.fault == ""
    assert chain.pieces[-1].is_partial


def test_the_open_segment_is_in_the_bucket_too(server: CopiedServer) -> None:
    assert poll(
        lambda: (server.status()["offsite_recovery_point_age_seconds"] or 99) < 5,
        within=seconds(15),
    ), (server.status(), server.log())
    keys = Bucket.of(server.settings).keys("wal/")
    assert any(key.endswith(".partial.zst") for key in keys)


def test_a_receiver_that_is_killed_is_started_again_and_nothing_is_missing(
    server: CopiedServer, archive: Path
) -> None:
    before = server.status()["receiver_starts"]
    receiver(server).kill()
    name = write_log(server)

    assert poll(lambda: is_sealed(archive, name), within=seconds(15)), server.log()
    assert server.status()["receiver_starts"] == before + 1
    found = Archive(archive)
    assert found.walk(found.way_to(), first_position(archive)).fault == ""


def test_killed_whole_it_goes_on_where_it_was_although_its_child_held_the_slot(
    server: CopiedServer, archive: Path
) -> None:
    orphan = receiver(server)
    assert server.process is not None
    server.process.kill()
    server.process.wait(10)
    assert orphan.is_running()

    server.start_archive()
    name = write_log(server)

    assert poll(lambda: is_sealed(archive, name), within=seconds(15)), server.log()
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
    found = Archive(archive)
    assert found.walk(found.way_to(), first_position(archive)).fault == ""


def test_a_bucket_that_forgot_everything_has_it_all_again(
    server: CopiedServer, archive: Path, cloud: LocalCloud
) -> None:
    name = write_log(server)
    bucket = Bucket.of(server.settings)
    assert poll(lambda: is_there(bucket, archive, name), within=seconds(15)), server.status()

    cloud.stop()
    assert poll(lambda: "offsite" in server.status()["troubles"], within=seconds(15))
    assert server.is_archived()  # the second place is shown, and the first goes on
    cloud.start()

    assert poll(lambda: is_there(bucket, archive, name), within=seconds(30)), server.status()
    assert poll(lambda: server.status()["troubles"] == {}, within=seconds(10)), server.status()
    assert poll(lambda: server.status()["offsite_pending"] == 0, within=seconds(30))


def test_the_slot_is_bounded_and_its_backlog_is_told(server: CopiedServer) -> None:
    assert server.value("SHOW max_slot_wal_keep_size") == "4GB"
    assert server.value(f"SELECT active FROM pg_replication_slots WHERE slot_name = '{SLOT}'")
    text = server.ask("/metrics").text
    retained = re.search(r"^wal_archive_slot_retained_bytes (\S+)", text, re.MULTILINE)
    assert retained is not None
    assert float(retained[1]) < 64e6
    assert re.search(r"^backup_recovery_point_age_seconds [0-9.]+$", text, re.MULTILINE)


def test_no_password_is_on_a_command_line(server: CopiedServer) -> None:
    password = server.replication_dsn.get_secret_value().split(":")[2].split("@")[0]
    assert server.process is not None
    family = [psutil.Process(server.process.pid)]
    family += family[0].children(recursive=True)
    assert len(family) == 2
    assert not any(password in word for one in family for word in one.cmdline())


def receiver(server: CopiedServer) -> psutil.Process:
    assert server.process is not None
    (child,) = psutil.Process(server.process.pid).children()
    return child


def is_there(bucket: Bucket, archive: Path, name: str) -> bool:
    return bucket.holds(key_of(archive, name), archive / name)


def key_of(archive: Path, name: str) -> str:
    return Place(Folder(archive)).keys_of([archive / name])[archive / name]
