"""A small market with prices a reader can follow, and an exchange served on a real port."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tests.fix_service import served
from trading_core.broker import keys
from trading_core.broker.http import Endpoint
from trading_core.broker.keys import KeyFiles
from trading_core.domain.orders import Side
from trading_core.paper.account.account import Account
from trading_core.paper.door.app import paper_app
from trading_core.paper.exchange import Exchange
from trading_core.paper.market.hours import hours_of
from trading_core.paper.market.sessions import SessionSpec
from trading_core.paper.market.tape import Prices, QuoteBar, SymbolTape, Tape, TradeBar, make_tape
from trading_core.paper.orders.terms import OrderTerms
from trading_core.paper.orders.words import Duration, OrderKind
from trading_core.settings import Settings

DAY = date(2024, 3, 5)
OPEN_MINUTE = 570
SPEC = SessionSpec("synthetic", None, DAY, None, seed=1)

# (bid, ask) in dollars at open, high, low and close of one minute.
Pair = tuple[str, str]


def ticks(price_usd: str) -> int:
    return int(Decimal(price_usd) * 10_000)


def quote_bar(
    first: Pair,
    high: Pair | None = None,
    low: Pair | None = None,
    close: Pair | None = None,
    sizes: tuple[int, int] = (100, 100),
) -> QuoteBar:
    """A minute of quotes; what is left out is as at the open."""
    pairs = (first, high or first, low or first, close or first)
    return QuoteBar(
        Prices(*(ticks(bid) for bid, _ in pairs)),
        sizes[0],
        Prices(*(ticks(ask) for _, ask in pairs)),
        sizes[1],
    )


def trade_bar(price_usd: str, volume: int = 1000) -> TradeBar:
    price = ticks(price_usd)
    return TradeBar(Prices(price, price, price, price), volume)


def tape_of(*minutes: QuoteBar, symbol: str = "ACME", day: date = DAY) -> Tape:
    """A day on which `minutes` are the first minutes of trading, after one quote at 08:59.

    The quote before the open is that of the first minute.
    """
    quotes = {OPEN_MINUTE + index: bar for index, bar in enumerate(minutes)}
    quotes[OPEN_MINUTE - 31] = minutes[0]
    trades = {minute: trade_bar("100.00") for minute in sorted(quotes)}
    tape = SymbolTape(trades=trades, quotes=dict(sorted(quotes.items())))
    return make_tape(hours_of(day), {symbol: tape})


def exchange_on(tape: Tape, cash_usd: str = "100000", account: Account | None = None) -> Exchange:
    return Exchange(SPEC, tape, account or Account("PA0000001", ticks(cash_usd)))


def play(exchange: Exchange, minutes: int = 1) -> None:
    """Advance by whole minutes of trading, from the open at the earliest."""
    start = max(exchange.now, exchange.tape.hours.opens_at)
    exchange.advance(start + timedelta(minutes=minutes))


def market(client_order_id: str, side: Side, quantity: int, symbol: str = "ACME") -> OrderTerms:
    return OrderTerms(client_order_id, symbol, side, Decimal(quantity))


def limit(
    client_order_id: str,
    side: Side,
    quantity: int,
    price_usd: str,
    time_in_force: Duration = Duration.DAY,
) -> OrderTerms:
    return OrderTerms(
        client_order_id,
        "ACME",
        side,
        Decimal(quantity),
        OrderKind.LIMIT,
        Decimal(price_usd),
        time_in_force,
    )


def fills(exchange: Exchange) -> Sequence[tuple[Side, Decimal, int, datetime]]:
    return [(e.side, e.quantity, e.price_ticks, e.at) for e in exchange.account.executions]


def settings_in(state_dir: Path) -> Settings:
    """Settings of a stack in `state_dir`, its secrets made."""
    settings = Settings(state_dir=state_dir)
    settings.secrets_dir.mkdir(parents=True, exist_ok=True)
    for name in ("broker_key_id", "broker_secret_key", "control_token"):
        (settings.secrets_dir / name).write_text(f"the {name}")
    return settings


def endpoint_of(settings: Settings, base_url: str) -> Endpoint:
    return Endpoint(base_url, KeyFiles(settings))


@contextmanager
def served_exchange(state_dir: Path) -> Iterator[Endpoint]:
    """A paper exchange on a free port, keeping its journal in `state_dir`."""
    settings = settings_in(state_dir)
    with served(paper_app(settings)) as client:
        yield endpoint_of(settings, str(client.base_url).rstrip("/"))


def stranger_to(endpoint: Endpoint) -> Endpoint:
    return Endpoint(endpoint.base_url, keys.constant("nobody", "nothing"))
