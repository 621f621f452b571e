import gc
import shutil
import weakref
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.trading_core.paper.exchange_parts import DAY, SPEC, limit, market, ticks
from tests.trading_core.paper.market.test_bar_files import DAY as BARS_DAY
from tests.trading_core.paper.market.test_bar_files import FIRST_MS, Files
from trading_core.domain.orders import Side
from trading_core.errors import (
    CheckFailed,
    ConfigurationError,
    InvariantViolated,
    TradingError,
)
from trading_core.paper.account.configuration import Configuration
from trading_core.paper.exchange import Exchange
from trading_core.paper.journal import resume_journal, start_journal
from trading_core.paper.market.sessions import SessionSpec, load_tape
from trading_core.paper.orders.order import PaperOrder
from trading_core.paper.orders.refusals import Refusal
from trading_core.paper.orders.words import Duration, OrderClass, Status
from trading_core.paper.venue import Venue

NEXT_DAY = DAY + timedelta(days=1)


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Venue]:
    venue = Venue(tmp_path)
    yield venue
    venue.close()


def play(venue: Venue, to_minute: int) -> None:
    """Advance to so many minutes after the open."""
    opens_at = venue.current().tape.hours.opens_at
    assert venue.advance(opens_at + timedelta(minutes=to_minute)) is None


def taken(answer: PaperOrder | Refusal) -> PaperOrder:
    assert isinstance(answer, PaperOrder), answer
    return answer


def busy(venue: Venue) -> None:
    """A morning with every kind of command in it."""
    venue.open_session(SPEC)
    taken(venue.submit(market("early", Side.BUY, 50)))
    play(venue, 1)
    taken(venue.submit(market("buy", Side.BUY, 100)))
    resting = taken(venue.submit(limit("rests", Side.BUY, 10, "1.00")))
    assert venue.cancel(resting.id) is None
    taken(venue.submit(limit("rests too", Side.BUY, 10, "1.00")))
    assert len(venue.cancel_all()) == 1
    taken(venue.submit(limit("stays", Side.BUY, 10, "1.00", Duration.GTC)))
    every_other_command(venue)
    play(venue, 5)


def every_other_command(venue: Venue) -> None:
    """A bracket, a replacement, a halt, a setting, a fraction of a share."""
    bracket = replace(
        market("bracket", Side.BUY, 5),
        order_class=OrderClass.BRACKET,
        take_profit_usd=Decimal("900.00"),
        stop_loss_usd=Decimal("1.50"),
        stop_loss_limit_usd=Decimal("1.40"),
    )
    entry = taken(venue.submit(bracket))
    profit, _ = venue.current().account.legs_of(entry)
    dearer = {"limit_price_usd": Decimal("901.00"), "client_order_id": "dearer"}
    taken(venue.replace(profit.id, dearer))
    venue.halt("ACME", halted=True)
    part = replace(limit("part", Side.SELL, 1, "950.00"), quantity=Decimal("0.5"))
    taken(venue.submit(part))
    venue.halt("ACME", halted=False)
    venue.configure(Configuration(max_margin_multiplier="4"))
    venue.locate("ACME", 100)


def picture(exchange: Exchange) -> object:
    return (exchange.now, exchange.session_id, exchange.quotes, exchange.account.record())


def test_an_exchange_started_again_is_where_it_was(tmp_path: Path) -> None:
    venue = Venue(tmp_path)
    busy(venue)
    before = picture(venue.current())
    venue.close()
    again = Venue(tmp_path)
    assert picture(again.current()) == before
    play(again, 6)
    assert taken(again.submit(limit("goes on", Side.BUY, 1, "1.00"))).sequence == 11
    again.close()


def test_without_a_session_there_is_nothing_to_trade_on(venue: Venue) -> None:
    with pytest.raises(CheckFailed, match="expected an open session, was none"):
        venue.submit(market("a", Side.BUY, 1))


def test_the_very_same_session_still_untouched_is_the_same_session(venue: Venue) -> None:
    first = venue.open_session(SPEC)
    assert venue.open_session(SPEC) is first
    other = venue.open_session(replace(SPEC, seed=2))
    assert other is not first
    assert other.account.number == "PA0000002"


def test_a_session_that_was_touched_is_not_opened_again_but_anew(venue: Venue) -> None:
    venue.open_session(SPEC)
    taken(venue.submit(market("a", Side.BUY, 1)))
    assert venue.open_session(SPEC).account.number == "PA0000002"
    assert venue.current().account.orders == []


