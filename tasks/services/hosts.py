"""Hosts: that a service runs in one place only, and that its place has what it needs."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from infra.embedded.supervisor import ProcessState, State
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from tasks.services.processes import Processes
from tasks.trading.control import Core
from trading_core.broker.contract import TradingApi
from trading_core.clock import seconds
from trading_core.domain.state import Breaker
from trading_core.errors import TradingError, Unreachable
from trading_core.services import service

_SHOWS_WITHIN = seconds(5)
_EXECUTOR = "trade_executor"
_SILENT = "trade_executor stopped: halted with the breaker open, or not running and a halt waiting"


class Places(Processes, Protocol):
    """Who runs which service, here and on hosts. Methods raise as `infra.placement.Placement`'s."""

    def place_of(self, name: str) -> str:
        """Return where a service belongs, in words."""
        ...

    def elsewhere(self, name: str) -> Mapping[str, ProcessState]:
        """Return what runs, or may run, under that name where it does not belong, by place."""
        ...

    def lacking(self, name: str) -> Sequence[str]:
        """Return which files the place of a service lacks."""
        ...

    def provide(self, name: str) -> None:
        """Write those files."""
        ...

    def halt_waits(self) -> bool:
        """Whether a halt lies where the executor would find it at its next start."""
        ...


@check
def check_only_copy(places: Places, name: str) -> CheckResult:
    """See that a service runs nowhere but where it belongs: two writers send every order twice.

    A host that does not answer may run it: that is unknown, and unknown blocks.
    """
    row = service(name)
    if not row.single_writer:
        return CheckResult(Verdict.PASS, f"{row.name} may run twice", "one copy, or no harm in two")
    others = places.elsewhere(row.name)
    running = [at for at, found in others.items() if found.state is not State.UNREACHABLE]
    silent = [at for at, found in others.items() if found.state is State.UNREACHABLE]
    expected = f"{row.name} on {places.place_of(row.name)} only"
    evidence = {at: f"{found.state}: {found.description}" for at, found in others.items()}
    if running:
        found = f"it runs on {' and '.join(running)}"
        return CheckResult(Verdict.FAIL, found, expected, evidence)
    if silent:
        found = f"{' and '.join(silent)} does not answer, and may run it"
        return CheckResult(Verdict.UNKNOWN, found, expected, evidence)
    return CheckResult(Verdict.PASS, "it runs nowhere else", expected, evidence)


@check
def check_executor_silent(core: Core, broker: TradingApi, places: Places) -> CheckResult:
    """See whether the executor can still send an order; what cannot be seen is unknown.

    In a rehearsal, which has halted nothing, only that it can be asked.
    """
    try:
        state = core.state()
    except TradingError as error:
        return _without_its_word(broker, places, str(error))
    words = f"it says {state.mode}, breaker {state.breaker}: {state.reason}"
    stopped = state.is_stopped and state.breaker is Breaker.OPEN
    good = current_run().dry_run or (stopped and not state.accepts_orders)
    return CheckResult(Verdict.PASS if good else Verdict.FAIL, words, _SILENT)


@action
def ensure_host_prepared(places: Places, name: str) -> Change[None] | Unchanged[None]:
    """Have the host of a service hold its unit, its settings and the secrets it needs, as of now.

    Raises:
        Unreachable: The host does not answer.
        CheckFailed: It is another machine than hosts.toml says, or does not let us in.
        ConfigurationError: A secret is missing, or the host could not reach this machine.
    """
    row, place = service(name), places.place_of(name)
    lacking = places.lacking(row.name)
    if not lacking:
        return Unchanged(f"{place} had what {row.name} needs", target=row.name)
    return Change(
        does=f"give {place} what {row.name} needs",
        act=lambda _fence: places.provide(row.name),
        holds=lambda: not places.lacking(row.name),
        within=_SHOWS_WITHIN,
        target=row.name,
        facts={"files": list(lacking)},
    )


@action
def ensure_halt_waits(places: Places) -> Change[None] | Unchanged[None]:
    """Have the halt that was asked for lie where an executor on a host reads it when it starts.

    Where the executor runs here, or took the halt itself, there is nothing to bring.

    Raises:
        Unreachable: Its host does not answer.
    """
    place = places.place_of(_EXECUTOR)
    files = _lacking_halt(places)
    if not files:
        return Unchanged(f"no halt has to be brought to {place}")
    return Change(
        does=f"leave the halt on {place} for when trade_executor starts",
        act=lambda _fence: places.provide(_EXECUTOR),
        # An executor that runs takes it at once, and then it lies nowhere.
        holds=lambda: places.halt_waits() or not _lacking_halt(places),
        within=_SHOWS_WITHIN,
        facts={"files": files},
    )


def _lacking_halt(places: Places) -> list[str]:
    return [path for path in places.lacking(_EXECUTOR) if path.endswith("halt_request.json")]


def _without_its_word(broker: TradingApi, places: Places, said: str) -> CheckResult:
    """Return what is known of an executor that does not answer."""
    place = places.place_of(_EXECUTOR)
    evidence = {"executor": said}
    try:
        process = places.processes()[_EXECUTOR]
        if process.is_down and places.halt_waits():
            words = f"not running on {place} ({process.state}), and a halt waits for it there"
            return CheckResult(Verdict.PASS, words, _SILENT, evidence)
        evidence["process"] = f"{process.state}: {process.description}"
        if process.is_down:
            words = f"not running on {place}, but no halt waits for it there"
            return CheckResult(Verdict.FAIL, words, _SILENT, evidence)
        known = (
            f"{place} does not answer, so whether it runs is unknown"
            if process.state is State.UNREACHABLE
            else f"it is {process.state} on {place} and does not answer"
        )
    except TradingError as error:
        known = f"whether it runs on {place} is unknown: {error}"
    return CheckResult(Verdict.UNKNOWN, f"{known}; {_access(broker)}", _SILENT, evidence)


def _access(broker: TradingApi) -> str:
    """Return in words whether the keys the executor holds still open the broker's door."""
    try:
        account = broker.account()
        orders = broker.orders("open")
    except Unreachable:
        return "whether its key opens the broker's account is unknown: the broker does not answer"
    except TradingError as error:
        return f"its key no longer opens the broker's account: {error}"
    return (
        f"its key still opens account {account.account_number}, where {len(orders)} orders are "
        "open now: where it runs and reaches the broker, it can trade. To take its key away: "
        "rotate-broker-key"
    )
