"""Fees, dividends, splits and parts of a share, held against a plain definition in fractions."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trading_core.domain.activities import Activity, ActivityKind
from trading_core.domain.fills import Fill
from trading_core.domain.orders import Side
from trading_core.domain.postings import Book
from trading_core.domain.shares import shares
from trading_core.ledger.rebuild import rebuilt

AT = datetime(2013, 10, 7, 14, 0, tzinfo=UTC)
DAY = date(2013, 10, 7)
# Rounding to the micro-dollar, once for each event at most.
NEAR = Fraction(1, 1_000_000)

Event = Fill | Activity


class Plain:
    """One symbol by definition: exact fractions, lots in a list, nothing clever."""

    def __init__(self) -> None:
        self.cash = self.average_cost = self.average_earned = self.first_earned = Fraction(0)
        self.lots: list[tuple[Fraction, Fraction]] = []

    @property
    def held(self) -> Fraction:
        return sum((quantity for quantity, _ in self.lots), Fraction(0))

    def take(self, event: Event) -> None:
        if isinstance(event, Fill):
            self._trade(Fraction(event.signed_quantity), Fraction(event.price_usd))
            return
        self.cash += Fraction(event.amount_usd)
        if event.kind is not ActivityKind.OTHER:
            self.average_earned += Fraction(event.amount_usd)
            self.first_earned += Fraction(event.amount_usd)
        if event.quantity:
            ratio = (self.held + Fraction(event.quantity)) / self.held
            self.lots = [(quantity * ratio, price / ratio) for quantity, price in self.lots]

    def _trade(self, signed: Fraction, price: Fraction) -> None:
        self.cash -= signed * price
        held = self.held
        if held * signed < 0:
            closed = max(-abs(held), -abs(signed)) * (1 if held > 0 else -1)
            cost = self.average_cost * -closed / held
            self.average_earned += -closed * price - cost
            self.average_cost -= cost
            self._close(closed, price)
            signed -= closed
        self.average_cost += signed * price
        if signed:
            self.lots.append((signed, price))

    def _close(self, closed: Fraction, price: Fraction) -> None:
        while closed:
            quantity, bought_at = self.lots.pop(0)
            part = -closed if abs(closed) < abs(quantity) else quantity
            self.first_earned += part * (price - bought_at)
            closed += part
            if part != quantity:
                self.lots.insert(0, (quantity - part, bought_at))


def after(events: Sequence[Event]) -> Plain:
    plain = Plain()
    for event in events:
        plain.take(event)
    return plain


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Fills of whole shares and parts, fees, dividends, deposits, and splits of what is held."""
    events: list[Event] = []
    held = Decimal(0)
    for number in range(draw(st.integers(1, 12))):
        what = draw(st.sampled_from(("fill", "fill", "fill", "part", "fee", "paid", "split")))
        amount_usd = Decimal(draw(st.integers(-5_000, 5_000))) / 100
        name = f"{what}{number}"
        if what in ("fill", "part"):
            count = draw(st.integers(1, 500))
            quantity = shares(Decimal(count) / (1 if what == "fill" else 1_000))
            price_usd = Decimal(draw(st.integers(1, 3_000_000))) / 10_000
            side = draw(st.sampled_from(Side))
            events.append(Fill(name, f"o{number}", "SPY", side, quantity, price_usd, AT))
            held += quantity if side is Side.BUY else -quantity
        elif what == "split":
            ratio = Decimal(draw(st.sampled_from(("7", "2", "0.5", "0.125"))))
            if held:
                gained = shares(held * ratio - held)
                held *= ratio
                events.append(Activity(name, ActivityKind.SPLIT, DAY, "SPY", gained))
        else:
            kinds = (ActivityKind.FEE,) if what == "fee" else (ActivityKind.DIVIDEND,)
            kind = draw(st.sampled_from((*kinds, ActivityKind.OTHER)))
            events.append(Activity(name, kind, DAY, "SPY", amount_usd=amount_usd))
    return [*events, Fill("last", "o", "SPY", Side.BUY, 1, Decimal(10), AT)]


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(histories())
def test_cash_shares_and_both_reckonings_of_profit_are_those_of_the_definition(
    events: list[Event],
) -> None:
    books, plain = rebuilt(events), after(events)
    position, lots = books.positions["SPY"], books.lots["SPY"]
    near = NEAR * len(events)
    assert Fraction(books.balances_usd.get((Book.CASH, ""), Decimal(0))) == plain.cash
    assert abs(Fraction(position.quantity) - plain.held) < Fraction(1, 10**12)
    assert lots.quantity == position.quantity
    assert abs(Fraction(position.realized_pnl_usd) - plain.average_earned) <= near
    assert abs(Fraction(position.cost_basis_usd) - plain.average_cost) <= near
    assert abs(Fraction(lots.realized_pnl_usd) - plain.first_earned) <= near


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(histories())
def test_every_entry_balances_and_profit_is_what_was_earned_less_fees_and_with_dividends(
    events: list[Event],
) -> None:
    books = rebuilt(events)
    balances, position = books.balances_usd, books.positions["SPY"]
    profit_usd = sum(
        (balances.get((book, "SPY"), Decimal(0)) for book in _PROFIT), start=Decimal(0)
    )
    assert sum(balances.values()) == 0
    assert -profit_usd == position.realized_pnl_usd
    assert balances.get((Book.SHARES, "SPY"), 0) == position.cost_basis_usd


_PROFIT = (Book.REALIZED, Book.FEES, Book.DIVIDENDS)


def test_a_seven_for_one_split_leaves_the_value_and_the_profit_of_a_later_sale() -> None:
    bought = Fill("e1", "o1", "AAPL", Side.BUY, 10, Decimal("645.57"), AT)
    split = Activity("s1", ActivityKind.SPLIT, DAY, "AAPL", 60)
    sold = Fill("e2", "o2", "AAPL", Side.SELL, 70, Decimal("93.70"), AT)
    books = rebuilt([bought, split])
    assert books.positions["AAPL"].quantity == 70
    assert books.positions["AAPL"].cost_basis_usd == Decimal("6455.70")
    books = rebuilt([bought, split, sold])
    assert books.positions["AAPL"].realized_pnl_usd == Decimal("103.30")
    assert books.lots["AAPL"].realized_pnl_usd == Decimal("103.30")
