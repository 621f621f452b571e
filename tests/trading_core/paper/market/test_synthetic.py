from datetime import date

import pytest

from trading_core.errors import ConfigurationError
from trading_core.paper.market.synthetic import DEFAULT_SYMBOLS, make_synthetic
from trading_core.paper.market.tape import quote_states

DAY = date(2024, 3, 5)


def test_the_same_seed_makes_the_same_market_and_another_seed_another() -> None:
    one, same, other = (make_synthetic(DAY, seed, None) for seed in (1, 1, 2))
    assert one == same
    assert one.sha256 != other.sha256


def test_the_market_of_a_seed_never_changes_between_releases() -> None:
    # A change here changes every recorded synthetic result: raise it in the changelog.
    assert (
        make_synthetic(DAY, 1, ["ACME"]).sha256
        == "cd62cb2e6963bcb30e4054ed6f4a4b36ce59de62b8f25a061a80d7003039ea6a"
    )


def test_a_symbol_is_the_same_whoever_is_beside_it() -> None:
    alone = make_synthetic(DAY, 1, ["BOLT"]).symbols["BOLT"]
    assert alone == make_synthetic(DAY, 1, None).symbols["BOLT"]


@pytest.mark.parametrize("seed", range(4))
def test_every_quote_has_a_bid_below_its_ask_at_every_instant(seed: int) -> None:
    for tape in make_synthetic(DAY, seed, None).symbols.values():
        for bar in tape.quotes.values():
            states = quote_states(bar)
            assert all(s is not None and 0 < s.bid_ticks < s.ask_ticks for s in states)
            assert bar.bid_size > 0
            assert bar.ask_size > 0


@pytest.mark.parametrize("seed", range(4))
def test_trades_happen_at_the_bid_or_the_ask(seed: int) -> None:
    for tape in make_synthetic(DAY, seed, None).symbols.values():
        for minute, trade in tape.trades.items():
            quote = tape.quotes[minute]
            assert quote.bid is not None
            assert quote.ask is not None
            assert quote.bid.low <= trade.prices.low <= trade.prices.high <= quote.ask.high
            assert trade.prices.low <= trade.prices.open <= trade.prices.high
            assert trade.prices.low <= trade.prices.close <= trade.prices.high


def test_a_whole_day_has_a_quote_each_minute_and_one_before_the_open() -> None:
    tape = make_synthetic(DAY, 1, None)
    for symbol in DEFAULT_SYMBOLS:
        assert sorted(tape.symbols[symbol].quotes) == [539, *range(570, 960)]


def test_a_half_day_is_half_as_long() -> None:
    tape = make_synthetic(date(2013, 11, 29), 1, ["ACME"])
    assert max(tape.symbols["ACME"].quotes) == 570 + 209


def test_a_market_carries_on_overnight_near_where_it_stopped() -> None:
    friday, monday = (make_synthetic(date(2024, 3, day), 1, None) for day in (8, 11))
    for symbol in DEFAULT_SYMBOLS:
        last = friday.symbols[symbol].quotes[959].bid
        first = monday.symbols[symbol].quotes[570].bid
        assert last is not None
        assert first is not None
        assert abs(last.close - first.open) < 0.03 * last.close


def test_a_holiday_has_no_market() -> None:
    with pytest.raises(ConfigurationError, match="weekend or a holiday"):
        make_synthetic(date(2024, 12, 25), 1, None)


def test_a_symbol_that_is_not_ours_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigurationError, match="ACME, BOLT, CRUX, DYNE, was 'SPY'"):
        make_synthetic(DAY, 1, ["SPY"])
