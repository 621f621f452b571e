"""With one feed gone the other is listened to; what was missed is filled from it."""

from dataclasses import replace

import pytest

from tasks.data.history import Asked
from tasks.data.outage import (
    check_outage_valid,
    ensure_outage_collected,
    ensure_outage_filled,
    ensure_working_feed_chosen,
)
from tasks.kernel import Did, Run, Verdict
from tests.fakes.feed_control import FakeFeedControl
from tests.fakes.ledger import MemoryLedger
from tests.tasks.data.conftest import Shop
from tests.trading_core.bars.market import TUESDAY
from trading_core.errors import CheckFailed


@pytest.mark.parametrize(
    ("active", "down", "then", "said"),
    [
        ("primary", set(), "primary", []),
        ("primary", {"backup"}, "primary", []),
        ("primary", {"primary"}, "backup", ["backup: data_feed_down"]),
        ("backup", {"backup"}, "primary", ["primary: data_feed_down"]),
        # Going back to the primary is for a person, once it was stable.
        ("backup", set(), "backup", []),
    ],
)
def test_the_feed_that_works_is_listened_to_and_one_in_use_is_left_alone(
    run: Run, active: str, down: set[str], then: str, said: list[str]
) -> None:
    data = FakeFeedControl()
    data.active, data.down = active, down
    ensure_working_feed_chosen.fn(data, "data_feed_down")
    again = ensure_working_feed_chosen.fn(data, "data_feed_down")
    assert (data.active, data.said, again.did) == (then, said, Did.NOTHING)


def test_with_neither_feed_nothing_is_switched_and_the_words_say_whom_to_call(
    run: Run, ledger: MemoryLedger
) -> None:
    data = FakeFeedControl()
    data.down = {"primary", "backup"}
    with pytest.raises(CheckFailed, match="expected a feed that works, was none") as stop:
        ensure_working_feed_chosen.fn(data, "data_feed_down")
    assert "call the providers" in stop.value.next_step
    assert (data.said, ledger.kinds()) == ([], [])


def test_while_the_market_is_closed_there_is_nothing_to_collect(shop: Shop, run: Run) -> None:
    assert ensure_outage_collected.fn(FakeFeedControl(), shop.broker, "x").did is Did.NOTHING


def test_the_minutes_of_the_outage_are_filled_from_the_feed_in_use(shop: Shop, run: Run) -> None:
    data = FakeFeedControl()
    data.active = "backup"
    today = Asked(str(TUESDAY))
    nothing_yet = ensure_outage_filled.fn(shop.history(today), data)
    assert nothing_yet.did is Did.NOTHING

    market = [bar for bar in shop.market if bar.started_at.date() == TUESDAY]
    shop.store(market[:40] + market[60:])
    done = ensure_outage_filled.fn(shop.history(today), data)
    assert done.sentence == "fill 20 missing minutes of 1 symbols on 1 days from backup"
    assert ensure_outage_filled.fn(shop.history(today), data).did is Did.NOTHING


def test_what_was_filled_is_validated_and_before_the_first_bar_that_is_a_warning(
    shop: Shop,
) -> None:
    today = Asked(str(TUESDAY))
    early = check_outage_valid.fn(shop.history(today))
    assert (early.verdict, "nothing to validate" in early.found) == (Verdict.WARN, True)

    market = [bar for bar in shop.market if bar.started_at.date() == TUESDAY]
    shop.store(market[1:])
    assert check_outage_valid.fn(shop.history(today)).verdict is Verdict.PASS
    shop.store([replace(market[0], high_usd=market[0].low_usd - 1)])
    broken = check_outage_valid.fn(shop.history(today))
    assert (broken.verdict, broken.found) == (Verdict.FAIL, "780 bars: 1 ohlc")
