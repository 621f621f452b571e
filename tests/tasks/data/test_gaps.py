"""What is missing is found, filled once from a provider, and explained where nothing traded."""

import pytest

from tasks.data.gaps import (
    MINUTES_UNGATED_MAX,
    check_no_gaps,
    check_provider_answers,
    ensure_gaps_filled,
)
from tasks.data.history import Asked
from tasks.kernel import Did, Run, Verdict
from tests.fakes.ledger import MemoryLedger
from tests.tasks.data.conftest import Shop
from tests.trading_core.bars.market import MONDAY
from trading_core.errors import ConfigurationError, NotVerified


def test_a_whole_market_has_no_gap_and_a_torn_one_names_its_symbols(shop: Shop) -> None:
    shop.store(shop.market[:100] + shop.market[103:])
    found = check_no_gaps.fn(shop.history())
    assert (found.verdict, found.found) == (
        Verdict.FAIL,
        "3 of 1560 minutes missing: AIG 3",
    )
    shop.store(shop.market)
    assert check_no_gaps.fn(shop.history()).verdict is Verdict.PASS


def test_minutes_that_have_not_ended_are_not_missed(shop: Shop) -> None:
    shop.store(shop.market[:390])
    shop.broker.now = shop.market[5].started_at
    expected = check_no_gaps.fn(shop.history(Asked(str(MONDAY), symbols=("AIG",), source="bars")))
    assert expected.found == "0 of 4 minutes missing"
    shop.broker.now = shop.market[0].started_at
    nothing = check_no_gaps.fn(shop.history(Asked(str(MONDAY), symbols=("AIG",), source="bars")))
    assert nothing.verdict is Verdict.UNKNOWN


def test_gaps_are_filled_once_and_quiet_minutes_written_down(
    shop: Shop, run: Run, ledger: MemoryLedger
) -> None:
    quiet = shop.market[50]
    shop.provider.minutes = [bar for bar in shop.market if bar != quiet]
    shop.store(shop.market[:40] + shop.market[60:])
    done = ensure_gaps_filled.fn(shop.history(), "primary")
    assert done.did is Did.CHANGED
    assert done.sentence == "fill 20 missing minutes of 1 symbols on 1 days from primary"
    assert [(day.added, day.quiet, day.unknown) for day in done.value or []] == [(19, 1, 0)]
    assert shop.stored() == len(shop.market) - 1
    assert ensure_gaps_filled.fn(shop.history(), "primary").did is Did.NOTHING
    assert len(shop.provider.asked) == 1


def test_a_fill_that_breaks_off_is_gone_on_with(shop: Shop, run: Run) -> None:
    shop.store(shop.market[5:-5])
    shop.provider.refusals = 1
    # Without a pace, as this fake is lent, a 429 ends the fill.
    with pytest.raises(NotVerified, match="not visible"):
        ensure_gaps_filled.fn(shop.history(), "primary")
    ensure_gaps_filled.fn(shop.history(), "primary")
    assert shop.stored() == len(shop.market)


def test_a_rehearsal_asks_the_provider_for_nothing(shop: Shop, rehearsal: Run) -> None:
    shop.store(shop.market[5:])
    assert ensure_gaps_filled.fn(shop.history(), "primary").did is Did.PLANNED
    assert shop.provider.asked == []
    assert [step.gated for step in rehearsal.steps] == [False]


def test_much_is_filled_only_when_somebody_else_agrees(shop: Shop, rehearsal: Run) -> None:
    many = tuple(f"S{number}" for number in range(MINUTES_UNGATED_MAX // 780 + 1))
    ensure_gaps_filled.fn(shop.history(Asked(str(MONDAY), "2013-10-08", many, "bars")), "primary")
    assert [step.gated for step in rehearsal.steps] == [True]


def test_a_provider_that_is_down_is_red(shop: Shop) -> None:
    shop.store(shop.market[:10])
    assert check_provider_answers.fn(shop.history(), "primary").verdict is Verdict.PASS
    shop.provider.down = True
    assert check_provider_answers.fn(shop.history(), "primary").verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Asked("7 October"), "expected YYYY-MM-DD, was '7 October'"),
        (Asked("2013-10-08", "2013-10-07"), "expected at most 400 from 2013-10-08 on"),
        (Asked("2013-10-07"), "expected one with bars"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(shop: Shop, asked: Asked, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        shop.history(asked).gaps()
