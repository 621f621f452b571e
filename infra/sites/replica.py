"""A data directory that follows another server: made by copying, or by rewinding an old primary.

Everything goes by PostgreSQL's own programs, under the account of the server. Passwords are in a
file only that account can read, not in the data directory: a backup of it carries none.

Whoever is killed while copying or rewinding leaves programs at work, and data of two servers: the
first are ended before the next try, the second never serve anything and are copied anew.
"""

import os
import re
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from infra.embedded import account
from infra.embedded.postgres import Cluster
from infra.postgres import programs
from trading_core import durable
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed, NotVerified
from trading_core.storage.connect import connect

_WITHIN = seconds(900)
_ENDED_WITHIN = seconds(10)
_DRAFT = "data.copy"
_REWINDING = "rewind.begun"
_OURS = ("primary_conninfo", "primary_slot_name", "recovery_target_timeline")


@dataclass(frozen=True, slots=True)
class Source:
    """The server to follow.

    Attributes:
        replication: DSN of the role that may copy and stream.
        superuser: DSN of its superuser: makes the slot, and lets pg_rewind read files.
    """

    replication: SecretStr
    superuser: SecretStr


def slot_of(name: str) -> str:
    """Return the name of the slot that keeps the log for the replica called `name`."""
    return f"site_{name.replace('-', '_')}"


def ensure_slot(source: Source, name: str) -> None:
    """Have the source keep the log from now on for the replica called `name`.

    Raises:
        Unreachable: The source does not answer.
    """
    with connect(source.superuser, application="replica") as connection:
        known = connection.execute(
            "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", [slot_of(name)]
        )
        if known.fetchone() is None:
            connection.execute(
                "SELECT pg_create_physical_replication_slot(%s, true)", [slot_of(name)]
            )


def drop_slot(superuser: SecretStr, name: str) -> None:
    """Stop keeping the log for a replica that is gone; fine when nobody keeps any."""
    with connect(superuser, application="replica") as connection:
        connection.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
            " WHERE slot_name = %s AND NOT active",
            [slot_of(name)],
        )


def is_replica(cluster: Cluster) -> bool:
    """Whether the data directory can be started, and would be as one that follows."""
    return (cluster.data_dir / "standby.signal").exists() and not is_half_rewound(cluster)


def is_half_rewound(cluster: Cluster) -> bool:
    """Whether a rewind was cut off: what is there is of two servers, and must not be started."""
    return (cluster.home / _REWINDING).exists()


def exists(cluster: Cluster) -> bool:
    """Whether there is a data directory."""
    return (cluster.data_dir / "PG_VERSION").exists()


def clone(source: Source, cluster: Cluster, name: str) -> None:
    """Copy the source into the data directory; what was there is kept aside as `data.before`.

    Copied under another name and moved into place once whole: an interrupted copy never passes
    for a data directory.

    Raises:
        CheckFailed: The copy failed; the fact carries pg_basebackup's own words.
    """
    end_leftovers(cluster)
    ensure_slot(source, name)
    poll(lambda: not _is_slot_taken(source, name), within=_ENDED_WITHIN)
    draft = cluster.data_dir.with_name(_DRAFT)
    _run(cluster, ("rm", "-rf", str(draft)))
    options = ("-D", str(draft), "-X", "stream", "-c", "fast", "-S", slot_of(name), "--no-password")
    _run(cluster, (str(cluster.binaries.program("pg_basebackup")), *options), source.replication)
    _configure(source, cluster, draft, name)
    if exists(cluster):
        before = cluster.data_dir.with_name("data.before")
        _run(cluster, ("rm", "-rf", str(before)))
        cluster.data_dir.rename(before)
    draft.rename(cluster.data_dir)
    durable.remove(cluster.home / _REWINDING)


def rewind(source: Source, cluster: Cluster, name: str) -> None:
    """Turn a stopped old primary into a replica of the source, copying only what differs.

    One that was cut off is first let repair itself: pg_rewind does that.

    The slot is there before the rewind: the log it will need next is not removed meanwhile.

    Raises:
        CheckFailed: It cannot be rewound; the fact carries pg_rewind's own words. Or an earlier
            rewind was cut off or failed: PostgreSQL then wants a copy.
        Unreachable: The source does not answer.
    """
    end_leftovers(cluster)
    if is_half_rewound(cluster):
        raise CheckFailed(
            f"{cluster.data_dir}: expected data of one server, a rewind of them was cut off",
            next_step="copy the data of the other site anew: rejoin-site does",
        )
    ensure_slot(source, name)
    with connect(source.superuser, application="replica") as connection:
        connection.autocommit = True
        connection.execute("CHECKPOINT")  # or its control file still tells the old timeline
    parts = conninfo_to_dict(source.superuser.get_secret_value())
    parts.pop("password", None)
    where = make_conninfo("", **parts)
    options = ("-D", str(cluster.data_dir), f"--source-server={where}")
    durable.write_text(cluster.home / _REWINDING, name)
    _run(cluster, (str(cluster.binaries.program("pg_rewind")), *options), source.superuser)
    _configure(source, cluster, cluster.data_dir, name)
    durable.remove(cluster.home / _REWINDING)


