"""An embedded PostgreSQL server: its own directory, port and passwords, on loopback, never as root.

`Cluster` knows where everything is and how to create it; the supervisor keeps its process alive.
`running` is the same server for a test: started, handed out, stopped, removed.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

import psycopg

from infra.embedded import account, postgres_binaries, secrets
from infra.embedded.account import Account
from infra.embedded.postgres_binaries import Binaries
from trading_core.clock import poll, seconds
from trading_core.errors import ConfigurationError, NotVerified

SUPERUSER = "postgres"
TRADING = "postgres"
OPERATIONS = "operations_db"
# The server's own count of statements and of the time each takes.
STATEMENT_COUNTS = "pg_stat_statements"
_CONNECTIONS_MAX = 200
_NEIGHBOURS = """host all all samenet scram-sha-256
host replication all samenet scram-sha-256
"""
_SLOT_WAL_KEPT_MAX = "4GB"
_START_WITHIN = seconds(30)
_STOP_WITHIN_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Cluster:
    """One data directory and the way its server is run.

    Attributes:
        name: As in the service table: which of the two servers it is.
        root: The state directory of the stack it belongs to.
        home: Holds the data, and the programs where they had to be copied. In `root`, unless
            the server's account cannot get there.
        port: TCP port on `host`; there is no Unix socket.
        run_as: The account of the server process; None is ours.
    """

    root: Path
    home: Path
    host: str
    port: int
    binaries: Binaries
    run_as: Account | None
    name: str = TRADING

    @property
    def data_dir(self) -> Path:
        """PostgreSQL's own directory (0700)."""
        return self.home / "data"

    @property
    def secrets_dir(self) -> Path:
        """Where the superuser's password and the DSNs are kept."""
        return self.root / "secrets"

    @property
    def superuser_dsn(self) -> str:
        """The superuser's URL. Makes the password the first time."""
        password = secrets.ensure(self.secrets_dir, self._password_secret)
        return f"postgresql://{SUPERUSER}:{password}@{self.host}:{self.port}/postgres"

    @property
    def _password_secret(self) -> str:
        return f"{'operations_' if self.name == OPERATIONS else ''}superuser_password"

    def command(self) -> tuple[str, ...]:
        """Return the server's command line. What it sets here cannot be changed by ALTER SYSTEM."""
        options = {
            "listen_addresses": self.host,
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": _CONNECTIONS_MAX,
            "fsync": "on",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "logging_collector": "off",
            # A receiver of the log that is gone must not fill the server's disk.
            "max_slot_wal_keep_size": _SLOT_WAL_KEPT_MAX,
        }
        if self.binaries.has_module(STATEMENT_COUNTS):
            # What a role's password is set by is a statement too, and must not be kept in words.
            options |= {
                "shared_preload_libraries": STATEMENT_COUNTS,
                f"{STATEMENT_COUNTS}.track_utility": "off",
            }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return (str(self.binaries.program("postgres")), "-D", str(self.data_dir), *settings)

    def create(self) -> bool:
        """Make the data directory unless it is there; return whether it was made now.

        It is built under another name and moved into place once whole, so that an interrupted
        `initdb` never passes for a data directory.

        Raises:
            ConfigurationError: `initdb` refused; the fact carries its own words.
        """
        if (self.data_dir / "PG_VERSION").exists():
            return False
        draft = self.data_dir.with_name(f"{self.data_dir.name}.new")
        self._run("rm", "-rf", str(draft))
        password_file = self.data_dir.with_name(f"{self.data_dir.name}.password")
        password = secrets.ensure(self.secrets_dir, self._password_secret)
        try:
            self._hand_over(password_file, password)
            self._run(
                str(self.binaries.program("initdb")),
                *("-D", str(draft), "-U", SUPERUSER, "-E", "UTF8", "--locale=C"),
                *("--auth=scram-sha-256", "-k", f"--pwfile={password_file}"),
            )
        finally:
            password_file.unlink(missing_ok=True)
        draft.rename(self.data_dir)
        return True

    def admit_neighbours(self) -> None:
        """Let logins in from this machine's networks, once the server listens on one of them.

        On loopback, the default, nothing changes. Read at the server's next start.
        """
        rules = self.data_dir / "pg_hba.conf"
        if ip_address(self.host).is_loopback or _NEIGHBOURS in rules.read_text():
            return
        with rules.open("a") as file:
            file.write(_NEIGHBOURS)

    def remove(self) -> None:
        """Delete the data for good. The server must not be running."""
        shutil.rmtree(self.home)
        place = self.home.parent
        if place != self.root and not any(place.iterdir()):
            place.rmdir()

    def answers(self) -> bool:
        """Whether the server takes our superuser's login and answers SELECT 1."""
        return answers(self.superuser_dsn)

    def _hand_over(self, path: Path, text: str) -> None:
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text + "\n")
        if self.run_as is not None:
            os.chown(path, self.run_as.uid, self.run_as.gid)

    def _run(self, *command: str) -> None:
        answer = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self.data_dir.parent,
            **account.ids(self.run_as),
        )
        if answer.returncode != 0:
            words = (answer.stderr or answer.stdout).strip().replace("\n", "; ")
            raise ConfigurationError(
                f"{Path(command[0]).name}: expected exit code 0, was {answer.returncode}: {words}",
                next_step=f"correct what it says about {self.data_dir.parent} and run again",
            )


