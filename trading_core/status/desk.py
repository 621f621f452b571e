"""What a trader asks first: may orders leave, how is the day, what is held."""

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from trading_core.clock import EXCHANGE_ZONE, seconds
from trading_core.errors import TradingError
from trading_core.peers import Peer
from trading_core.settings import Settings
from trading_core.status.indicators import Level, Reading

_WITHIN = seconds(4)
_UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class DeskFacts:
    """The desk in words; UNKNOWN where nobody answered.

    Attributes:
        trading: Whether the switch stands where it may: a halt or an open breaker is critical,
            not being enabled is not, because before the open that is right.
        positions: Symbol, quantity and unrealised profit, as written.
    """

    trading: Reading
    mode: str
    breaker: str
    reason: str
    session: str
    pnl: str
    open_orders: str
    positions: tuple[tuple[str, str, str], ...]

    @classmethod
    def unknown(cls, why: str) -> "DeskFacts":
        """Return the desk that nobody could tell about."""
        reading = Reading("trading", "trading", Level.UNKNOWN, why, "known")
        return cls(reading, _UNKNOWN, _UNKNOWN, why, _UNKNOWN, _UNKNOWN, _UNKNOWN, ())

    def as_json(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return asdict(self)


def measure_desk(settings: Settings) -> DeskFacts:
    """Return the desk as executor, risk manager and gateway tell it."""
    state = _told(settings, "trade_executor", "/state")
    held = _told(settings, "trade_executor", "/positions")
    open_orders = _told(settings, "trade_executor", "/orders?open=true")
    risk = _told(settings, "risk_manager", "/risk/status")
    session = _told(settings, "gateway", "/status")
    return DeskFacts(
        trading=_trading(state),
        mode=_mode(state),
        breaker=str(state.get("breaker", _UNKNOWN)),
        reason=f"{state['reason']}, by {state['actor']}" if "reason" in state else _UNKNOWN,
        session=_session(session),
        pnl=_pnl(risk),
        open_orders=str(len(open_orders["orders"])) if "orders" in open_orders else _UNKNOWN,
        positions=tuple(
            (one["symbol"], str(one["quantity"]), str(one["unrealized_pnl_usd"]))
            for one in held.get("positions", ())
        ),
    )


def _told(settings: Settings, name: str, path: str) -> dict[str, Any]:
    try:
        with Peer(settings, name, answer_within=_WITHIN) as peer:
            answer = peer.get(path)
    except TradingError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _trading(state: dict[str, Any]) -> Reading:
    expected = "not halted, breaker CLOSED"
    if not state:
        words = "trade_executor does not answer: whether orders leave is not known"
        return Reading("trading", "trading switch", Level.UNKNOWN, words, expected)
    stopped = state["mode"] == "halted" or state["breaker"] == "OPEN"
    words = f"{_mode(state)}, breaker {state['breaker']}: {state['reason']}"
    level = Level.CRITICAL if stopped else Level.HEALTHY
    return Reading("trading", "trading switch", level, words, expected)


def _mode(state: dict[str, Any]) -> str:
    if not state:
        return _UNKNOWN
    if state["accepts_orders"]:
        return "ENABLED"
    return "HALTED" if state["mode"] == "halted" else "NOT ENABLED"


def _session(gateway: dict[str, Any]) -> str:
    told = gateway.get("session")
    if not isinstance(told, dict):
        return _UNKNOWN
    if not told.get("session_id"):
        return "none is open"
    words = f"{told['source']} {told['date']}, {told['state']}"
    if not told.get("now"):
        return words
    now = datetime.fromisoformat(told["now"]).astimezone(EXCHANGE_ZONE)
    return f"{words}, {now:%H:%M} New York"


def _pnl(risk: dict[str, Any]) -> str:
    if not risk:
        return _UNKNOWN
    pnl = risk.get("daily_pnl")
    return "no trading day is open" if pnl is None else _dollars(pnl["total_pnl_usd"])


def _dollars(amount: object) -> str:
    amount_usd = Decimal(str(amount))
    return f"{'-' if amount_usd < 0 else '+'}${abs(amount_usd):,.2f}"
