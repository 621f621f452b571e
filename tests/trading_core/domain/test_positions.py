"""Average cost, against its slow definition: a list of shares, each with what it cost."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from trading_core.domain.fills import Fill
from trading_core.domain.orders import Side
from trading_core.domain.positions import Position

AT = datetime(2013, 10, 7, 14, 0, tzinfo=UTC)


def a_fill(side: Side, quantity: int, price_usd: Decimal) -> Fill:
    return Fill("execution", "order", "SPY", side, quantity, price_usd, AT)


fills = st.lists(
    st.builds(
        a_fill,
        st.sampled_from(Side),
        st.integers(1, 1000),
        st.integers(1, 3_000_000).map(lambda ticks: Decimal(ticks) / 10_000),
    ),
    max_size=30,
)


class Shares:
    """One entry a share held (or owed), all at the average cost of the moment."""

    def __init__(self) -> None:
        self.costs: list[Fraction] = []
        self.sign = 1
        self.realized = Fraction(0)

    def trade(self, fill: Fill) -> None:
        sign = 1 if fill.side is Side.BUY else -1
        for _ in range(int(fill.quantity)):
            if self.costs and self.sign != sign:
                cost = self.costs.pop()
                self.realized += self.sign * (Fraction(fill.price_usd) - cost)
            else:
                self.sign = sign
                self.costs.append(Fraction(fill.price_usd))
                average = sum(self.costs, Fraction(0)) / len(self.costs)
                self.costs = [average] * len(self.costs)


@given(
    st.lists(
        st.builds(
            a_fill,
            st.sampled_from(Side),
            st.integers(1, 8),
            st.integers(1, 50_000).map(lambda ticks: Decimal(ticks) / 100),
        ),
        max_size=12,
    )
)
def test_a_position_is_what_counting_every_share_says(trades: list[Fill]) -> None:
    position, shares = Position("SPY"), Shares()
    for fill in trades:
        position = position.after(fill)
        shares.trade(fill)
    assert position.quantity == shares.sign * len(shares.costs)
    # Each closing of a part rounds once, by at most half a micro-dollar.
    tolerance = Fraction(len(trades), 1_000_000)
    assert abs(Fraction(position.realized_pnl_usd) - shares.realized) <= tolerance
    cost = shares.sign * sum(shares.costs, Fraction(0))
    assert abs(Fraction(position.cost_basis_usd) - cost) <= tolerance


@given(fills)
def test_what_was_realised_and_what_is_still_in_shares_is_the_cash_exactly(
    trades: list[Fill],
) -> None:
    position = Position("SPY")
    for fill in trades:
        position = position.after(fill)
    cash_usd = sum((fill.cash_usd for fill in trades), Decimal(0))
    assert position.realized_pnl_usd - position.cost_basis_usd == cash_usd


@given(fills)
def test_a_flat_position_has_cost_nothing_and_earned_the_cash(trades: list[Fill]) -> None:
    position = Position("SPY")
    for fill in trades:
        position = position.after(fill)
    if position.quantity != 0:
        side = Side.SELL if position.quantity > 0 else Side.BUY
        closing = a_fill(side, abs(int(position.quantity)), Decimal("12.34"))
        trades = [*trades, closing]
        position = position.after(closing)
    assert position.cost_basis_usd == 0
    assert position.realized_pnl_usd == sum((fill.cash_usd for fill in trades), Decimal(0))


def test_a_sale_through_zero_opens_a_short_at_its_own_price() -> None:
    bought = Position("SPY").after(a_fill(Side.BUY, 10, Decimal("10.00")))
    turned = bought.after(a_fill(Side.SELL, 25, Decimal("12.00")))
    assert turned.quantity == -15
    assert turned.realized_pnl_usd == Decimal("20.00")
    assert turned.entry_price_usd == Decimal("12.00")
    assert turned.unrealized_pnl_usd(Decimal("11.00")) == Decimal("15.00")
