from dataclasses import replace

from tests.trading_core.paper.exchange_parts import quote_bar, tape_of, ticks, trade_bar
from trading_core.paper.market.hours import hours_of
from trading_core.paper.market.tape import QuoteState, SymbolTape, make_tape, quote_states

RISING = quote_bar(("10", "10.1"), ("10.5", "10.6"), ("9.9", "10"), ("10.2", "10.3"))
FALLING = quote_bar(("10", "10.1"), ("10.5", "10.6"), ("9.7", "9.8"), ("9.8", "9.9"))


def bids(bar_states: tuple[QuoteState | None, ...]) -> list[int]:
    return [state.bid_ticks for state in bar_states if state is not None]


def test_a_minute_that_closed_higher_went_down_first() -> None:
    assert bids(quote_states(RISING)) == [ticks(p) for p in ("10", "9.9", "10.5", "10.2")]


def test_a_minute_that_closed_lower_went_up_first() -> None:
    assert bids(quote_states(FALLING)) == [ticks(p) for p in ("10", "10.5", "9.7", "9.8")]


def test_every_state_carries_the_sizes_of_the_bar() -> None:
    states = quote_states(replace(RISING, bid_size=7, ask_size=9))
    assert all(s is not None and (s.bid_size, s.ask_size) == (7, 9) for s in states)


def test_extremes_that_never_stood_together_are_left_out() -> None:
    crossed = quote_bar(("10", "10.1"), ("10.5", "10.4"), ("9.9", "10"), ("10.2", "10.3"))
    assert bids(quote_states(crossed)) == [ticks(p) for p in ("10", "9.9", "10.2")]
    assert quote_states(crossed)[2] is None


def test_a_side_that_nobody_quoted_is_not_shown() -> None:
    for one_sided in (replace(RISING, bid=None, bid_size=0), replace(RISING, bid_size=0)):
        first = quote_states(one_sided)[0]
        assert first is not None
        assert (first.bid_ticks, first.bid_size) == (0, 0)
        assert (first.ask_ticks, first.ask_size) == (ticks("10.1"), 100)


def test_equal_prices_are_locked_and_not_crossed() -> None:
    first = quote_states(quote_bar(("10", "10")))[0]
    assert first is not None
    assert first.locked
    assert not first.crossed


def test_the_digest_tells_tapes_apart_by_any_row_and_by_nothing_else() -> None:
    one, same, other = tape_of(RISING), tape_of(RISING), tape_of(FALLING)
    assert one.sha256 == same.sha256 != other.sha256
    acme = one.symbols["ACME"]
    more = SymbolTape({**acme.trades, 700: trade_bar("10")}, acme.quotes)
    assert make_tape(one.hours, {"ACME": more}).sha256 != one.sha256


def test_symbols_are_in_alphabetical_order() -> None:
    empty = SymbolTape({}, {})
    tape = make_tape(hours_of(tape_of(RISING).date), {"B": empty, "A": empty})
    assert list(tape.symbols) == ["A", "B"]


def test_the_quote_before_a_minute_is_the_newest_that_had_ended() -> None:
    tape = SymbolTape({}, {500: RISING, 539: FALLING, 540: RISING})
    assert tape.quote_before(540) == (539, FALLING)
    assert tape.quote_before(500) is None


def test_minutes_and_moments_are_two_names_of_the_same() -> None:
    tape = tape_of(RISING)
    assert tape.starts_at(570) == tape.hours.opens_at
    assert tape.minute_at(tape.hours.opens_at) == 570
