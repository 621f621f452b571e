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
    check_position_part,
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
from trading_core.domain.position_part import PositionPart
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
    closed = ensure_positions_closed.fn(core, broker, TENTH, "too large", PositionPart("BOLT"))
    assert closed.sentence == "buy back 3 BOLT at the market"
    assert held(broker) == {"ACME": 5, "CRUX": 2}
    again = ensure_positions_closed.fn(core, broker, TENTH, "too large", PositionPart("BOLT"))
    assert again.did is Did.NOTHING


@pytest.mark.parametrize(
    ("part", "order", "left"),
    [
        (PositionPart("ACME", "2"), "sell 2 ACME at the market", 3),
        (PositionPart("ACME", "50%"), "sell 2 ACME at the market", 3),
        (PositionPart("BOLT", "34%"), "buy back 1 BOLT at the market", -2),
        (PositionPart("ACME", "100%"), "sell 5 ACME at the market", None),
    ],
)
def test_a_part_is_closed_and_the_rest_stays_however_often_the_same_run_comes_back(
    core: FakeCore, broker: FakeBroker, run: Run, part: PositionPart, order: str, left: int | None
) -> None:
    closed = ensure_positions_closed.fn(core, broker, TENTH, "too large", part)
    again = ensure_positions_closed.fn(core, broker, TENTH, "too large", part)

    assert closed.sentence == order
    assert again.did is Did.NOTHING
    assert held(broker).get(part.symbol) == left
    assert len(broker.submissions) == 1
    assert check_position_part.fn(broker, part).verdict is Verdict.PASS
    assert check_closing_cost.fn(core, TENTH, part).found.startswith("0 orders")


def test_a_run_that_has_closed_its_part_closes_nothing_that_is_bought_later(
    core: FakeCore, broker: FakeBroker, run: Run
) -> None:
    two = PositionPart("ACME", "2")
    ensure_positions_closed.fn(core, broker, TENTH, "too large", two)
    broker.submit(OrderRequest("more", "ACME", Side.BUY, 1, OrderType.MARKET, None))
    assert ensure_positions_closed.fn(core, broker, TENTH, "too large", two).did is Did.NOTHING
    assert held(broker)["ACME"] == 4


def test_another_run_takes_its_part_of_what_is_held_then(
    core: FakeCore, broker: FakeBroker, run: Run
) -> None:
    half = PositionPart("ACME", "50%")
    for number, left in ((1, 3), (2, 2)):
        with begin(replace(run, run_id=f"run-{number}")):
            ensure_positions_closed.fn(core, broker, TENTH, "too large", half)
        assert held(broker)["ACME"] == left


@pytest.mark.parametrize("amount", ["0", "6", "0%", "101%", "10%", "2 and 50%"])
def test_what_is_no_part_of_what_is_held_is_refused_before_anything_is_done(
    core: FakeCore, broker: FakeBroker, run: Run, ledger: MemoryLedger, amount: str
) -> None:
    part = PositionPart("ACME", amount)
    found = check_position_part.fn(broker, part)
    assert (found.verdict, found.found) == (Verdict.FAIL, f"ACME: {part.fault(5)}")
    with pytest.raises(CheckFailed, match="ACME: expected"):
        ensure_positions_closed.fn(core, broker, TENTH, "too large", part)
    assert (core.words, broker.submissions, ledger.records) == ([], [], [])


def test_a_part_of_what_is_not_held_is_refused(broker: FakeBroker, run: Run) -> None:
    result = check_position_part.fn(broker, PositionPart("DYNE", "1"))
    assert result.found == "DYNE: expected 1 to 0 shares, was 1"


def test_what_was_bought_after_a_run_began_is_not_its_to_close(
    core: FakeCore, broker: FakeBroker, run: Run
) -> None:
    core.ignores, part = True, PositionPart("ACME", "2")
    with pytest.raises(NotVerified):
        ensure_positions_closed.fn(core, broker, TENTH, "too large", part)
    core.ignores = False
    broker.submit(OrderRequest("more", "ACME", Side.BUY, 2, OrderType.MARKET, None))
    with pytest.raises(CheckFailed, match="at most 5 shares, as when this run began, was 7"):
        ensure_positions_closed.fn(core, broker, TENTH, "too large", part)
    assert held(broker)["ACME"] == 7


def test_a_part_half_filled_is_sent_once_more_and_no_further(broker: FakeBroker, run: Run) -> None:
    core = ThinMarket()
    core.exchange = broker
    core.thin()
    closed = ensure_positions_closed.fn(core, broker, TENTH, "crash", PositionPart("ACME", "3"))
    assert closed.sentence == "sell 3 ACME at the market"
    assert held(broker)["ACME"] == 2
    assert [one.quantity for one in broker.submissions] == [3, 1]


def test_a_run_that_left_some_of_its_part_closes_that_when_it_comes_back(
    broker: FakeBroker, run: Run
) -> None:
    core, five = ThinMarket(), PositionPart("ACME", "5")
    core.exchange = broker
    core.thin()
    with pytest.raises(NotVerified):
        ensure_positions_closed.fn(core, broker, TENTH, "crash", five)
    assert check_position_part.fn(broker, five).found == "1 of 1 ACME to be closed"
    again = ensure_positions_closed.fn(core, broker, TENTH, "crash", five)
    assert again.sentence == "sell 1 ACME at the market"
    assert "ACME" not in held(broker)


def test_a_part_costs_its_share(core: FakeCore, run: Run) -> None:
    core.closing_cost_usd = Decimal(5)
    result = check_closing_cost.fn(core, TENTH, PositionPart("ACME", "40%"))
    assert result.found == "1 orders, expected loss $2.00 of $100.00"


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
        ensure_positions_closed.fn(core, broker, TENTH, "too large", PositionPart("ACME"))
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
def test_a_killed_run_that_is_taken_up_closes_its_part_once(
    core: FakeCore, broker: FakeBroker, ledger: MemoryLedger, dies_at: int, written: bool
) -> None:
    dying = DyingLedger(ledger, dies_at, written=written)
    half = PositionPart("ACME", "50%")
    one = Run("close-position", "ACME", "run-1", "ann", dying, grant=full_grant())
    with begin(one), pytest.raises(Killed):
        ensure_positions_closed.fn(core, broker, TENTH, "crash", half)

    with begin(replace(one, ledger=ledger)):
        assert check_position_part.fn(broker, half).verdict is Verdict.PASS
        ensure_positions_closed.fn(core, broker, TENTH, "crash", half)

    assert held(broker)["ACME"] == 3
    assert ledger.kinds()[-1] == "proof"
    assert [one.quantity for one in broker.submissions] == [2]


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
    with pytest.raises(NotVerified, match="no more on our record than at the broker, was 5 ACME"):
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
    ensure_positions_closed.fn(core, broker, TENTH, "drill", PositionPart("ACME"))
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
    result = check_closing_cost.fn(core, TENTH, PositionPart("ACME"))
    assert result.verdict is verdict
    assert result.found == f"1 orders, expected loss ${cost_usd}.00 of $250.00"
