"""Reading a request for a session."""

from datetime import date
from decimal import Decimal
from pathlib import Path

from trading_core.errors import ConfigurationError
from trading_core.paper.door.intake.fields import (
    Body,
    UnreadableError,
    decimal,
    one_of,
    only,
    text,
)
from trading_core.paper.market.sessions import STARTING_CASH_USD, SessionSpec

_FIELDS = frozenset(
    {
        "source", "directory", "date", "symbols", "seed", "cash_usd", "fee_per_share_usd",
        "hard_to_borrow",
    }
)  # fmt: skip
_CASH_USD_MAX = Decimal(1_000_000_000)
_FEE_USD_MAX = Decimal(1)


def read_session(body: Body, fee_per_share_usd: Decimal = Decimal(0)) -> SessionSpec:
    """Return the session a client asks for.

    Args:
        fee_per_share_usd: What it is when the client names none.

    Raises:
        ConfigurationError: A field is missing, unknown or impossible.
    """
    try:
        return _session({"fee_per_share_usd": str(fee_per_share_usd), **_said(body)})
    except UnreadableError as error:
        raise ConfigurationError(
            f"session: {error}", next_step="correct the request for a session"
        ) from None


def _said(body: Body) -> Body:
    return {name: value for name, value in body.items() if value is not None}


def _session(body: Body) -> SessionSpec:
    only(body, _FIELDS)
    source = one_of(body, "source", ["bars", "synthetic"])
    seed, cash = body.get("seed", 0), body.get("cash_usd")
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise UnreadableError(f"seed: expected a whole number, was {seed!r}")
    day_text = text(body, "date")
    try:
        day = date.fromisoformat(day_text)
    except ValueError:
        raise UnreadableError(f"date: expected YYYY-MM-DD, was {day_text!r}") from None
    directory = body.get("directory")
    return SessionSpec(
        source="bars" if source == "bars" else "synthetic",
        directory=str(Path(text(body, "directory")).absolute()) if directory else None,
        date=day,
        symbols=_symbols(body, "symbols"),
        seed=seed,
        cash_usd=STARTING_CASH_USD if cash is None else _cash(cash),
        fee_per_share_usd=_fee(body),
        hard_to_borrow=_symbols(body, "hard_to_borrow") or (),
    )


def _symbols(body: Body, name: str) -> tuple[str, ...] | None:
    symbols = body.get(name)
    if symbols is None:
        return None
    if not isinstance(symbols, list) or not symbols or not all(isinstance(s, str) for s in symbols):
        raise UnreadableError(f"{name}: expected a list of symbols or null, was {symbols!r}")
    return tuple(sorted(set(symbols)))


def _fee(body: Body) -> Decimal:
    fee = decimal(body, "fee_per_share_usd")
    if not 0 <= fee <= _FEE_USD_MAX:
        raise UnreadableError(f"fee_per_share_usd: expected 0 to {_FEE_USD_MAX}, was {fee}")
    return fee


def _cash(value: object) -> Decimal:
    cash = decimal({"cash_usd": value}, "cash_usd")
    if not 0 < cash <= _CASH_USD_MAX or cash % Decimal("0.01"):
        raise UnreadableError(f"cash_usd: expected whole cents up to {_CASH_USD_MAX}, was {cash}")
    return cash.quantize(Decimal("0.01"))
