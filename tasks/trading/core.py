"""The core's trading switch: enabled, halted, tripped. The core decides; these tasks ask and prove.

Enabling never ends a halt and never closes a breaker: those are changes of their own, and gated.
"""

from collections.abc import Callable

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from tasks.services.hosts import Places
from tasks.services.processes import Processes
from tasks.trading.control import Core
from trading_core import halt_request
from trading_core.clock import seconds
from trading_core.domain.state import Breaker, Mode, TradingState
from trading_core.errors import CheckFailed, TradingError, Unreachable
from trading_core.gateway.protect import HaltReport, halt_core
from trading_core.halt_request import HaltRequest
from trading_core.settings import Settings

_SHOWS_WITHIN = seconds(5)
_EXECUTOR = "trade_executor"


@check
def check_circuit_breaker(core: Core) -> CheckResult:
    """Read whether the breaker is closed and nobody has halted trading. Never resets anything."""
    state = core.state()
    trouble = _trouble(state)
    return CheckResult(
        Verdict.FAIL if trouble else Verdict.PASS,
        trouble or f"breaker {state.breaker}, not halted",
        "breaker CLOSED, not halted",
        _evidence(state),
    )


@action
def ensure_trading_enabled(core: Core, reason: str) -> Change[None] | Unchanged[None]:
    """Let the core send orders.

    Raises:
        CheckFailed: It is halted or its breaker is open; only resume-trading ends that.
    """
    state = core.state()
    if state.accepts_orders:
        return Unchanged(f"trading was enabled by {state.actor}: {state.reason}")
    if trouble := _trouble(state):
        raise CheckFailed(
            f"trading: expected not halted and breaker CLOSED, was {trouble}",
            next_step="find the cause, then run resume-trading",
        )
    run = current_run()
    return Change(
        does="enable trading",
        act=lambda fence: core.enable(reason, run.actor, fence, resume=False),
        holds=lambda: core.state().accepts_orders,
        within=_SHOWS_WITHIN,
        facts={"reason": reason},
    )


@action
def ensure_breaker_closed(core: Core, reason: str) -> Change[None] | Unchanged[None]:
    """Close the circuit breaker; trading stays disabled until it is resumed."""
    state = core.state()
    if state.breaker is Breaker.CLOSED:
        return Unchanged("the breaker was CLOSED")
    run = current_run()
    return Change(
        does="reset the circuit breaker",
        act=lambda fence: core.reset_breaker(reason, run.actor, fence),
        holds=lambda: core.state().breaker is Breaker.CLOSED,
        within=_SHOWS_WITHIN,
        gated=True,
        facts={"reason": reason, "was_open_because": state.reason},
    )


@action
def ensure_trading_resumed(core: Core, reason: str) -> Change[None] | Unchanged[None]:
    """End a halt and let the core send orders again."""
    state = core.state()
    if state.accepts_orders:
        return Unchanged(f"trading was enabled by {state.actor}: {state.reason}")
    run = current_run()
    return Change(
        does="resume trading",
        act=lambda fence: core.enable(reason, run.actor, fence, resume=True),
        holds=lambda: core.state().accepts_orders,
        within=_SHOWS_WITHIN,
        gated=True,
        facts={"reason": reason, "was_halted_because": state.reason, "by": state.actor},
    )


@action
def ensure_trading_halted(
    settings: Settings, core: Core, reason: str, places: Places | None = None
) -> Change[HaltReport] | Unchanged[HaltReport]:
    """Stop orders from leaving and take back the open ones, round whatever does not answer.

    Needs neither the database nor the gateway; an executor that does not answer finds the halt on
    the disk when it comes back.

    Args:
        places: Who brings the halt to an executor that is stopped on a host; None: nobody, and
            such an executor is not known to be halted.
    """
    state = _state_or_none(core)
    if state is not None and _is_halted(state):
        return Unchanged(f"trading was halted by {state.actor}: {state.reason}")
    run = current_run()
    return Change(
        does="halt trading",
        # Without a database there is no token; a halt is taken without one.
        act=lambda fence: _halt(settings, HaltRequest(reason, run.actor), fence, places),
        holds=lambda: _holds(settings, core, _is_halted, places),
        within=_SHOWS_WITHIN,
        facts={"reason": reason},
    )


@action
def ensure_breaker_open(
    settings: Settings, core: Core, reason: str, places: Places | None = None
) -> Change[HaltReport] | Unchanged[HaltReport]:
    """Open the circuit breaker: trading stops, and a second person is needed to reset it.

    As with a halt, an executor that does not answer finds the request on the disk; `places` too.
    """
    state = _state_or_none(core)
    if state is not None and state.breaker is Breaker.OPEN:
        return Unchanged(f"the breaker was OPEN, by {state.actor}: {state.reason}")
    run = current_run()
    request = HaltRequest(reason, run.actor, "breaker")
    return Change(
        does="open the circuit breaker",
        act=lambda fence: _halt(settings, request, fence, places),
        holds=lambda: _holds(settings, core, _is_tripped, places),
        within=_SHOWS_WITHIN,
        facts={"reason": reason},
    )


@action
def ensure_emergency_shutdown(
    settings: Settings, core: Core, reason: str, places: Places
) -> Change[HaltReport] | Unchanged[HaltReport]:
    """Enter the mode emergency_shutdown, in which nothing is sent, resumed or configured.

    As with a halt, an executor that does not answer finds it on the disk and is in it from its
    start on.
    """
    request = HaltRequest(reason, current_run().actor, "emergency_shutdown")
    return _entering(settings, core, request, places)


