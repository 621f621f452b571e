"""The engine: a minute in, its signals out, the same ones however often it dies."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.strategy_surroundings import CLOSES_AT, CROSSOVER, World, a_bar, end_of
from trading_core.errors import CheckFailed, ConfigurationError, Unreachable
from trading_core.lockstep import MINUTE
from trading_core.strategy.engine import StrategyEngine
from trading_core.strategy.overrides import Overrides
from trading_core.strategy.surroundings import Surroundings

# Two-bar and four-bar averages cross up at minute 5 and down at minute 9.
UP_AND_DOWN = [10, 10, 9, 8, 9, 12, 13, 13, 12, 9, 8]
UP, DOWN = 5, 9


def an_engine(world: World, folder: Path) -> StrategyEngine:
    return StrategyEngine(
        Surroundings(exchange=world, market=world, books=world, executor=world),
        Overrides(folder / "overrides.json"),
    )


def evaluate(engine: StrategyEngine, world: World, minutes: range) -> list[str]:
    """Evaluate minutes in their order; return what was asked for, with the minute."""
    asked = []
    for minute in minutes:
        evaluation = engine.evaluate(world.collect(minute))
        asked += [f"{minute}: {s.side} {s.quantity} #{s.sequence}" for s in evaluation.signals]
    return asked


def a_world(closes_usd: list[int] = UP_AND_DOWN) -> World:
    return World(closes_usd, {"sma_crossover": CROSSOVER})


def test_a_cross_up_buys_and_a_cross_down_closes_then_goes_short(tmp_path: Path) -> None:
    world = a_world()
    asked = evaluate(an_engine(world, tmp_path), world, range(len(UP_AND_DOWN)))
    assert asked == [f"{UP}: buy 80 #2", f"{DOWN}: sell 80 #1", f"{DOWN}: sell 80 #2"]


def test_the_same_minute_again_asks_for_the_same_orders_although_they_were_filled(
    tmp_path: Path,
) -> None:
    world = a_world()
    engine = an_engine(world, tmp_path)
    evaluate(engine, world, range(DOWN))
    first = engine.evaluate(world.collect(DOWN)).signals
    assert len(first) == 2
    assert engine.evaluate(end_of(DOWN)).signals == first


def test_an_answer_that_was_lost_is_asked_for_again(tmp_path: Path) -> None:
    world = a_world()
    engine = an_engine(world, tmp_path)
    evaluate(engine, world, range(UP))
    world.deaf = True
    with pytest.raises(Unreachable):
        engine.evaluate(world.collect(UP))
    world.deaf = False
    assert len(engine.evaluate(end_of(UP)).signals) == 1
    assert len(world.received) == 1


@given(
    st.lists(st.integers(min_value=95, max_value=105), min_size=6, max_size=40),
    st.data(),
)
@settings(deadline=None)
def test_an_engine_killed_at_any_minute_is_replaced_by_one_that_asks_for_the_same(
    closes_usd: list[int], data: st.DataObject
) -> None:
    minutes = len(closes_usd)
    killed_after = data.draw(st.integers(min_value=0, max_value=minutes - 1))
    with TemporaryDirectory() as folder:
        steady, broken = a_world(closes_usd), a_world(closes_usd)
        evaluate(an_engine(steady, Path(folder)), steady, range(minutes))
        evaluate(an_engine(broken, Path(folder)), broken, range(killed_after + 1))
        # The scheduler cannot know whether the last minute was finished: it asks for it again.
        evaluate(an_engine(broken, Path(folder)), broken, range(killed_after, minutes))
    assert list(broken.received) == list(steady.received)
    assert broken.filled == steady.filled


def test_a_refused_buy_is_not_held_so_the_next_cross_has_nothing_to_close(tmp_path: Path) -> None:
    world = a_world()
    engine = an_engine(world, tmp_path)
    world.refusing = True
    evaluate(engine, world, range(DOWN))
    world.refusing = False
    assert evaluate(engine, world, range(DOWN, DOWN + 1)) == [f"{DOWN}: sell 80 #2"]


def test_a_paused_strategy_asks_for_nothing_and_stays_paused_after_a_crash(tmp_path: Path) -> None:
    world = a_world()
    engine = an_engine(world, tmp_path)
    paused = engine.set_enabled("sma_crossover", False, "losing", "dana")
    assert paused["enabled"] is False
    assert paused["last_change"]["reason"] == "losing"
    assert evaluate(an_engine(world, tmp_path), world, range(DOWN)) == []


def test_a_resumed_strategy_kept_watching_and_acts_on_the_next_cross(tmp_path: Path) -> None:
    world = a_world()
    engine = an_engine(world, tmp_path)
    engine.set_enabled("sma_crossover", False, "losing", "dana")
    evaluate(engine, world, range(DOWN))
    engine.set_enabled("sma_crossover", True, "market calmed down", "dana")
    assert evaluate(engine, world, range(DOWN, DOWN + 1)) == [f"{DOWN}: sell 80 #2"]


@pytest.mark.parametrize("killed", [False, True])
def test_changed_parameters_hold_as_if_from_the_start_until_the_session_ends(
    tmp_path: Path, killed: bool
) -> None:
    changes = {"position_size_multiplier": "0.5", "sma_long": 3}
    changed, born_so = a_world(), World(UP_AND_DOWN, {"sma_crossover": CROSSOVER | changes})
    engine = an_engine(changed, tmp_path / "changed")
    assert evaluate(engine, changed, range(UP)) == []
    engine.set_parameters("sma_crossover", changes, "try it", "dana")
    survivor = an_engine(changed, tmp_path / "changed") if killed else engine
    assert evaluate(survivor, changed, range(UP, 11)) == evaluate(
        an_engine(born_so, tmp_path / "born"), born_so, range(11)
    )
    changed.next_session("s2")
    changed.collected_through = None
    assert survivor.describe_one("sma_crossover")["parameters"]["sma_long"] == 4


def test_parameters_out_of_bounds_are_refused_and_nothing_changes(tmp_path: Path) -> None:
    world = a_world()
    engine = an_engine(world, tmp_path)
    before = engine.describe()
    with pytest.raises(ConfigurationError, match="sma_short: expected less than sma_long"):
        engine.set_parameters("sma_crossover", {"sma_short": 100}, "typo", "dana")
    with pytest.raises(ConfigurationError, match="expected it not among parameters"):
        engine.set_parameters("sma_crossover", {"enabled": False}, "typo", "dana")
    with pytest.raises(ConfigurationError, match="sma_shrt"):
        engine.set_parameters("sma_crossover", {"sma_shrt": 3}, "typo", "dana")
    assert engine.describe() == before


def test_the_last_five_minutes_close_and_do_not_open(tmp_path: Path) -> None:
    minutes = int((CLOSES_AT - end_of(-1)) / MINUTE)
    late = minutes - 5
    # Up early; the cross down falls into the minute that leaves five minutes to the close.
    closes = [10, 10, 9, 8, 9, *[12] * (late - 6), 9, *[8] * 4]
    world = a_world(closes)
    asked = evaluate(an_engine(world, tmp_path), world, range(minutes))
    assert asked == ["5: buy 80 #2", f"{late - 1}: sell 80 #1"]


def test_the_minute_of_the_close_asks_for_nothing(tmp_path: Path) -> None:
    minutes = int((CLOSES_AT - end_of(-1)) / MINUTE)
    world = a_world([10, 10, 9, 8, 9, *[12] * (minutes - 6), 9])
    assert evaluate(an_engine(world, tmp_path), world, range(minutes)) == ["5: buy 80 #2"]


def test_bars_that_came_early_are_not_looked_at_before_their_minute(tmp_path: Path) -> None:
    world = a_world()
    engine = an_engine(world, tmp_path)
    world.collect(len(UP_AND_DOWN) - 1)
    asked = [len(engine.evaluate(end_of(minute)).signals) for minute in range(len(UP_AND_DOWN))]
    assert (asked[UP], asked[DOWN], sum(asked)) == (1, 2, 3)


def test_a_minute_that_is_not_collected_is_refused(tmp_path: Path) -> None:
    world = a_world()
    engine = an_engine(world, tmp_path)
    world.collect(0)
    with pytest.raises(CheckFailed, match="expected it to be collected"):
        engine.evaluate(end_of(1))


def test_without_a_session_nothing_is_evaluated_and_the_configuration_is_shown(
    tmp_path: Path,
) -> None:
    world = a_world()
    world.open_session = None
    engine = an_engine(world, tmp_path)
    with pytest.raises(CheckFailed, match="expected one to be open"):
        engine.evaluate(end_of(0))
    assert [one["name"] for one in engine.describe()] == ["sma_crossover"]


def test_another_session_starts_from_nothing(tmp_path: Path) -> None:
    world = a_world()
    engine = an_engine(world, tmp_path)
    evaluate(engine, world, range(UP))
    world.next_session("s2")
    world.session_bars = [a_bar(minute, 10) for minute in range(11)]
    world.collected_through = None
    assert evaluate(engine, world, range(11)) == []


def test_a_strategy_that_is_not_configured_is_not_there(tmp_path: Path) -> None:
    engine = an_engine(a_world(), tmp_path)
    with pytest.raises(CheckFailed, match="was not configured"):
        engine.describe_one("rsi_momentum")
    with pytest.raises(ConfigurationError, match="was 'martingale'"):
        engine.describe_one("martingale")
