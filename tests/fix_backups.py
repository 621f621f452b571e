"""A trading server of a test's own that can be copied, and the service that archives its log."""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import psycopg
from pydantic import SecretStr

from infra.embedded import account, postgres, roles, secrets
from tests.fix_postgres import free_port
from tests.fix_stack import PROJECT
from trading_core.clock import poll, seconds
from trading_core.settings import Settings
from trading_core.storage import migrate

_OWNERS = {migrate.Schema.TRADING: "owner_dsn", migrate.Schema.OPERATIONS: "operations_owner_dsn"}


@dataclass
class CopiedServer:
    """A running server with the stack's databases and roles, and its archiver.

    Attributes:
        settings: Of a stack that consists of this server only.
    """

    cluster: postgres.Cluster
    settings: Settings
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def superuser_dsn(self) -> SecretStr:
        """The superuser's DSN."""
        return SecretStr(self.cluster.superuser_dsn)

    @property
    def replication_dsn(self) -> SecretStr:
        """The DSN of who may copy the server."""
        return self.settings.secret("replication_dsn")

    def execute(self, *statements: str) -> None:
        """Run statements on the trading database as its owner, each committed."""
        owner = self.settings.secret("owner_dsn").get_secret_value()
        with psycopg.connect(owner, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def value(self, query: str) -> Any:
        """Return the one value of a query of the superuser's on the trading database."""
        dsn = self.cluster.superuser_dsn.rpartition("/")[0] + "/trading"
        with psycopg.connect(dsn, autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]

    def start_archive(self) -> None:
        """Start the archiver and wait until it receives."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TRADEOPS_", "PREFECT_"))}
        with (self.settings.root / "wal_archive.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "infra.postgres.wal_archive"],
                cwd=PROJECT,
                env=kept | self.settings.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        assert poll(self.is_archived, within=seconds(30)), self.log()

    def stop_archive(self) -> None:
        """Stop the archiver in order."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)

    def is_archived(self) -> bool:
        """Whether the archiver answers that it receives the log."""
        try:
            return self.ask("/health").is_success
        except httpx.HTTPError:
            return False

    def ask(self, path: str) -> httpx.Response:
        """Return the archiver's answer."""
        return httpx.get(
            self.settings.url("wal_archive") + path, timeout=10, trust_env=False, verify=False
        )

    def status(self) -> dict[str, Any]:
        """Return what the archiver says of itself."""
        found: dict[str, Any] = self.ask("/status").json()
        return found

    def log(self) -> str:
        """Return the end of what the archiver has logged."""
        return (self.settings.root / "wal_archive.log").read_text()[-4000:]


@contextmanager
def copied_server(root: Path, aws_endpoint: str | None = None) -> Iterator[CopiedServer]:
    """Run a server with the stack's databases; its archiver is not started yet."""
    port = free_port()
    _copy(_template(), postgres.cluster(root, "127.0.0.1", port))
    with postgres.running(root, port) as cluster:
        settings = Settings(
            state_dir=root,
            ports={"postgres": cluster.port, "wal_archive": free_port(), "cloud": free_port()},
            aws_endpoint=aws_endpoint,
            heartbeat_seconds=0.5,
            offsite_seconds=1,
        )
        one = CopiedServer(cluster, settings)
        try:
            yield one
        finally:
            one.stop_archive()


@cache
def _template() -> postgres.Cluster:
    """Return a stopped server with databases, roles and schemas, made once in a test run."""
    root = Path(tempfile.mkdtemp(prefix="tradeops-template-"))
    template = postgres.cluster(root, "127.0.0.1", free_port())
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    atexit.register(template.remove)
    template.create()
    with (root / "postgres.log").open("wb") as log:
        process = subprocess.Popen(
            template.command(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=template.data_dir,
            **account.ids(template.run_as),
        )
    try:
        assert poll(template.answers, within=seconds(30)), (root / "postgres.log").read_text()
        for server in (roles.TRADING_SERVER, roles.OPERATIONS_SERVER):
            roles.prepare(template.superuser_dsn, template.secrets_dir, server)
        for name in ("control_token", "aws_access_key_id", "aws_secret_access_key"):
            secrets.ensure(template.secrets_dir, name)
        for schema, owner in _OWNERS.items():
            dsn = (template.secrets_dir / owner).read_text().strip()
            migrate.upgrade(SecretStr(dsn), schema)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    return template


def _copy(template: postgres.Cluster, into: postgres.Cluster) -> None:
    """Copy a stopped server; its secrets say the copy's port."""
    subprocess.run(["cp", "-a", str(template.data_dir), str(into.data_dir)], check=True)
    into.secrets_dir.mkdir(mode=0o700)
    for file in template.secrets_dir.iterdir():
        text = file.read_text().strip().replace(f":{template.port}/", f":{into.port}/")
        secrets.write(into.secrets_dir, file.name, text)
