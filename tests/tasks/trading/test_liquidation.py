"""Out of the market once, by approval, on both sides; killed or half filled, never beyond flat."""

from dataclasses import replace
from decimal import Decimal

import pytest
from typing_extensions import override

from tasks.kernel import Did, Grant, Run, Verdict, begin
from tasks.trading.control import WayOut
from tasks.trading.liquidation import (
    check_closing_cost,
    check_market_open,
    check_positions_booked,
    ensure_positions_closed,
)
from tests.fakes.broker import NOW, FakeBroker
from tests.fakes.core import FakeCore
from tests.fakes.ledger import DyingLedger, Killed, MemoryLedger
from tests.fix_approvals import full_grant
from tests.tasks.books import AFTER_THE_CLOSE, a_quote
from trading_core.approval.request import Step
from trading_core.clock import seconds
from trading_core.domain.activities import Activity, ActivityKind
from trading_core.domain.orders import OrderRequest, OrderType, Side
from trading_core.errors import CheckFailed, NotVerified

TENTH = 0.1


@pytest.fixture
def broker() -> FakeBroker:
    """Five shares of ACME held, three of BOLT owed, two of CRUX held."""
    one = FakeBroker({symbol: a_quote(symbol) for symbol in ("ACME", "BOLT", "CRUX")})
    trades = (("ACME", Side.BUY, 5), ("BOLT", Side.SELL, 3), ("CRUX", Side.BUY, 2))
    for symbol, side, quantity in trades:
        one.submit(OrderRequest(f"first-{symbol}", symbol, side, quantity, OrderType.MARKET, None))
    one.submissions.clear()
    return one


@pytest.fixture
def core(broker: FakeBroker) -> FakeCore:
    one = FakeCore()
    one.exchange = broker
    return one


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.trading.liquidation._FLAT_WITHIN", seconds(0))


class ThinMarket(FakeCore):
    """A market where only two shares find a buyer at a time."""

    def thin(self) -> None:
        self.exchange.show(replace(a_quote("ACME"), bid_size=2))

    @override
    def close_positions(self, way: WayOut, reason: str, actor: str) -> None:
        try:
            super().close_positions(way, reason, actor)
        finally:
            self.thin()


def held(broker: FakeBroker) -> dict[str, object]:
    return {one.symbol: one.quantity for one in broker.positions()}


def test_everything_is_closed_once_and_seen_flat(
    core: FakeCore, broker: FakeBroker, run: Run, ledger: MemoryLedger
) -> None:
    closed = ensure_positions_closed.fn(core, broker, TENTH, "crash")
    again = ensure_positions_closed.fn(core, broker, TENTH, "crash")

    assert closed.sentence == (
        "sell 5 ACME at the market, buy back 3 BOLT at the market, sell 2 CRUX at the market"
    )
    assert (again.did, again.sentence) == (Did.NOTHING, "no position was held (all)")
    assert held(broker) == {}
    assert core.words == ["close positions: crash"]
    assert ledger.kinds() == ["intent", "effect", "proof"]


def test_one_position_is_closed_and_the_others_stay(
    core: FakeCore, broker: FakeBroker, run: Run
) -> None:
    closed = ensure_positions_closed.fn(core, broker, TENTH, "too large", "BOLT")
    assert closed.sentence == "buy back 3 BOLT at the market"
    assert held(broker) == {"ACME": 5, "CRUX": 2}
    again = ensure_positions_closed.fn(core, broker, TENTH, "too large", "BOLT")
    assert again.did is Did.NOTHING


def test_without_other_peoples_yes_nothing_is_sent(
    core: FakeCore, broker: FakeBroker, ledger: MemoryLedger
) -> None:
    with (
        begin(Run("liquidate-positions", "all", "run-1", "ann", ledger)),
        pytest.raises(CheckFailed, match="expected approval by somebody else"),
    ):
        ensure_positions_closed.fn(core, broker, TENTH, "crash")
    assert broker.submissions == []


def test_a_yes_to_five_shares_is_none_to_seven(
    core: FakeCore, broker: FakeBroker, ledger: MemoryLedger
) -> None:
    steps = (Step("sell 5 ACME at the market", True),)
    grant = Grant("request", "digest", "run-1", steps, ("bob",), ("fine",), float("inf"))
    broker.submit(OrderRequest("more", "ACME", Side.BUY, 2, OrderType.MARKET, None))
    broker.submissions.clear()
    with (
        begin(Run("close-position", "ACME", "run-1", "ann", ledger, grant=grant)),
        pytest.raises(CheckFailed, match="expected one of the planned changes"),
    ):
        ensure_positions_closed.fn(core, broker, TENTH, "too large", "ACME")
    assert broker.submissions == []