def cluster(
    root: Path, host: str, port: int, binaries: Binaries | None = None, name: str = TRADING
) -> Cluster:
    """Describe a cluster of the stack whose state is in `root`.

    Args:
        root: The state directory. Data lies in `root`/`name`, secrets in `root`/secrets.
        host: Address to listen on.
        port: TCP port.
        name: Which of the two servers, as in the service table.
        binaries: The programs to use; None chooses, by the data's version once there is data.

    Raises:
        ConfigurationError: No suitable programs, or no account to run them under.
    """
    run_as = account.unprivileged()
    root.mkdir(parents=True, exist_ok=True)
    place = root if run_as is None else account.own_place(root, run_as)
    home = place / name
    if run_as is None:
        home.mkdir(mode=0o700, exist_ok=True)
    else:
        account.give(home, run_as)
    version = home / "data" / "PG_VERSION"
    chosen = binaries or postgres_binaries.find(
        version.read_text().strip() if version.exists() else None
    )
    if run_as is not None:
        chosen = replace(chosen, directory=account.within_reach(chosen.directory, home, run_as))
    return Cluster(root, home, host, port, chosen, run_as, name)


def answers(dsn: str) -> bool:
    """Whether a server answers SELECT 1 at this DSN within two seconds."""
    try:
        with psycopg.connect(dsn, connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


@contextmanager
def running(
    root: Path,
    port: int,
    host: str = "127.0.0.1",
    binaries: Binaries | None = None,
    options: Sequence[str] = (),
) -> Iterator[Cluster]:
    """Run a server for the length of a `with` block; its data goes with it, its log stays.

    Args:
        root: Where its data, its secrets and its log are.
        port: TCP port.
        host: Address to listen on.
        binaries: As `cluster` has it.
        options: Like "fsync=off"; of two that set the same, the last one holds.

    Raises:
        NotVerified: It did not answer within 30 seconds.
    """
    server = cluster(root, host, port, binaries)
    server.create()
    log_path = root / "postgres.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [*server.command(), *(part for one in options for part in ("-c", one))],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=server.data_dir,
            start_new_session=True,
            **account.ids(server.run_as),
        )
    try:
        poll(lambda: process.poll() is not None or server.answers(), within=_START_WITHIN)
        if process.poll() is not None or not server.answers():
            raise NotVerified(
                f"PostgreSQL: expected an answer on port {port}, exit code was {process.poll()}",
                next_step=f"read {log_path}",
            )
        yield server
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
        process.wait(_STOP_WITHIN_SECONDS)
        server.remove()