def test_a_later_day_continues_the_account(venue: Venue) -> None:
    busy(venue)
    venue.advance(venue.current().tape.hours.closes_at)
    before = venue.current().account.record()
    tomorrow = venue.open_session(replace(SPEC, date=NEXT_DAY))
    assert tomorrow.account.number == "PA0000001"
    assert str(tomorrow.account.cash_ticks) == before["cash_ticks"]
    assert tomorrow.account.quantity("ACME") == 155
    assert [o.request.client_order_id for o in tomorrow.account.open_orders()] == ["stays"]
    assert tomorrow.execution_count == 0


def test_a_session_leaves_memory_when_the_next_is_opened(venue: Venue) -> None:
    # Without the collector of cycles: it may come by many sessions later.
    gc.disable()
    try:
        busy(venue)
        left = [weakref.ref(part) for part in (venue.current(), venue.current().floor)]
        venue.open_session(replace(SPEC, date=NEXT_DAY))
        assert [part() for part in left] == [None, None]
    finally:
        gc.enable()


def test_an_earlier_day_begins_a_new_account_with_its_own_cash(venue: Venue) -> None:
    venue.open_session(replace(SPEC, date=NEXT_DAY))
    account = venue.open_session(replace(SPEC, cash_usd=Decimal(500))).account
    assert (account.number, account.cash_ticks) == ("PA0000002", Decimal(5_000_000))


def test_day_orders_of_a_session_left_early_expire_with_it(venue: Venue) -> None:
    venue.open_session(SPEC)
    taken(venue.submit(limit("day", Side.BUY, 1, "1.00")))
    tomorrow = venue.open_session(replace(SPEC, date=NEXT_DAY))
    [order] = tomorrow.account.orders
    assert order.status is Status.EXPIRED


def test_an_order_sent_after_the_close_is_worked_the_next_day(venue: Venue) -> None:
    venue.open_session(SPEC)
    venue.advance(venue.current().tape.hours.closes_at)
    taken(venue.submit(market("late", Side.BUY, 10)))
    venue.open_session(replace(SPEC, date=NEXT_DAY))
    play(venue, 1)
    assert venue.current().account.quantity("ACME") == 10


def test_a_session_that_cannot_be_loaded_leaves_the_old_one_as_it_was(venue: Venue) -> None:
    busy(venue)
    before = picture(venue.current())
    with pytest.raises(ConfigurationError, match="weekend or a holiday"):
        venue.open_session(replace(SPEC, date=date(2024, 3, 10)))
    assert picture(venue.current()) == before


def test_the_journal_of_a_finished_session_is_kept(tmp_path: Path, venue: Venue) -> None:
    venue.open_session(SPEC)
    venue.open_session(replace(SPEC, date=NEXT_DAY))
    assert (tmp_path / f"journal-PA0000001-{DAY}.jsonl").is_file()


def test_refused_commands_change_nothing_and_are_not_written(tmp_path: Path, venue: Venue) -> None:
    busy(venue)
    filled = venue.current().account.orders[0]
    ends_at, now = venue.current().tape.hours.ends_at, venue.current().now
    before = (picture(venue.current()), (tmp_path / "journal.jsonl").read_bytes())
    assert isinstance(venue.submit(market("buy", Side.BUY, 1)), Refusal)
    assert venue.cancel("nobody") is not None
    assert venue.cancel(filled.id) is not None
    assert venue.advance(now) is None
    assert venue.advance(now + timedelta(seconds=30)) is not None
    assert venue.advance(ends_at + timedelta(minutes=1)) is not None
    assert before == (picture(venue.current()), (tmp_path / "journal.jsonl").read_bytes())


def test_two_exchanges_cannot_share_a_directory(tmp_path: Path, venue: Venue) -> None:
    with pytest.raises(ConfigurationError, match="another paper exchange uses it"):
        Venue(tmp_path)


def start_again(directory: Path) -> TradingError:
    with pytest.raises(TradingError) as caught:
        Venue(directory)
    return caught.value


def test_a_journal_that_leads_elsewhere_than_it_did_is_refused(tmp_path: Path) -> None:
    venue = Venue(tmp_path)
    busy(venue)
    venue.close()
    journal, records = resume_journal(tmp_path / "journal.jsonl")
    # As another release would have written it, in which orders filled differently.
    now, orders, executions, cash_ticks = records[-1]["at"]
    journal.append({"command": "cancel_all", "at": [now, orders, executions, f"{cash_ticks}1"]})
    journal.close()
    error = start_again(tmp_path)
    assert isinstance(error, InvariantViolated)
    assert f"before record {len(records) + 1}" in str(error)


def test_bar_files_that_changed_since_the_session_was_opened_are_refused(tmp_path: Path) -> None:
    files = Files(tmp_path / "bars")
    files.write()
    venue = Venue(tmp_path)
    venue.open_session(SessionSpec("bars", str(files.directory), BARS_DAY, None, 0))
    venue.close()
    files.trades[0][-1] = 999
    files.write()
    error = start_again(tmp_path)
    assert isinstance(error, ConfigurationError)
    assert "was changed" in str(error)


