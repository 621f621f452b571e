"""Round trips and their figures: small days by hand, and what must hold of any."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from trading_core.domain.fills import Fill
from trading_core.domain.lots import lots_of
from trading_core.domain.orders import Side
from trading_core.performance.round_trips import RoundTrip, round_trips
from trading_core.performance.trades import trade_figures

OPEN = datetime(2013, 10, 7, 13, 30, tzinfo=UTC)


def a_fill(number: int, signed: int, price: str, symbol: str = "SPY") -> Fill:
    side = Side.BUY if signed > 0 else Side.SELL
    at = OPEN + timedelta(minutes=number)
    return Fill(f"e{number}", f"o{number}", symbol, side, abs(signed), Decimal(price), at)


def trips(*fills: Fill) -> list[RoundTrip]:
    return round_trips(("sma_crossover", one) for one in fills)


def test_a_trade_in_two_steps_up_and_two_down() -> None:
    (trip,) = trips(
        a_fill(1, 100, "10.00"),
        a_fill(2, 50, "10.30"),
        a_fill(5, -60, "10.40"),
        a_fill(9, -90, "10.20"),
    )

    # In: 1000 + 515 = 1515.00 for 150. Out: 624 + 918 = 1542.00.
    assert trip.pnl_usd == Decimal("27.00")
    assert (trip.side, trip.entered_quantity, trip.exited_quantity) == (Side.BUY, 150, 150)
    assert trip.entry_price_usd == Decimal("10.10")
    assert trip.exit_price_usd == Decimal("10.28")
    assert trip.held == timedelta(minutes=8)
    assert trip.fill_count == 4


def test_a_fill_through_zero_ends_one_trade_and_begins_the_next() -> None:
    first, second = trips(a_fill(1, 100, "10.00"), a_fill(2, -160, "10.50"), a_fill(3, 60, "10.20"))

    assert (first.side, first.pnl_usd) == (Side.BUY, Decimal("50.00"))
    assert (second.side, second.entered_quantity, second.pnl_usd) == (
        Side.SELL,
        60,
        Decimal("18.00"),
    )
    assert second.opened_at == first.closed_at


def test_an_open_trade_has_no_end_and_earns_what_its_closed_shares_did() -> None:
    (trip,) = trips(a_fill(1, -100, "10.00"), a_fill(2, 40, "9.50"))

    assert (trip.closed_at, trip.held, trip.open_quantity) == (None, None, 60)
    assert trip.pnl_usd == Decimal("20.00")


def test_strategies_and_symbols_do_not_share_trades() -> None:
    done = [("a", a_fill(1, 10, "5")), ("b", a_fill(2, -10, "6")), ("a", a_fill(3, 10, "7", "IBM"))]

    assert [(one.strategy, one.symbol) for one in round_trips(done)] == [
        ("a", "SPY"),
        ("b", "SPY"),
        ("a", "IBM"),
    ]


@given(st.lists(st.tuples(st.integers(-5, 5).filter(bool), st.integers(900, 1100)), max_size=40))
def test_closed_trades_earn_the_cash_that_moved(steps: list[tuple[int, int]]) -> None:
    fills = [a_fill(n, signed, f"{cents / 100:.2f}") for n, (signed, cents) in enumerate(steps)]
    left = sum(signed for signed, _ in steps)
    if left:
        fills.append(a_fill(len(fills), -left, "10.00"))

    done = trips(*fills)

    assert all(one.closed_at is not None for one in done)
    earned = sum((one.pnl_usd for one in done), Decimal(0))
    assert earned == sum((one.cash_usd for one in fills), Decimal(0))
    # First in, first out sees the same cash once all is flat.
    assert earned == sum((one.realized_pnl_usd for one in lots_of(fills).values()), Decimal(0))


def test_the_figures_of_five_trades_by_hand() -> None:
    found = trade_figures([Decimal(one) for one in ("30", "-10", "-20", "0", "60")])

    assert (found.count, found.won, found.lost) == (5, 2, 2)
    assert found.net_usd == 60
    assert found.win_rate == Decimal("0.4")
    assert found.profit_factor == 3
    assert found.average_win_usd == 45
    assert found.average_loss_usd == -15
    assert found.payoff_ratio == 3
    assert found.expectancy_usd == 12
    assert found.largest_win_usd == 60
    assert found.largest_loss_usd == -20
    assert found.longest_losing_run == 2


def test_without_losers_there_is_no_factor_and_without_trades_no_rate() -> None:
    assert trade_figures([Decimal(5)]).profit_factor is None
    assert trade_figures([Decimal(5)]).payoff_ratio is None
    nothing = trade_figures([])
    assert (nothing.win_rate, nothing.expectancy_usd, nothing.largest_loss_usd) == (
        None,
        None,
        None,
    )
