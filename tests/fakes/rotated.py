"""A target that knows passwords, and files that hand one out: both obey, refuse and die on cue."""

from collections.abc import Callable
from datetime import timedelta

from pydantic import SecretStr

from trading_core.errors import Unreachable
from trading_core.secret_store.contract import SecretStore, Stage, Version


class KilledError(BaseException):
    """The process ends here, as by SIGKILL: nothing catches it."""


class Faults:
    """Counts every change of the world, and spoils the one that is asked for.

    Attributes:
        changes: What was changed, in order.
        before: The number of the change before which it strikes; 0: never.
        after: The number of the change right after which it strikes.
        strike: What it raises.
    """

    def __init__(self) -> None:
        self.changes: list[str] = []
        self.before = 0
        self.after = 0
        self.strike: Callable[[], BaseException] = KilledError

    def around(self, name: str, change: Callable[[], None]) -> None:
        """Make a change, unless a fault comes first."""
        number = len(self.changes) + 1
        if number == self.before:
            self.before = 0
            raise self.strike()
        change()
        self.changes.append(name)
        if number == self.after:
            self.after = 0
            raise self.strike()


def silence() -> Unreachable:
    """Return what a lost answer looks like."""
    return Unreachable("target: expected an answer, was none", next_step="look")


class FaultyStore:
    """A `SecretStore` whose changes can be spoiled."""

    def __init__(self, store: SecretStore, faults: Faults) -> None:
        self._store = store
        self._faults = faults

    def read(self, name: str, stage: Stage) -> Version | None:
        return self._store.read(name, stage)

    def put(self, name: str, version_id: str, value: SecretStr, stage: Stage) -> None:
        self._faults.around(f"put {stage}", lambda: self._store.put(name, version_id, value, stage))

    def promote(self, name: str, version_id: str) -> None:
        self._faults.around("promote", lambda: self._store.promote(name, version_id))

    def drop(self, name: str, stage: Stage) -> None:
        self._faults.around(f"drop {stage}", lambda: self._store.drop(name, stage))

    def names(self) -> list[str]:
        return list(self._store.names())


class FakeTarget:
    """`tasks.security.credentials.Rotated`: a target in memory. Values are "login:password".

    Attributes:
        accepted: Every value it lets in.
        handed_out: What the files hold.
    """

    name = "some_login"
    noun = "login"

    def __init__(self, store: SecretStore, faults: Faults, older_than: timedelta) -> None:
        self.store = FaultyStore(store, faults)
        self.older_than = older_than
        self.accepted = {"a:one"}
        self.handed_out = "a:one"
        self.made = 0
        self._faults = faults

    def label(self, value: SecretStr) -> str:
        return value.get_secret_value().partition(":")[0]

    def in_use(self) -> SecretStr:
        return SecretStr(self.handed_out)

    def fresh(self) -> SecretStr:
        self.made += 1
        login = "b" if self.handed_out.startswith("a") else "a"
        return SecretStr(f"{login}:made {self.made}")

    def accepts(self, value: SecretStr) -> bool:
        return value.get_secret_value() in self.accepted

    def let_in(self, value: SecretStr) -> None:
        self._faults.around("let in", lambda: self.accepted.add(value.get_secret_value()))

    def shut_out(self, value: SecretStr) -> None:
        self._faults.around("shut out", lambda: self.accepted.discard(value.get_secret_value()))

    def hand_out(self, value: SecretStr) -> None:
        self._faults.around("hand out", lambda: self._write(value))

    def is_handed_out(self, value: SecretStr) -> bool:
        return self.handed_out == value.get_secret_value()

    def _write(self, value: SecretStr) -> None:
        self.handed_out = value.get_secret_value()
