"""Of how many sessions the exchange keeps its history, and that nothing else depends on it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from tests.trading_core.paper.exchange_parts import DAY, SPEC, limit, market
from tests.trading_core.paper.test_venue import play, taken
from trading_core.domain.orders import Side
from trading_core.paper.orders.words import Duration, OrderClass, Status
from trading_core.paper.venue import Venue


def days_of_trading(venue: Venue) -> None:
    """Four sessions, each with an order filled; on the first day one is left open, and filled."""
    for number in range(4):
        spec = replace(SPEC, date=DAY + timedelta(days=number), fee_per_share_usd=Decimal("0.01"))
        venue.open_session(spec)
        if number == 0:
            taken(venue.submit(limit("stays", Side.BUY, 10, "1.00", Duration.GTC)))
        play(venue, 1)
        taken(venue.submit(market(f"day {number}", Side.BUY, 10)))


def test_history_is_kept_of_so_many_sessions_and_all_else_is_as_if_it_were_kept(
    tmp_path: Path,
) -> None:
    bounded, whole = Venue(tmp_path / "bounded", sessions_kept=2), Venue(tmp_path / "whole")
    for venue in (bounded, whole):
        days_of_trading(venue)
    ours, theirs = bounded.current().account, whole.current().account
    names = ["stays", "day 1", "day 2", "day 3"]
    assert [one.request.client_order_id for one in ours.orders] == names
    assert ours.orders == [one for one in theirs.orders if one.request.client_order_id in names]
    assert ours.executions == theirs.executions[1:]
    assert (ours.cash_ticks, ours.fees_usd) == (theirs.cash_ticks, theirs.fees_usd)
    assert len(list((tmp_path / "bounded").glob("journal-*"))) == 2
    bounded.close()
    bounded = Venue(tmp_path / "bounded", sessions_kept=2)
    assert bounded.current().account.record() == ours.record()
    following = [taken(one.submit(market("next", Side.BUY, 1))).id for one in (bounded, whole)]
    assert following[0] == following[1]
    for venue in (bounded, whole):
        venue.close()


def test_what_depends_on_an_order_that_is_kept_is_kept_with_it(tmp_path: Path) -> None:
    venue = Venue(tmp_path, sessions_kept=1)
    venue.open_session(SPEC)
    play(venue, 1)
    taken(venue.submit(market("buy", Side.BUY, 5)))
    bracket = replace(
        market("entry", Side.BUY, 5),
        time_in_force=Duration.GTC,
        order_class=OrderClass.BRACKET,
        take_profit_usd=Decimal("900.00"),
        stop_loss_usd=Decimal("1.50"),
    )
    assert taken(venue.submit(bracket)).status is Status.FILLED
    for number in (1, 2):
        venue.open_session(replace(SPEC, date=DAY + timedelta(days=number)))
    account = venue.current().account
    [entry, *legs] = account.orders
    assert entry.request.client_order_id == "entry"
    assert account.legs_of(entry) == legs
    assert [leg.is_open for leg in legs] == [True, True]
    venue.close()