def follow(source: Source, cluster: Cluster, name: str) -> None:
    """Have a data directory that ended in order and never diverged follow the source."""
    ensure_slot(source, name)
    _configure(source, cluster, cluster.data_dir, name)


def end_leftovers(cluster: Cluster) -> None:
    """End what a killed run has left at work on the data or a copy of them: server or program.

    Nothing of a supervisor's: whoever calls this has seen that its server does not run.
    """
    ours = {str(cluster.data_dir), str(cluster.data_dir.with_name(_DRAFT))}
    found = [one for one in psutil.process_iter() if ours & set(_command_of(one))]
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGQUIT)  # a server ends its sessions with it
    for process in psutil.wait_procs(found, _ENDED_WITHIN.total_seconds())[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


@dataclass(frozen=True, slots=True)
class Control:
    """What the control file of a stopped data directory says.

    Attributes:
        state: PostgreSQL's word, for example "shut down".
        checkpoint_lsn: Of its last checkpoint; of a clean stop, the last thing it wrote.
    """

    state: str
    checkpoint_lsn: str
    timeline: int

    @property
    def is_clean(self) -> bool:
        """Whether a primary ended in order: nothing was written after that checkpoint."""
        return self.state == "shut down"


def control(cluster: Cluster) -> Control | None:
    """Return what the control file says; None when there is none to read."""
    if not exists(cluster):
        return None
    text = _run(cluster, (str(cluster.binaries.program("pg_controldata")), str(cluster.data_dir)))
    facts = dict(re.findall(r"^(.+?):\s+(.+)$", text, re.MULTILINE))
    return Control(
        facts["Database cluster state"],
        facts["Latest checkpoint location"],
        int(facts["Latest checkpoint's TimeLineID"]),
    )


def _is_slot_taken(source: Source, name: str) -> bool:
    with connect(source.superuser, application="replica") as connection:
        row = connection.execute(
            "SELECT active FROM pg_replication_slots WHERE slot_name = %s", [slot_of(name)]
        ).fetchone()
    return row == (True,)


def _command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _configure(source: Source, cluster: Cluster, data_dir: Path, name: str) -> None:
    parts = conninfo_to_dict(source.replication.get_secret_value())
    host, port, user = (str(parts[key]) for key in ("host", "port", "user"))
    passfile = cluster.home / "replication.pass"
    _write(cluster, passfile, f"{host}:{port}:*:{user}:{parts['password']}\n")
    where = make_conninfo(
        "", host=host, port=port, user=user, passfile=str(passfile), application_name=slot_of(name)
    )
    auto = data_dir / "postgresql.auto.conf"
    kept = [line for line in auto.read_text().splitlines() if not line.startswith(_OURS)]
    ours = [
        f"primary_conninfo = '{where.replace(chr(39), chr(39) * 2)}'",
        f"primary_slot_name = '{slot_of(name)}'",
        "recovery_target_timeline = 'latest'",
    ]
    _write(cluster, auto, "\n".join([*kept, *ours, ""]))
    _write(cluster, data_dir / "standby.signal", "")


def _write(cluster: Cluster, path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if cluster.run_as is not None:
        os.chown(draft, cluster.run_as.uid, cluster.run_as.gid)
    draft.replace(path)


def _run(cluster: Cluster, command: Sequence[str], dsn: SecretStr | None = None) -> str:
    """Run a program under the account of the server.

    Raises:
        CheckFailed: It ended with another code than 0.
        NotVerified: It did not end in its time.
    """
    name = Path(command[0]).name
    try:
        answer = subprocess.run(
            command,
            check=False,
            env={**(os.environ if dsn is None else programs.environment(dsn)), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=cluster.home,
            timeout=_WITHIN.total_seconds(),
            **account.ids(cluster.run_as),
        )
    except subprocess.TimeoutExpired:
        raise NotVerified(
            f"{name}: expected to end within {_WITHIN.total_seconds():g} s, was still running",
            next_step="look at the load of the machine and of the server, then run this again",
        ) from None
    if answer.returncode != 0:
        words = (answer.stderr or answer.stdout).strip().replace("\n", "; ")
        raise CheckFailed(
            f"{name}: expected exit code 0, was {answer.returncode}: {words[-500:]}",
            next_step="correct what it says, then run this again",
        )
    return answer.stdout
