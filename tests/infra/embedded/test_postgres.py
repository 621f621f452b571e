"""The embedded PostgreSQL is private, durable and never root, whoever's programs it runs on."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from infra.embedded import postgres, postgres_binaries, roles
from infra.embedded.postgres import Cluster
from infra.embedded.postgres_binaries import Binaries
from tests.fix_postgres import free_port
from trading_core.errors import ConfigurationError

INSTALLED = postgres_binaries.installed()


@pytest.fixture(scope="module", params=INSTALLED, ids=lambda b: f"{b.source}-{b.major}")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """A server of each installation there is."""
    binaries: Binaries = request.param
    root = tmp_path_factory.mktemp("cluster")
    with postgres.running(root, free_port(), binaries=binaries) as cluster:
        yield cluster


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Cluster]:
    """A place for a cluster that was not created yet."""
    cluster = postgres.cluster(tmp_path, "127.0.0.1", free_port())
    yield cluster
    cluster.remove()


def ask(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def of_server(server: Cluster) -> psutil.Process:
    pid = int((server.data_dir / "postmaster.pid").read_text().splitlines()[0])
    return psutil.Process(pid)


def test_the_wheel_is_always_there_to_fall_back_on() -> None:
    assert INSTALLED[-1].source == "wheel"


def test_it_stores_text_as_utf8_with_checksums_and_syncs(server: Cluster) -> None:
    settings = {
        name: ask(server.superuser_dsn, f"SELECT current_setting('{name}')")
        for name in ("server_encoding", "data_checksums", "fsync", "TimeZone")
    }
    assert settings == {
        "server_encoding": "UTF8",
        "data_checksums": "on",
        "fsync": "on",
        "TimeZone": "UTC",
    }


def test_it_counts_statements_where_the_module_came_with_it(server: Cluster) -> None:
    loaded = ask(server.superuser_dsn, "SHOW shared_preload_libraries")
    has_it = server.binaries.has_module(postgres.STATEMENT_COUNTS)
    assert loaded == (postgres.STATEMENT_COUNTS if has_it else "")


def test_programs_without_the_module_are_not_asked_to_load_it(fresh: Cluster) -> None:
    bare = replace(fresh.binaries, directory=fresh.root / "bin")
    assert not [one for one in replace(fresh, binaries=bare).command() if "preload" in one]
    (fresh.root / "lib").mkdir()
    (fresh.root / "lib" / "pg_stat_statements.so").touch()
    assert [one for one in replace(fresh, binaries=bare).command() if "preload" in one]


def test_it_listens_on_loopback_only_and_on_no_unix_socket(server: Cluster) -> None:
    process = of_server(server)
    listening = [c for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert [(c.laddr.ip, c.laddr.port) for c in listening] == [("127.0.0.1", server.port)]
    assert process.net_connections("unix") == []


def test_it_does_not_run_as_root(server: Cluster) -> None:
    assert of_server(server).uids().effective != 0


def test_a_login_without_the_password_is_refused(server: Cluster) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        ask(f"postgresql://postgres:guess@127.0.0.1:{server.port}/postgres", "SELECT 1")


def test_creating_it_again_changes_nothing(server: Cluster) -> None:
    before = (server.data_dir / "PG_VERSION").stat()
    assert server.create() is False
    assert (server.data_dir / "PG_VERSION").stat() == before


def test_roles_and_databases_are_made_once(server: Cluster, tmp_path: Path) -> None:
    roles.prepare(server.superuser_dsn, server.secrets_dir)
    first = {p.name: p.read_text() for p in server.secrets_dir.iterdir()}
    roles.prepare(server.superuser_dsn, server.secrets_dir)
    assert {p.name: p.read_text() for p in server.secrets_dir.iterdir()} == first


def test_the_application_may_not_change_the_schema(server: Cluster) -> None:
    roles.prepare(server.superuser_dsn, server.secrets_dir)
    dsn = (server.secrets_dir / "trading_dsn").read_text().strip()
    assert ask(dsn, "SELECT current_setting('is_superuser')") == "off"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(dsn, "CREATE TABLE mine (x int)")


def test_the_application_cannot_open_prefects_database(server: Cluster) -> None:
    roles.prepare(server.superuser_dsn, server.secrets_dir, roles.OPERATIONS_SERVER)
    dsn = (server.secrets_dir / "operations_dsn").read_text().strip()
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        ask(dsn.removesuffix("/operations") + "/prefect", "SELECT 1")


def test_roles_of_another_stack_are_left_alone(server: Cluster, tmp_path: Path) -> None:
    roles.prepare(server.superuser_dsn, server.secrets_dir)
    with pytest.raises(ConfigurationError, match="expected a login with our password"):
        roles.prepare(server.superuser_dsn, tmp_path / "secrets of another stack")
    dsn = (server.secrets_dir / "owner_dsn").read_text().strip()
    assert ask(dsn, "SELECT 1") == 1


def test_a_dsn_without_a_tcp_host_is_refused(server: Cluster, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="expected a TCP host, was /run/postgresql"):
        roles.url(roles.TRADING_SERVER.roles[0], "host=/run/postgresql user=postgres", "password")


def test_an_interrupted_initdb_is_done_again(fresh: Cluster) -> None:
    cluster = fresh
    draft = cluster.data_dir.with_name("data.new")
    draft.mkdir()
    (draft / "PG_VERSION").write_text("half of a cluster")
    if cluster.run_as is not None:
        os.chown(draft, cluster.run_as.uid, cluster.run_as.gid)
    assert cluster.create() is True
    assert sorted(p.name for p in cluster.data_dir.parent.iterdir()) == ["data"]


def test_data_decides_which_programs_serve_it(fresh: Cluster) -> None:
    fresh.data_dir.mkdir()
    (fresh.data_dir / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(ConfigurationError, match=r"expected programs of version 9\.6, found"):
        postgres.cluster(fresh.root, fresh.host, fresh.port)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands its files to another account")
def test_a_private_parent_is_not_opened_for_postgresql(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    root = private / "var"
    cluster = postgres.cluster(root, "127.0.0.1", free_port())
    try:
        assert not cluster.home.is_relative_to(private)
        assert private.stat().st_mode & 0o777 == 0o700
        cluster.create()
        assert postgres.cluster(root, "127.0.0.1", cluster.port) == cluster
    finally:
        cluster.remove()
    assert not cluster.home.parent.exists()


def test_the_group_logs_in_by_its_members_in_turn_and_keeps_whose_turn_it_is(
    server: Cluster, tmp_path: Path
) -> None:
    roles.prepare(server.superuser_dsn, server.secrets_dir)
    dsn_file = server.secrets_dir / "trading_dsn"
    assert conninfo_to_dict(dsn_file.read_text())["user"] == "trading_app_a"
    theirs = dsn_file.read_text().replace("trading_app_a", "trading_app_b")
    dsn_file.write_text(theirs)
    roles.prepare(server.superuser_dsn, server.secrets_dir)
    assert dsn_file.read_text() == theirs
    with psycopg.connect(theirs.strip()) as connection:
        assert connection.execute("SELECT session_user").fetchone() == ("trading_app_b",)


def test_a_server_older_than_the_secret_is_told_the_present_password(server: Cluster) -> None:
    roles.prepare(server.superuser_dsn, server.secrets_dir)
    with psycopg.connect(server.superuser_dsn, autocommit=True) as superuser:
        superuser.execute("ALTER ROLE trading_app_a PASSWORD 'of before the restore'")
    roles.prepare(server.superuser_dsn, server.secrets_dir)
    psycopg.connect((server.secrets_dir / "trading_dsn").read_text().strip()).close()


def test_a_stranger_to_the_server_changes_no_password(server: Cluster, tmp_path: Path) -> None:
    roles.prepare(server.superuser_dsn, server.secrets_dir)
    with pytest.raises(ConfigurationError):
        roles.prepare(server.superuser_dsn, tmp_path / "secrets of another stack")
    psycopg.connect((server.secrets_dir / "trading_dsn").read_text().strip()).close()
