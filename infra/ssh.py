"""Commands and files over SSH: one verified connection to one host, and failures in words.

Only a host whose key is the one in the inventory is spoken to; a host that does not answer is
`Unreachable`, whatever it is doing.
"""

import base64
import binascii
import shlex
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Self

import paramiko

from trading_core.errors import CheckFailed, ConfigurationError, Unreachable

_CONNECT_WITHIN_SECONDS = 3.0
_COMMAND_WITHIN_SECONDS = 10.0
KEY_TYPE = "ssh-ed25519"


@dataclass(frozen=True, slots=True)
class Door:
    """How a host is entered.

    Attributes:
        name: Of the host, for the words of errors.
        key_file: Our private key, ed25519.
        host_key: The host's public key, as in a known_hosts file: "ssh-ed25519 AAAA...".
    """

    name: str
    address: str
    port: int
    user: str
    key_file: Path
    host_key: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str


class Ssh:
    """A connection to one host, made at the first command and kept. Threads may share one."""

    def __init__(self, door: Door, *, connect_within_seconds: float = _CONNECT_WITHIN_SECONDS):
        self.door = door
        self._connect_within_seconds = connect_within_seconds
        self._client: paramiko.SSHClient | None = None
        self._turn = Lock()

    def run(
        self, *command: str, within_seconds: float = _COMMAND_WITHIN_SECONDS, text: str = ""
    ) -> Answer:
        """Run one command and return what it said, whatever its exit code.

        Args:
            within_seconds: How long it may take; then the connection is given up.
            text: Goes to its standard input.

        Raises:
            Unreachable: No connection, or no answer in time: whether it ran is unknown.
            CheckFailed: The host is another than the inventory says, or does not let us in.
            ConfigurationError: Our key file cannot be used.
        """
        with self._turn, self._in_words(f"run {command[0]}"):
            channel = self._transport().open_session(timeout=self._connect_within_seconds)
            with channel:
                channel.settimeout(within_seconds)
                channel.exec_command(shlex.join(command))
                if text:
                    channel.sendall(text.encode())
                channel.shutdown_write()
                out = channel.makefile("rb").read()
                err = channel.makefile_stderr("rb").read()
                # A connection that ends before the command tells nothing: no code, or minus one.
                if not channel.status_event.wait(within_seconds) or channel.exit_status < 0:
                    raise TimeoutError("no exit code")
                return Answer(channel.exit_status, out.decode(), err.decode())

    def check(self, *command: str, within_seconds: float = _COMMAND_WITHIN_SECONDS) -> str:
        """Run one command that must succeed; return what it said.

        Raises:
            CheckFailed: Its exit code was not 0; otherwise as `run`.
        """
        answer = self.run(*command, within_seconds=within_seconds)
        if answer.code != 0:
            raise CheckFailed(
                f"{self.door.name}: {shlex.join(command)}: expected exit code 0, was "
                f"{answer.code}: {(answer.err or answer.out).strip()[-300:]}",
                next_step=f"log in to {self.door.name} and read what it says",
            )
        return answer.out

    def write(self, path: str, content: str, mode: int) -> None:
        """Write a file in one step: a reader, or a power cut, finds the old one or the new, whole.

        Raises:
            As `run`; CheckFailed also when the host refuses the path.
        """
        draft = f"{path}.new"
        with self._turn, self._in_words(f"write {path}"):
            transport = self._transport()
            channel = paramiko.SFTPClient.from_transport(transport)
            if channel is None:
                raise EOFError("no SFTP")
            with channel as files:
                channel.get_channel().settimeout(_COMMAND_WITHIN_SECONDS)  # type: ignore[union-attr]
                with files.open(draft, "w") as file:
                    # Before the content: a secret is at no time readable by others.
                    file.chmod(mode)
                    file.write(content)
                    file.flush()
                files.posix_rename(draft, path)
        self.check("sync", "-f", path)

    def close(self) -> None:
        """Let go of the connection."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exit: object) -> None:
        self.close()

    def _transport(self) -> paramiko.Transport:
        if self._client is not None:
            transport = self._client.get_transport()
            if transport is not None and transport.is_active():
                return transport
            self.close()
        self._client = self._connected()
        transport = self._client.get_transport()
        assert transport is not None, "connect has made it"
        return transport

    def _connected(self) -> paramiko.SSHClient:
        door = self.door
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(_Refuse(_host_key(door)))
        known_as = door.address if door.port == 22 else f"[{door.address}]:{door.port}"
        client.get_host_keys().add(known_as, KEY_TYPE, _host_key(door))
        link = socket.create_connection(
            (door.address, door.port), timeout=self._connect_within_seconds
        )
        # Small questions and small answers: without this each waits 40 ms for the other.
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            client.connect(
                door.address,
                door.port,
                door.user,
                pkey=_own_key(door),
                sock=link,
                look_for_keys=False,
                allow_agent=False,
                banner_timeout=self._connect_within_seconds,
                auth_timeout=self._connect_within_seconds,
                channel_timeout=self._connect_within_seconds,
            )
        except BaseException:
            client.close()
            link.close()
            raise
        return client

    @contextmanager
    def _in_words(self, doing: str) -> Iterator[None]:
        door = self.door
        where = f"{door.name} ({door.user}@{door.address} port {door.port})"
        try:
            yield
        except paramiko.BadHostKeyException as error:
            self.close()
            raise CheckFailed(
                f"{where}: expected the host key {door.host_key}, was "
                f"{error.key.get_name()} {error.key.get_base64()}",
                next_step="find out whether the machine was installed anew or is another one; "
                "only then correct host_key in hosts.toml",
            ) from error
        except paramiko.AuthenticationException as error:
            self.close()
            raise CheckFailed(
                f"{where}: expected to be let in with {door.key_file}, was refused",
                next_step="correct user and key_file in hosts.toml, or let the key in there",
            ) from error
        except (paramiko.SFTPError, PermissionError, FileNotFoundError) as error:
            raise CheckFailed(
                f"{where}: expected to {doing}, was refused: {error}",
                next_step=f"see whether that place exists on {door.name} and is ours",
            ) from error
        except (OSError, EOFError, paramiko.SSHException) as error:
            self.close()
            raise Unreachable(
                f"{where}: expected it to {doing}, was {_reason(error)}",
                next_step=f"see whether {door.name} has power and network; what runs there is "
                "unknown until it answers",
            ) from error


class _Refuse(paramiko.MissingHostKeyPolicy):
    """A host with a key of another type than ours of it is as wrong as one with another key."""

    def __init__(self, expected: paramiko.PKey) -> None:
        self._expected = expected

    def missing_host_key(
        self, _client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
    ) -> None:
        raise paramiko.BadHostKeyException(hostname, key, self._expected)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"{type(error).__name__}: {error}"


def _own_key(door: Door) -> paramiko.PKey:
    try:
        return paramiko.Ed25519Key.from_private_key_file(str(door.key_file))
    except (OSError, paramiko.SSHException, ValueError) as error:
        raise ConfigurationError(
            f"{door.name}: expected an ed25519 private key without a pass phrase in "
            f"{door.key_file}, was: {error}",
            next_step="correct key_file in hosts.toml, or make one: `ssh-keygen -t ed25519`",
        ) from error


def _host_key(door: Door) -> paramiko.PKey:
    kind, _, rest = door.host_key.partition(" ")
    try:
        if kind != KEY_TYPE:
            raise ValueError(f"a key of type {kind!r}")
        return paramiko.Ed25519Key(data=base64.b64decode(rest.split()[0], validate=True))
    except (ValueError, IndexError, binascii.Error, paramiko.SSHException) as error:
        raise ConfigurationError(
            f"{door.name}: expected host_key as '{KEY_TYPE} BASE64', was {error}",
            next_step="copy the first two words of the host's ssh_host_ed25519_key.pub",
        ) from error