def test_a_command_that_cannot_be_carried_out_stops_the_exchange(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue.open_session(SPEC)

    def fails(exchange: Exchange, request: object) -> PaperOrder:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(Exchange, "submit", fails)
        with pytest.raises(InvariantViolated, match="ZeroDivisionError"):
            venue.submit(market("a", Side.BUY, 1))
    assert "could not be carried out" in venue.failure
    with pytest.raises(TradingError):
        venue.submit(market("b", Side.BUY, 1))


@pytest.mark.real_bars
def test_a_real_day_plays_to_its_close_and_is_the_same_when_started_again(
    tmp_path: Path, bars_dir: Path
) -> None:
    venue = Venue(tmp_path)
    venue.open_session(SessionSpec("bars", str(bars_dir), BARS_DAY, None, 0))
    for number in range(1, 391):
        play(venue, number)
        if number % 30 == 0:
            taken(venue.submit(market(f"buy {number}", Side.BUY, 10, symbol="BAC")))
    exchange = venue.current()
    assert exchange.done
    hours = exchange.tape.hours
    bars = [len(exchange.bars(s, hours.opens_at, hours.closes_at)) for s in exchange.tape.symbols]
    assert bars == [389, 390, 390, 390]
    assert exchange.account.quantity("BAC") == 120
    before = picture(exchange)
    venue.close()
    again = Venue(tmp_path)
    assert picture(again.current()) == before
    again.close()


def flat_day(directory: Path, day: date, price_usd: str) -> SessionSpec:
    """Write a day on which a symbol is quoted at one price only."""
    price = ticks(price_usd)
    bar = [FIRST_MS, *[price] * 4, 1000]
    Files(directory, [[*bar]], [[*bar, *[price] * 4, 1000]], day).write("aapl")
    return SessionSpec("bars", str(directory), day, ("AAPL",), seed=0)


@pytest.mark.real_bars
def test_the_split_of_june_2014_over_a_weekend_leaves_the_value_unchanged(
    tmp_path: Path, bars_dir: Path
) -> None:
    friday = flat_day(tmp_path / "bars", date(2014, 6, 6), "645.57")
    monday = flat_day(tmp_path / "bars", date(2014, 6, 9), "92.22")
    (tmp_path / "bars" / "factor_files").mkdir()
    shutil.copy(bars_dir / "factor_files" / "aapl.csv", tmp_path / "bars" / "factor_files")
    venue = Venue(tmp_path / "exchange")
    venue.open_session(friday)
    play(venue, 1)
    taken(venue.submit(replace(market("a", Side.BUY, 10), symbol="AAPL")))
    stale = replace(limit("b", Side.BUY, 1, "600.00", Duration.GTC), symbol="AAPL")
    venue.submit(stale)
    venue.advance(venue.current().tape.hours.closes_at)
    before = venue.current().account

    account = venue.open_session(monday).account
    assert account.quantity("AAPL") == 70
    assert account.equity_usd() == before.equity_usd()
    assert account.positions["AAPL"].cost_basis_usd == Decimal("6455.70")
    assert account.open_orders() == []
    [split] = account.activities
    assert (split.kind, split.symbol, split.quantity) == ("SPLIT", "AAPL", Decimal(60))
    venue.close()
    again = Venue(tmp_path / "exchange")
    assert again.current().account.record() == account.record()
    again.close()


def test_a_journal_of_the_release_before_brackets_is_still_read(tmp_path: Path) -> None:
    cash_ticks = ticks("100000")
    account: dict[str, object] = {
        "number": "PA0000001",
        "starting_cash_ticks": cash_ticks,
        "cash_ticks": cash_ticks,
        "last_equity_usd": "100000.00",
        "marks": {},
        "positions": [],
        "orders": [],
        "executions": [],
    }
    spec = {
        "source": "synthetic",
        "directory": None,
        "date": DAY.isoformat(),
        "symbols": None,
        "seed": 1,
        "cash_usd": "100000.00",
    }
    tape = load_tape(SPEC)
    opening = {"command": "open", "spec": spec, "tape_sha256": tape.sha256, "account": account}
    journal = start_journal(tmp_path / "journal.jsonl", opening, archive=None)
    request = {
        "client_order_id": "old",
        "symbol": "ACME",
        "side": "buy",
        "quantity": 10,
        "type": "limit",
        "limit_price_usd": "1.00",
        "time_in_force": "day",
    }
    before = [tape.hours.starts_at.isoformat(), 0, 0, cash_ticks]
    journal.append({"command": "submit", "request": request, "at": before})
    journal.close()
    venue = Venue(tmp_path)
    [order] = venue.current().account.open_orders()
    assert (order.request.client_order_id, order.quantity) == ("old", Decimal(10))
    venue.close()
