"""The day's profit is the difference of two equities, to the cent, whatever was traded."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_core.broker.contract import Account
from trading_core.domain.fills import Fill
from trading_core.domain.money import to_cents
from trading_core.domain.orders import Side
from trading_core.domain.positions import Position
from trading_core.errors import CheckFailed
from trading_core.ledger.day import cash_of_day, profit_of_day, start_of_day
from trading_core.ledger.record import closed_pnl_usd

AT = datetime(2013, 10, 7, 14, 0, tzinfo=UTC)
SYMBOLS = ("AIG", "BAC", "SPY")
prices = st.integers(1, 3_000_000).map(lambda ticks: Decimal(ticks) / 10_000)
# A middle price lies between two ticks at worst.
marks = st.fixed_dictionaries(
    {
        symbol: st.integers(1, 6_000_000).map(lambda half: Decimal(half) / 20_000)
        for symbol in SYMBOLS
    }
)
fills = st.lists(
    st.builds(
        lambda symbol, side, quantity, price: Fill("e", "o", symbol, side, quantity, price, AT),
        st.sampled_from(SYMBOLS),
        st.sampled_from(Side),
        st.integers(1, 500),
        prices,
    ),
    max_size=20,
)
Book = dict[str, Position]


def traded(book: Book, trades: list[Fill]) -> tuple[Book, Decimal]:
    closed_usd = Decimal(0)
    for fill in trades:
        before = book.get(fill.symbol, Position(fill.symbol))
        after = before.after(fill)
        closed_usd += closed_pnl_usd(before, after, fill) or 0
        book = {**book, fill.symbol: after}
    return book, closed_usd


def equity_usd(cash_usd: Decimal, book: Book, prices_usd: dict[str, Decimal]) -> Decimal:
    worth = [held.quantity * prices_usd[symbol] for symbol, held in book.items()]
    return to_cents(cash_usd + sum(worth, Decimal(0)))


def an_account(cash_usd: Decimal, last_equity_usd: Decimal) -> Account:
    return Account("PA1", "ACTIVE", cash_usd, last_equity_usd, last_equity_usd, Decimal(0))


@given(fills, marks, fills, marks, st.integers(0, 20))
def test_start_equity_and_the_days_profit_are_the_brokers_equity_to_the_cent(
    yesterday: list[Fill],
    close: dict[str, Decimal],
    today: list[Fill],
    now: dict[str, Decimal],
    begun_after: int,
) -> None:
    cash_usd = Decimal(100_000) + sum((fill.cash_usd for fill in yesterday), Decimal(0))
    overnight, _ = traded({}, yesterday)
    last_equity_usd = equity_usd(cash_usd, overnight, close)

    # The day may be begun late, after some of its fills: the start is the same.
    early = today[:begun_after]
    seen, closed_usd = traded(overnight, early)
    seen_cash_usd = cash_usd + sum((fill.cash_usd for fill in early), Decimal(0))
    account = an_account(seen_cash_usd, last_equity_usd)
    start = start_of_day(account, seen.values(), closed_usd)
    assert start == start_of_day(
        an_account(cash_usd, last_equity_usd), overnight.values(), Decimal(0)
    )

    held, _ = traded(overnight, today)
    cash_usd += sum((fill.cash_usd for fill in today), Decimal(0))
    profit = profit_of_day(start, held.values(), now)
    assert profit.equity_usd == equity_usd(cash_usd, held, now)
    assert profit.total_usd == profit.equity_usd - last_equity_usd
    realized_usd = sum((p.realized_pnl_usd for p in held.values()), Decimal(0))
    assert profit.realized_usd == to_cents(realized_usd - start.realized_usd)


@given(fills, fills, marks)
def test_the_cash_our_books_imply_is_what_every_fill_moved(
    yesterday: list[Fill], today: list[Fill], close: dict[str, Decimal]
) -> None:
    cash_usd = Decimal(100_000) + sum((fill.cash_usd for fill in yesterday), Decimal(0))
    overnight, _ = traded({}, yesterday)
    account = an_account(cash_usd, equity_usd(cash_usd, overnight, close))
    start = start_of_day(account, overnight.values(), Decimal(0))

    held, _ = traded(overnight, today)

    moved_usd = sum((fill.cash_usd for fill in today), Decimal(0))
    assert cash_of_day(start, held.values()) == to_cents(cash_usd + moved_usd)


def test_an_open_position_without_a_price_cannot_be_marked() -> None:
    held = [Position("SPY", 5, Decimal(50))]
    start = start_of_day(an_account(Decimal(1000), Decimal(1000)), [], Decimal(0))
    with pytest.raises(CheckFailed, match="SPY"):
        profit_of_day(start, held, {"AIG": Decimal(10)})


def test_a_flat_position_needs_no_price() -> None:
    start = start_of_day(an_account(Decimal(1000), Decimal(1000)), [], Decimal(0))
    profit = profit_of_day(start, [Position("SPY", 0, Decimal(0), Decimal("12.5"))], {})
    assert profit.total_usd == Decimal("12.50")
