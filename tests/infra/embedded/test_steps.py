"""Steps wait for what they need, and for nothing else."""

from collections.abc import Callable

import pytest

from infra.embedded.steps import Progress, Step, carry_out
from trading_core.clock import seconds
from trading_core.errors import InvariantViolated, NotVerified


class World:
    """Things that are begun, and become ready a given number of looks later."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.looks: dict[str, int] = {}
        self.told: list[Progress] = []

    def step(self, name: str, *needs: str, looks: int = 0, ready_before: bool = False) -> Step:
        def begin() -> None:
            self.begun.append(name)
            self.looks[name] = looks

        return Step(name, needs, begin, self._asked(name, ready_before), within=seconds(0.3))

    def carry_out(self, *steps: Step) -> None:
        carry_out(steps, self.told.append)

    def _asked(self, name: str, ready_before: bool) -> Callable[[], bool]:
        def is_ready() -> bool:
            if name not in self.looks:
                return ready_before
            self.looks[name] -= 1
            return self.looks[name] < 0

        return is_ready


def test_a_step_begins_after_what_it_needs_is_ready() -> None:
    world = World()
    world.carry_out(world.step("roof", "walls"), world.step("walls", looks=2))
    assert world.begun == ["walls", "roof"]


def test_independent_steps_begin_without_waiting_for_each_other() -> None:
    world = World()
    world.carry_out(world.step("slow", looks=2), world.step("quick"))
    assert world.begun == ["slow", "quick"]
    assert [p.name for p in world.told if p.done] == ["quick", "slow"]


def test_a_step_that_holds_already_is_not_begun() -> None:
    world = World()
    world.carry_out(world.step("there", ready_before=True))
    assert world.begun == []
    assert [p.name for p in world.told] == ["there"]


def test_a_need_that_is_no_step_is_taken_as_met() -> None:
    world = World()
    world.carry_out(world.step("client", "a server elsewhere"))
    assert world.begun == ["client"]


def test_a_late_step_stops_everything_that_waits_for_it() -> None:
    world = World()
    with pytest.raises(NotVerified, match="walls: expected ready within"):
        world.carry_out(world.step("walls", looks=10_000), world.step("roof", "walls"))
    assert world.begun == ["walls"]


def test_steps_that_wait_for_each_other_are_a_mistake_that_is_named() -> None:
    world = World()
    with pytest.raises(InvariantViolated, match=r"\['egg', 'hen'\] wait for each other"):
        world.carry_out(world.step("hen", "egg"), world.step("egg", "hen"))
