"""Parameters are changed within their bounds, by others' word, once; a fall takes them back."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from typing_extensions import override

from tasks.kernel import Checklist, CheckResult, Did, Run, Verdict, begin, settle
from tasks.trading.control import RunningStrategy
from tasks.trading.strategy_parameters import (
    RETURN,
    check_proposed_parameters,
    check_return_held,
    ensure_parameters_taken_back,
    ensure_strategy_parameters,
)
from tests.fakes.broker import FakeBroker
from tests.fakes.core import FakeCore
from tests.fakes.ledger import DyingLedger, Killed, MemoryLedger
from tests.fix_approvals import full_grant
from trading_core.broker.contract import Account
from trading_core.clock import seconds
from trading_core.errors import CheckFailed, ConfigurationError, NotVerified, Unreachable

RSI = "rsi_momentum"
HAD = {
    "base_quantity": 10,
    "position_size_multiplier": "0.8",
    "rsi_overbought": "70",
    "rsi_oversold": "30",
    "rsi_period": 14,
    "short_allowed": False,
}
GIVEN = "rsi_period=21 rsi_oversold=25 position_size_multiplier=0.80"
FELL = settle({RETURN: CheckResult(Verdict.FAIL, "it fell", "no fall")})
HELD = settle({RETURN: CheckResult(Verdict.PASS, "it held", "no fall")})
UNKNOWN = settle({RETURN: CheckResult(Verdict.UNKNOWN, "nobody told", "no fall")})


@pytest.fixture
def core() -> FakeCore:
    one = FakeCore()
    # As the engine tells them: with the switch, and numbers that move money in their own spelling.
    told = {**HAD, "position_size_multiplier": "0.80", "enabled": True}
    one.running = [RunningStrategy(RSI, True, "v1", 1, told)]
    return one


def has(core: FakeCore, name: str) -> object:
    return core.running[0].parameters[name]


def test_what_differs_is_changed_once_and_the_value_is_what_was_there(
    core: FakeCore, run: Run, ledger: MemoryLedger
) -> None:
    changed = ensure_strategy_parameters.fn(core, RSI, GIVEN, "wilder market")
    again = ensure_strategy_parameters.fn(core, RSI, GIVEN, "wilder market")

    assert changed.sentence == (
        f"change {RSI} for this session: rsi_oversold from 30 to 25, rsi_period from 14 to 21"
    )
    assert core.words == [f"{RSI} {{'rsi_oversold': 25, 'rsi_period': 21}}: wilder market, by ann"]
    assert (changed.value, again.value) == (HAD, HAD)
    assert again.did is Did.NOTHING
    assert ledger.kinds() == ["intent", "effect", "proof"]
    assert ledger.records[0].facts["before"] == HAD


def test_without_other_peoples_yes_nothing_is_changed(core: FakeCore, ledger: MemoryLedger) -> None:
    with (
        begin(Run("change-strategy-parameters", RSI, "run-1", "ann", ledger)),
        pytest.raises(CheckFailed, match="expected approval by somebody else"),
    ):
        ensure_strategy_parameters.fn(core, RSI, GIVEN, "wilder market")
    assert core.words == []


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ("rsi_period=1", "rsi_period: Input should be greater than or equal to 2"),
        ("rsi_oversold=80", "rsi_oversold: expected less than rsi_overbought"),
        ("rsi_oversold=nan", "rsi_oversold"),
        ("sma_short=15", "sma_short: Extra inputs are not permitted"),
        ("enabled=false", "expected words like rsi_period=21"),
        ("rsi_period", "expected words like rsi_period=21, was 'rsi_period'"),
        ("", "expected words like rsi_period=21"),
    ],
)
def test_what_is_out_of_bounds_is_refused_before_anybody_is_asked(
    core: FakeCore, run: Run, parameters: str, why: str
) -> None:
    found = check_proposed_parameters.fn(core, RSI, parameters)
    assert found.verdict is Verdict.FAIL
    assert why in found.found
    with pytest.raises(ConfigurationError):
        ensure_strategy_parameters.fn(core, RSI, parameters, "typed wrongly")
    assert core.words == []


def test_a_proposal_is_shown_beside_what_is_in_force(core: FakeCore) -> None:
    found = check_proposed_parameters.fn(core, RSI, GIVEN)
    assert found.verdict is Verdict.PASS
    assert found.found == "rsi_oversold from 30 to 25, rsi_period from 14 to 21"
    assert check_proposed_parameters.fn(core, RSI, "rsi_period=14").found == "no difference"
    assert check_proposed_parameters.fn(core, "sma", GIVEN).verdict is Verdict.FAIL


def test_a_core_that_says_yes_and_changes_nothing_is_found_out(
    core: FakeCore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.trading.strategy_parameters._SHOWS_WITHIN", seconds(0))
    core.ignores = True
    with pytest.raises(NotVerified):
        ensure_strategy_parameters.fn(core, RSI, GIVEN, "wilder market")


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("dies_at", [0, 1, 2])
def test_a_killed_run_that_is_taken_up_still_knows_what_was_there(
    core: FakeCore, ledger: MemoryLedger, dies_at: int, written: bool
) -> None:
    dying = DyingLedger(ledger, dies_at, written=written)
    one = Run("change-strategy-parameters", RSI, "run-1", "ann", dying, grant=full_grant())
    with begin(one), pytest.raises(Killed):
        ensure_strategy_parameters.fn(core, RSI, GIVEN, "wilder market")
    with begin(replace(one, ledger=ledger)):
        assert ensure_strategy_parameters.fn(core, RSI, GIVEN, "wilder market").value == HAD
    assert len(core.words) == 1
    assert ledger.kinds()[-1] == "proof"


@pytest.mark.parametrize("watched", [HELD, UNKNOWN], ids=["held", "unknown"])
def test_what_did_not_fall_is_left_as_it_is(core: FakeCore, run: Run, watched: Checklist) -> None:
    ensure_strategy_parameters.fn(core, RSI, GIVEN, "wilder market")
    assert ensure_parameters_taken_back.fn(core, RSI, HAD, watched).did is Did.NOTHING
    assert has(core, "rsi_period") == 21


def test_a_fall_gives_back_what_was_there_once_and_asks_nobody(
    core: FakeCore, run: Run, ledger: MemoryLedger
) -> None:
    ensure_strategy_parameters.fn(core, RSI, GIVEN, "wilder market")
    with begin(replace(run, grant=None)):
        back = ensure_parameters_taken_back.fn(core, RSI, HAD, FELL)
        again = ensure_parameters_taken_back.fn(core, RSI, HAD, FELL)
    assert back.sentence == (
        f"take back the parameters of {RSI}: rsi_oversold from 25 to 30, rsi_period from 21 to 14"
    )
    assert again.did is Did.NOTHING
    assert (has(core, "rsi_period"), has(core, "rsi_oversold")) == (14, 30)


def test_a_fall_pauses_a_strategy_of_which_nobody_knows_what_it_had(
    core: FakeCore, run: Run
) -> None:
    ensure_parameters_taken_back.fn(core, RSI, None, FELL)
    assert not core.running[0].enabled
    assert ensure_parameters_taken_back.fn(core, RSI, None, FELL).did is Did.NOTHING


class Falling(FakeBroker):
    """An account that loses so many dollars between two looks, from a look on."""

    def __init__(self, loss_usd: int, silent: range = range(0)) -> None:
        super().__init__({})
        self.loss_usd = Decimal(loss_usd)
        self.silent, self.looks = silent, 0

    @override
    def account(self) -> Account:
        self.looks += 1
        self.faults.deaf = self.looks in self.silent
        found = super().account()
        self.gain(-self.loss_usd)
        return found


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.trading.strategy_parameters._WATCHED_FOR", timedelta(seconds=0.05))
    monkeypatch.setattr("tasks.trading.strategy_parameters._LOOK_EVERY", timedelta(seconds=0.01))


@pytest.mark.parametrize(
    ("loss_usd", "verdict"), [(0, Verdict.PASS), (1, Verdict.PASS), (300, Verdict.FAIL)]
)
def test_a_fall_beyond_the_bound_ends_the_watch_at_once(
    run: Run, quick: None, loss_usd: int, verdict: Verdict
) -> None:
    broker = Falling(loss_usd)
    result = check_return_held.fn(broker, 0.5)
    assert result.verdict is verdict
    if verdict is Verdict.FAIL:
        assert broker.looks == 3
        assert result.found == "$100,000.00 became $99,400.00 in 3 looks"


def test_a_look_that_fails_is_passed_over_and_one_at_the_end_is_needed(
    run: Run, quick: None
) -> None:
    assert check_return_held.fn(Falling(300, silent=range(2, 3)), 0.5).verdict is Verdict.FAIL
    with pytest.raises(Unreachable):
        check_return_held.fn(Falling(0, silent=range(2, 1000)), 0.5)


def test_a_rehearsal_looks_and_does_not_wait(rehearsal: Run, core: FakeCore) -> None:
    looked = check_return_held.fn(Falling(0), 0.5)
    assert (looked.verdict, looked.expected[-8:]) == (Verdict.PASS, "in 0 min")
    ensure_strategy_parameters.fn(core, RSI, GIVEN, "drill")
    assert [step.gated for step in rehearsal.steps] == [True]
    assert core.words == []
