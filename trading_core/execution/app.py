"""The executor's HTTP face. What changes the world needs the control token."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from trading_core.broker.contract import MarketClock
from trading_core.clock import SystemClock
from trading_core.domain.orders import OrderType, Side
from trading_core.domain.state import Act, TradingState
from trading_core.errors import CheckFailed, TradingError
from trading_core.execution.control import HaltKind, Word
from trading_core.execution.executor import Executor
from trading_core.execution.retry import Wish
from trading_core.execution.signals import Outcome, Signal
from trading_core.health import Health
from trading_core.lockstep import MinuteEnd
from trading_core.metrics import Metrics
from trading_core.service import build_app, require_control
from trading_core.settings import Settings
from trading_core.storage.trading import orders, positions

NAME = "trade_executor"

_COUNTED = (
    *("order_execution_duration_seconds", "order_ack_latency_seconds", "orders_total"),
    *("execution_orders_submitted_total", "execution_orders_filled_total"),
    *("risk_checks_performed_total", "risk_checks_failed_total", "risk_check_duration_seconds"),
    "risk_circuit_breaker_activations_total",
)

_Text = Annotated[str, Field(min_length=1, max_length=500)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SignalBody(_Body):
    """One order a strategy wants."""

    strategy: Annotated[str, Field(pattern="^[a-z0-9_]{1,40}$")]
    symbol: Annotated[str, Field(pattern="^[A-Z0-9.]{1,12}$")]
    side: Side
    quantity: int
    type: OrderType = OrderType.MARKET
    limit_price_usd: Decimal | None = None
    sequence: Annotated[int, Field(ge=0)]


class SignalsBody(_Body):
    """The signals of one minute; `now` is market time."""

    now: AwareDatetime
    signals: list[SignalBody]


class RetryBody(_Body):
    """An order that failed is wanted still; see `retry.Wish`."""

    client_order_id: _Text
    reason: _Text
    actor: _Text
    attempt: Annotated[int, Field(ge=0)]


class HaltBody(_Body):
    """A halt; a person's carries no fencing token."""

    reason: _Text
    actor: _Text
    kind: HaltKind = HaltKind.HALT
    fence: int | None = None


class PauseBody(_Body):
    """A pause of order entry; open orders stay."""

    reason: _Text
    actor: _Text
    fence: int | None = None


class EnableBody(_Body):
    """A permission: `resume` ends a halt, `by_hand` is for no strategy."""

    reason: _Text
    actor: _Text
    fence: int
    resume: bool = False
    by_hand: bool = False


class ResetBody(_Body):
    """The closing of the breaker, or the end of a mode."""

    reason: _Text
    actor: _Text
    fence: int


class DayPnlBody(_Body):
    """Profit of the day in dollars."""

    total_pnl_usd: Decimal


def app(settings: Settings) -> FastAPI:
    """Return the service, not yet running.

    Raises:
        ConfigurationError: A secret is missing.
    """
    metrics = Metrics()
    metrics.announce(*_COUNTED)
    executor = Executor(settings, metrics)
    service = build_app(
        NAME,
        settings,
        checks={
            "database": executor.database.health,
            "exchange": lambda: _exchange_health(executor),
            "stream": lambda: _stream_health(executor),
            "writer lease": executor.lease.health,
        },
        status=lambda: _status(executor),
        metrics=metrics,
        running=executor,
    )
    service.include_router(_control(executor), dependencies=[Depends(require_control)])
    service.include_router(_permission(executor), dependencies=[Depends(require_control)])
    service.include_router(_cycle(executor), dependencies=[Depends(require_control)])
    service.include_router(_questions(executor))
    return service


def _control(executor: Executor) -> APIRouter:
    router, clock = APIRouter(), SystemClock()

    @router.post("/halt")
    def halt(body: HaltBody) -> dict[str, Any]:
        word = Word(body.reason, body.actor, clock.now(), body.fence)
        halted = executor.halt(word, body.kind)
        return {
            "state": state_json(halted.state),
            "cancelled": halted.swept.cancelled,
            "open_orders": halted.swept.open_orders,
            "recorded": halted.recorded,
            "problem": halted.swept.problem,
        }

    @router.post("/pause")
    def pause(body: PauseBody) -> dict[str, Any]:
        word = Word(body.reason, body.actor, clock.now(), body.fence)
        return {"state": state_json(executor.pause(word))}

    @router.post("/orders/cancel-all")
    def cancel_all() -> dict[str, Any]:
        swept = executor.sweep()
        return {
            "cancelled": swept.cancelled,
            "open_orders": swept.open_orders,
            "problem": swept.problem,
        }

    return router


def _permission(executor: Executor) -> APIRouter:
    router, clock = APIRouter(), SystemClock()

    @router.post("/enable")
    def enable(body: EnableBody) -> dict[str, Any]:
        word = Word(body.reason, body.actor, clock.now(), body.fence)
        state = executor.enable(word, resume=body.resume, by_hand=body.by_hand)
        return {"state": state_json(state)}

    @router.post("/mode/exit")
    def leave_mode(body: ResetBody) -> dict[str, Any]:
        word = Word(body.reason, body.actor, clock.now(), body.fence)
        return {"state": state_json(executor.leave_mode(word))}

    @router.post("/breaker/reset")
    def reset(body: ResetBody) -> dict[str, Any]:
        word = Word(body.reason, body.actor, clock.now(), body.fence)
        return {"state": state_json(executor.reset_breaker(word))}

    return router