def test_what_is_not_filled_is_sent_once_more_and_then_left_to_people(
    broker: FakeBroker, run: Run, ledger: MemoryLedger
) -> None:
    core = ThinMarket()
    core.exchange = broker
    core.thin()
    with pytest.raises(NotVerified, match="expected no position, was \\['ACME'\\]"):
        ensure_positions_closed.fn(core, broker, TENTH, "crash")
    assert held(broker) == {"ACME": 1}

    assert ensure_positions_closed.fn(core, broker, TENTH, "crash").sentence == (
        "sell 1 ACME at the market"
    )
    assert held(broker) == {}
    sold = [one.quantity for one in broker.submissions if one.symbol == "ACME"]
    assert sold == [5, 3, 1]


def test_an_answer_lost_on_the_way_is_settled_by_looking(
    core: FakeCore, broker: FakeBroker, run: Run
) -> None:
    core.drops_answers = True
    assert ensure_positions_closed.fn(core, broker, TENTH, "crash").did is Did.CHANGED
    assert len(core.words) == 1


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("dies_at", [0, 1, 2])
def test_a_killed_run_is_taken_up_and_no_position_turns_into_its_opposite(
    core: FakeCore, broker: FakeBroker, ledger: MemoryLedger, dies_at: int, written: bool
) -> None:
    dying = DyingLedger(ledger, dies_at, written=written)
    one = Run("liquidate-positions", "all", "run-1", "ann", dying, grant=full_grant())
    with begin(one), pytest.raises(Killed):
        ensure_positions_closed.fn(core, broker, TENTH, "crash")

    with begin(replace(one, ledger=ledger)):
        ensure_positions_closed.fn(core, broker, TENTH, "crash")

    assert held(broker) == {}
    assert ledger.kinds()[-1] == "proof"
    assert sorted(one.symbol for one in broker.submissions) == ["ACME", "BOLT", "CRUX"]


def test_flat_at_the_broker_alone_is_not_flat(
    core: FakeCore, broker: FakeBroker, run: Run, ledger: MemoryLedger, no_wait: None
) -> None:
    core.booked = {"ACME": 5}
    with pytest.raises(NotVerified, match="not visible"):
        ensure_positions_closed.fn(core, broker, TENTH, "crash")
    assert ledger.kinds()[-1] == "unproven"
    with pytest.raises(NotVerified, match="our record flat as the broker is, was 5 ACME"):
        ensure_positions_closed.fn(core, broker, TENTH, "crash")


def test_a_core_that_says_yes_and_sends_nothing_is_found_out(
    core: FakeCore, broker: FakeBroker, run: Run
) -> None:
    core.ignores = True
    with pytest.raises(NotVerified):
        ensure_positions_closed.fn(core, broker, TENTH, "crash")
    assert len(held(broker)) == 3


def test_a_part_of_a_share_is_for_the_brokers_page(core: FakeCore, run: Run) -> None:
    broker = FakeBroker({"ACME": a_quote("ACME")})
    part = Activity("split-1", ActivityKind.SPLIT, NOW.date(), "ACME", Decimal("0.5"))
    broker.happen(part)
    core.exchange = broker
    with pytest.raises(CheckFailed, match=r"whole shares to close, was 0\.5 ACME"):
        ensure_positions_closed.fn(core, broker, TENTH, "crash")
    assert core.words == []


def test_a_rehearsal_names_the_orders_and_sends_none(
    core: FakeCore, broker: FakeBroker, rehearsal: Run
) -> None:
    ensure_positions_closed.fn(core, broker, TENTH, "drill", "ACME")
    assert rehearsal.steps == [Step("sell 5 ACME at the market", True)]
    assert broker.submissions == []


def test_a_closed_market_is_red_and_nothing_is_sent(
    core: FakeCore, broker: FakeBroker, run: Run
) -> None:
    assert check_market_open.fn(broker).verdict is Verdict.PASS
    broker.now = AFTER_THE_CLOSE
    assert check_market_open.fn(broker).verdict is Verdict.FAIL
    with pytest.raises(CheckFailed, match="expected an open market"):
        ensure_positions_closed.fn(core, broker, TENTH, "crash")
    assert broker.submissions == []


def test_a_difference_to_our_record_is_a_warning(core: FakeCore, broker: FakeBroker) -> None:
    assert check_positions_booked.fn(core, broker).verdict is Verdict.PASS
    core.booked = {"ACME": 4}
    result = check_positions_booked.fn(core, broker)
    assert result.verdict is Verdict.WARN
    assert result.found == "the broker has 5 ACME, -3 BOLT, 2 CRUX, our record 4 ACME"


@pytest.mark.parametrize(
    ("cost_usd", "verdict"), [("5", Verdict.PASS), ("20", Verdict.WARN), ("26", Verdict.FAIL)]
)
def test_a_twentieth_is_a_bad_moment_and_beyond_the_bound_is_refused(
    core: FakeCore, run: Run, cost_usd: str, verdict: Verdict
) -> None:
    core.closing_cost_usd = Decimal(cost_usd)
    result = check_closing_cost.fn(core, TENTH, "ACME")
    assert result.verdict is verdict
    assert result.found == f"1 orders, expected loss ${cost_usd}.00 of $250.00"
