"""One feed is a warning, none is red, and old or absent quotes are never passed over."""

from datetime import timedelta

import pytest

from tasks.health.feeds import QUOTE_AGE_SECONDS_MAX, check_data_feeds
from tasks.kernel import Verdict
from tasks.trading.control import FeedStatus, SymbolFreshness
from tests.fakes.broker import FakeBroker
from tests.fakes.core import AT, FakeCore

FRESH = SymbolFreshness("ACME", AT, 0.0)
OLD = SymbolFreshness("BOLT", AT, QUOTE_AGE_SECONDS_MAX + 1)
BOTH = "primary and backup usable"
SILENT = SymbolFreshness("CRUX", None, None)


@pytest.mark.parametrize(
    ("primary", "backup", "symbols", "verdict", "words"),
    [
        (True, True, (FRESH,), Verdict.PASS, BOTH),
        (True, False, (FRESH,), Verdict.WARN, "primary usable"),
        (False, True, (FRESH,), Verdict.WARN, "backup usable"),
        (False, False, (FRESH,), Verdict.FAIL, "neither feed usable"),
        (
            True,
            True,
            (FRESH, OLD),
            Verdict.WARN,
            f"{BOTH}; old quotes: BOLT 121 s",
        ),
        (True, True, (FRESH, SILENT), Verdict.WARN, f"{BOTH}; no quote of CRUX"),
        (True, True, (SILENT,), Verdict.FAIL, f"{BOTH}; no quote of CRUX"),
        (True, True, (), Verdict.FAIL, f"{BOTH}; no symbol is followed"),
    ],
)
def test_feeds_and_quotes_make_the_verdict(
    primary: bool,
    backup: bool,
    symbols: tuple[SymbolFreshness, ...],
    verdict: Verdict,
    words: str,
) -> None:
    core = FakeCore()
    core.feed_status = FeedStatus(primary, backup, symbols)
    result = check_data_feeds.fn(core, FakeBroker({}))
    assert (result.verdict, result.found) == (verdict, words)


def test_before_the_open_a_thin_symbol_may_be_quoted_seldom() -> None:
    core, broker = FakeCore(), FakeBroker({})
    broker.now -= timedelta(minutes=31)
    for age_seconds, verdict in ((1800, Verdict.PASS), (1801, Verdict.WARN)):
        core.feed_status = FeedStatus(True, True, (SymbolFreshness("ACME", AT, age_seconds),))
        assert check_data_feeds.fn(core, broker).verdict is verdict