def _cycle(executor: Executor) -> APIRouter:
    router = APIRouter()

    @router.post("/signals")
    def signals(body: SignalsBody) -> JSONResponse:
        asked = [Signal(**dict(signal)) for signal in body.signals]
        outcomes = [_outcome(one) for one in executor.handle(body.now, asked)]
        # As it is: looking at each value for its type again would take as long as writing it.
        return JSONResponse({"outcomes": outcomes})

    @router.post("/orders/retry")
    def retry(body: RetryBody) -> dict[str, Any]:
        return _outcome(executor.retry(Wish(**body.model_dump())))

    @router.post("/cycle/settle")
    def settle(minute: MinuteEnd) -> dict[str, int]:
        return executor.settle(minute.now)

    @router.post("/risk/day-pnl")
    def day_pnl(body: DayPnlBody) -> dict[str, str]:
        executor.set_day_pnl(body.total_pnl_usd)
        return {"total_pnl_usd": str(body.total_pnl_usd)}

    return router


def _questions(executor: Executor) -> APIRouter:
    router = APIRouter()

    @router.get("/state")
    def state() -> dict[str, Any]:
        return state_json(executor.state())

    @router.get("/orders")
    def list_orders(open: bool = False) -> dict[str, Any]:  # noqa: A002 - the API's word
        session = executor.session
        if session is None:
            return {"orders": []}
        with executor.database.transaction() as connection:
            found = (
                orders.open_orders(connection, session.account)
                if open
                else orders.of_day(connection, session.account, session.trading_date)
            )
        return {"orders": found}

    @router.get("/positions")
    def list_positions() -> dict[str, Any]:
        session = executor.session
        if session is None:
            return {"positions": []}
        with executor.database.transaction() as connection:
            held = positions.of_account(connection, session.account)
        return {"positions": [_position(one) for one in held if one.position.quantity != 0]}

    @router.get("/broker/status")
    def broker_status() -> dict[str, Any]:
        return _broker_status(executor)

    return router


def state_json(state: TradingState) -> dict[str, Any]:
    """Return the state as the API shows it."""
    return {
        "mode": state.mode.value,
        "trading_enabled": state.trading_enabled,
        "breaker": state.breaker.value,
        "accepts_orders": state.accepts_orders,
        "allows": [act.value for act in Act if state.permits(act)],
        "reason": state.reason,
        "actor": state.actor,
        "changed_at": state.changed_at,
        "fence": state.fence,
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "client_order_id": outcome.client_order_id,
        "outcome": outcome.outcome,
        "status": None if outcome.status is None else outcome.status.value,
        "reason": outcome.reason,
        "exchange_order_id": outcome.exchange_order_id,
    }


def _position(marked: positions.MarkedPosition) -> dict[str, Any]:
    position = marked.position
    return {
        "symbol": position.symbol,
        "quantity": position.quantity,
        "entry_price_usd": position.entry_price_usd,
        "cost_basis_usd": position.cost_basis_usd,
        "realized_pnl_usd": position.realized_pnl_usd,
        "unrealized_pnl_usd": marked.unrealized_pnl_usd,
        "current_price_usd": marked.price_usd,
    }


def _status(executor: Executor) -> dict[str, Any]:
    session = executor.session
    return {
        "state": state_json(executor.switch.state),
        "state_recorded": executor.switch.is_recorded,
        "lease_held": executor.lease.is_held,
        "session": None if session is None else str(session),
        "stream_connected": executor.stream.connected,
        "broker_key_id": executor.endpoint.keys().key_id,
        "stream_key_id": executor.stream.key_id,
    }


def _broker_status(executor: Executor) -> dict[str, Any]:
    try:
        account = executor.quick_broker.account()
        clock = executor.quick_broker.clock()
    except TradingError as error:
        return {
            "account_number": None,
            # A refusal is an answer too: no session is open there.
            "reachable": isinstance(error, CheckFailed),
            "environment": None,
            "clock": None,
            "detail": str(error),
        }
    return {
        "account_number": account.account_number,
        "reachable": True,
        "environment": account.environment,
        "clock": _clock(clock),
        "detail": "answers",
    }


def _clock(clock: MarketClock) -> dict[str, datetime | bool]:
    return {
        "timestamp": clock.now,
        "is_open": clock.is_open,
        "next_open": clock.next_open,
        "next_close": clock.next_close,
    }


def _exchange_health(executor: Executor) -> Health:
    found = _broker_status(executor)
    return Health(ok=found["reachable"], detail=found["detail"])


def _stream_health(executor: Executor) -> Health:
    connected = executor.stream.connected
    return Health(ok=connected, detail="connected" if connected else "not connected")
