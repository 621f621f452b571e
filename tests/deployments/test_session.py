"""Where a day is taken up, given how far the last attempt came."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from deployments.session import DayRequest, Next, Session, what_next
from trading_core.errors import CheckFailed

_SYNTHETIC = DayRequest(date(2024, 3, 14), seed=7)
_BARS = DayRequest(date(2013, 10, 7), directory=Path("/data"))
_SESSION = Session(
    "open",
    account="PA0000001",
    source="synthetic",
    trading_date=date(2024, 3, 14),
    symbols=("ACME", "BOLT"),
    seed=7,
)


@pytest.mark.parametrize(
    ("state", "step"),
    [
        ("open", Next.CHECK),
        ("running", Next.TRADE),
        ("paused", Next.TRADE),
        ("stopped", Next.TRADE),
        ("finished", Next.CLOSE),
    ],
)
def test_the_same_day_is_taken_up_where_it_stands(state: str, step: Next) -> None:
    assert what_next(replace(_SESSION, state=state), _SYNTHETIC, closed=False) is step


def test_without_a_session_one_is_opened() -> None:
    assert what_next(Session("none"), _BARS, closed=False) is Next.OPEN


@pytest.mark.parametrize("request_", [_SYNTHETIC, _BARS])
def test_after_a_closed_day_any_day_is_opened_the_same_one_again_too(request_: DayRequest) -> None:
    finished = replace(_SESSION, state="finished")
    assert what_next(finished, request_, closed=True) is Next.OPEN


@pytest.mark.parametrize("state", ["open", "running", "paused", "stopped", "finished"])
@pytest.mark.parametrize(
    "other",
    [
        _BARS,
        replace(_SYNTHETIC, seed=8),
        replace(_SYNTHETIC, trading_date=date(2024, 3, 15)),
        replace(_SYNTHETIC, symbols=("ACME",)),
    ],
)
def test_another_day_is_refused_until_this_one_is_closed(state: str, other: DayRequest) -> None:
    with pytest.raises(CheckFailed, match="expected no other under way, was 2024-03-14") as no:
        what_next(replace(_SESSION, state=state), other, closed=False)
    assert "tradeops day --date 2024-03-14 --seed 7" in no.value.next_step


def test_symbols_are_the_same_in_any_order() -> None:
    request = replace(_SYNTHETIC, symbols=("BOLT", "ACME"))
    assert what_next(_SESSION, request, closed=False) is Next.CHECK


def test_the_seed_of_bars_means_nothing() -> None:
    bars = replace(_SESSION, source="bars", trading_date=_BARS.trading_date, seed=0)
    assert what_next(bars, replace(_BARS, seed=99), closed=False) is Next.CHECK