@action
def ensure_maintenance_mode(
    settings: Settings, core: Core, reason: str, places: Places
) -> Change[HaltReport] | Unchanged[HaltReport]:
    """Enter the mode maintenance: no order, and no resuming until somebody has left the mode.

    The reason is the message: it is shown wherever trading is refused. A stricter mode stays.
    """
    request = HaltRequest(reason, current_run().actor, "maintenance")
    return _entering(settings, core, request, places)


@action
def ensure_halted_without_feed(
    settings: Settings, core: Core, reason: str
) -> Change[HaltReport] | Unchanged[HaltReport]:
    """Halt trading unless market data is known to come, by whichever feed."""
    try:
        feeds = core.feeds()
    except TradingError:
        feeds = None  # not knowing is no feed
    if feeds is not None and (feeds.connected or feeds.backup_reachable):
        usable = "the primary feed is connected" if feeds.connected else "the backup feed works"
        return Unchanged(f"{usable}: trading may go on")
    found = _state_or_none(core)
    if found is not None and _is_halted(found):
        return Unchanged(f"trading was halted by {found.actor}: {found.reason}")
    run = current_run()
    return Change(
        does="halt trading, which has no market data",
        act=lambda fence: halt_core(settings, HaltRequest(reason, run.actor), fence or None),
        holds=lambda: _holds(settings, core, _is_halted),
        within=_SHOWS_WITHIN,
        facts={"reason": reason},
    )


@action
def ensure_session_paused(
    core: Core, processes: Processes, reason: str
) -> Change[None] | Unchanged[None]:
    """Have the gateway drive no session: before services stop under it.

    Raises:
        Unreachable: The gateway runs, or may run, and does not answer.
    """
    try:
        is_running = core.session_is_running()
    except Unreachable:
        if not processes.processes()["gateway"].is_down:
            raise
        return Unchanged("no session is driven: the gateway is stopped")
    if not is_running:
        return Unchanged("no session was running")
    run = current_run()
    return Change(
        does="pause the running session",
        act=lambda _fence: core.pause_session(reason, run.actor),
        holds=lambda: not core.session_is_running(),
        within=_SHOWS_WITHIN,
        facts={"reason": reason},
    )


def _state_or_none(core: Core) -> TradingState | None:
    try:
        return core.state()
    except TradingError:
        return None


def _halt(
    settings: Settings, request: HaltRequest, fence: int, places: Places | None
) -> HaltReport:
    report = halt_core(settings, request, fence or None)
    if places is not None and _is_down(places):
        places.provide(_EXECUTOR)
    return report


def _holds(
    settings: Settings,
    core: Core,
    stopped: Callable[[TradingState], bool],
    places: Places | None = None,
) -> bool:
    """Whether the executor says so, or is not there and will read the request when it starts."""
    found = _state_or_none(core)
    if found is not None:
        return stopped(found)
    if settings.is_here(_EXECUTOR):
        return halt_request.pending(settings.root) is not None
    # One on a host does not read ours, which is gone once it was brought there; and a host that
    # is silent may still trade.
    return places is not None and _is_down(places) and places.halt_waits()


def _is_down(places: Places) -> bool:
    """Whether the executor is known to be stopped, on a host that answers."""
    try:
        found = places.processes().get(_EXECUTOR)
    except TradingError:
        return False
    return found is not None and found.is_down


def _is_tripped(state: TradingState) -> bool:
    return state.breaker is Breaker.OPEN and not state.accepts_orders


def _is_halted(state: TradingState) -> bool:
    return state.is_stopped and not state.accepts_orders


def _entering(
    settings: Settings, core: Core, request: HaltRequest, places: Places
) -> Change[HaltReport] | Unchanged[HaltReport]:
    wanted = Mode(request.kind)
    state = _state_or_none(core)

    def is_entered(found: TradingState) -> bool:
        return found.mode.is_at_least(wanted) and not found.accepts_orders

    def holds() -> bool:
        left = halt_request.pending(settings.root)
        # A request of before, which only halts, is not this one. None: it is taken, or brought.
        is_ours = left is None or left.kind == request.kind
        return is_ours and _holds(settings, core, is_entered, places)

    if state is not None and is_entered(state):
        return Unchanged(f"the mode was {state.mode}, by {state.actor}: {state.reason}")
    return Change(
        does=f"enter the mode {wanted}",
        act=lambda fence: _halt(settings, request, fence, places),
        holds=holds,
        within=_SHOWS_WITHIN,
        facts={"reason": request.reason},
    )


def _trouble(state: TradingState) -> str:
    """Return why trading may not simply be enabled, in words; empty when it may."""
    words = []
    if state.breaker is Breaker.OPEN:
        words.append("breaker OPEN")
    if state.mode is not Mode.RUNNING:
        words.append(str(state.mode))
    return f"{' and '.join(words)} by {state.actor}: {state.reason}" if words else ""


def _evidence(state: TradingState) -> dict[str, object]:
    return {
        "mode": str(state.mode),
        "trading_enabled": state.trading_enabled,
        "breaker": str(state.breaker),
        "reason": state.reason,
        "actor": state.actor,
        "changed_at": state.changed_at.isoformat(),
        "fence": state.fence,
    }
