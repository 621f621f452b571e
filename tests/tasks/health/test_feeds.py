"""One feed is a warning, none is red, and old or absent quotes are never passed over."""

from datetime import timedelta

import pytest

from tasks.health.feeds import QUOTE_AGE_SECONDS_MAX, check_data_feeds
from tasks.kernel import Verdict
from tasks.trading.control import FeedStatus, ProvenFeed, SymbolFreshness
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


@pytest.mark.parametrize(
    ("primary", "backup", "words"),
    [
        (("primary", True, True, False, "too many requests"), None, "primary: too many requests"),
        (None, ("backup", False, False, True, "not connected"), "backup: not connected"),
        (
            ("primary", False, True, True, ""),
            ("backup", True, True, True, ""),
            "listening to backup",
        ),
    ],
)
def test_a_feed_that_works_by_half_or_is_not_the_usual_one_is_a_warning(
    primary: tuple[str, bool, bool, bool, str] | None,
    backup: tuple[str, bool, bool, bool, str] | None,
    words: str,
) -> None:
    core = FakeCore()
    sound = (("primary", True, True, True, ""), ("backup", False, True, True, ""))
    feeds = (ProvenFeed(*(primary or sound[0])), ProvenFeed(*(backup or sound[1])))
    core.feed_status = FeedStatus(True, True, (FRESH,), feeds)
    result = check_data_feeds.fn(core, FakeBroker({}))
    assert (result.verdict, result.found) == (Verdict.WARN, f"{BOTH}; {words}")
    core.feed_status = FeedStatus(True, True, (FRESH,), tuple(ProvenFeed(*one) for one in sound))
    assert check_data_feeds.fn(core, FakeBroker({})).verdict is Verdict.PASS
