"""An action changes the world once, proves it, and survives being killed anywhere in between."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tasks.kernel import (
    Change,
    Did,
    Grant,
    Kind,
    Ledger,
    NoLedger,
    Outcome,
    PostgresLedger,
    Run,
    Unchanged,
    action,
    begin,
)
from tests.fakes.ledger import DyingLedger, Killed, MemoryLedger
from tests.fix_postgres import OperationsDatabase
from trading_core.clock import seconds
from trading_core.errors import CheckFailed, InvariantViolated, NotVerified, Unreachable
from trading_core.storage.connect import connect


@dataclass
class Lamp:
    """The world: lamps by name, and every command that reached them."""

    lit: set[str] = field(default_factory=set)
    commands: list[tuple[str, int]] = field(default_factory=list)
    deaf: bool = False
    drops_answer: bool = False
    kills: str = ""

    def switch_on(self, name: str, fence: int) -> str:
        if self.kills == "before acting":
            raise Killed
        self.commands.append((name, fence))
        if not self.deaf:
            self.lit.add(name)
        if self.kills == "after acting":
            raise Killed
        if self.drops_answer:
            raise Unreachable("lamp: no answer", next_step="look at it")
        return f"{name} shines"


@action
def ensure_lit(
    lamp: Lamp, name: str = "hall", *, gated: bool = False
) -> Change[str] | Unchanged[str]:
    if name in lamp.lit:
        return Unchanged("was lit already", f"{name} shines", name)
    return Change(
        does=f"light the {name}",
        act=lambda fence: lamp.switch_on(name, fence),
        holds=lambda: name in lamp.lit,
        within=seconds(0),
        target=name,
        gated=gated,
        facts={"watts": 40},
    )


def a_run(ledger: Ledger, *, dry_run: bool = False, grant: Grant | None = None) -> Run:
    return Run("light-up", "tonight", "run-1", "ann", ledger, fence=7, dry_run=dry_run, grant=grant)


def light(lamp: Lamp, ledger: Ledger, name: str = "hall") -> Outcome[str]:
    with begin(a_run(ledger)):
        return ensure_lit.fn(lamp, name)


@pytest.fixture
def postgres_ledger(operations_database: OperationsDatabase) -> Iterator[PostgresLedger]:
    with connect(operations_database.app_dsn, application="test") as connection:
        connection.autocommit = True
        yield PostgresLedger(connection)


def test_a_change_is_intended_made_and_proven_in_this_order() -> None:
    lamp, ledger = Lamp(), MemoryLedger()

    outcome = light(lamp, ledger)

    assert (outcome.did, outcome.value) == (Did.CHANGED, "hall shines")
    assert lamp.commands == [("hall", 7)], "once, with the fence of the run"
    assert ledger.kinds() == ["intent", "effect", "proof"]
    assert {record.key for record in ledger.records} == {"light-up/tonight/ensure_lit/hall"}
    assert ledger.records[0].facts == {"watts": 40}


def test_what_is_already_so_is_left_alone_and_said() -> None:
    lamp, ledger = Lamp(lit={"hall"}), MemoryLedger()

    outcome = light(lamp, ledger)

    assert (outcome.did, outcome.sentence) == (Did.NOTHING, "was lit already")
    assert outcome.value == "hall shines"
    assert lamp.commands == []
    assert ledger.records == []


def test_a_dry_run_describes_the_change_and_makes_no_call() -> None:
    lamp, ledger = Lamp(), MemoryLedger()
    run = a_run(ledger, dry_run=True)

    with begin(run):
        outcome = ensure_lit.fn(lamp, gated=True)

    assert (outcome.did, outcome.sentence) == (Did.PLANNED, "would light the hall")
    assert run.plan == ["light the hall"]
    assert lamp.commands == []
    assert ledger.records == []


def test_a_deaf_world_is_reported_and_never_believed() -> None:
    lamp, ledger = Lamp(deaf=True), MemoryLedger()

    with pytest.raises(NotVerified, match="light the hall: not visible after 0 s") as caught:
        light(lamp, ledger)

    assert "look before you retry" in caught.value.next_step
    assert ledger.kinds() == ["intent", "effect", "unproven"]


def test_a_lost_answer_is_settled_by_looking() -> None:
    lamp, ledger = Lamp(drops_answer=True), MemoryLedger()

    outcome = light(lamp, ledger)

    assert (outcome.did, outcome.value) == (Did.CHANGED, None)
    assert ledger.kinds() == ["intent", "note", "effect", "proof"]
    assert len(lamp.commands) == 1


def test_no_answer_and_no_effect_is_not_verified() -> None:
    ledger = MemoryLedger()

    with pytest.raises(NotVerified):
        light(Lamp(drops_answer=True, deaf=True), ledger)

    assert ledger.kinds() == ["intent", "note", "unproven"]


def test_a_refusal_of_the_other_side_is_recorded_and_passed_on() -> None:
    ledger = MemoryLedger()

    @action
    def ensure_refused() -> Change[None] | Unchanged[None]:
        def refuse(_fence: int) -> None:
            raise CheckFailed("no", next_step="ask again")

        return Change("ask", refuse, lambda: False, seconds(0))

    with begin(a_run(ledger)), pytest.raises(CheckFailed, match="no"):
        ensure_refused.fn()

    assert ledger.kinds() == ["intent", "failed"]


def test_looking_that_crashes_while_verifying_is_named_in_the_verdict() -> None:
    @action
    def ensure_blind() -> Change[None] | Unchanged[None]:
        def blind() -> bool:
            raise Unreachable("eyes shut", next_step="open them")

        return Change("act", lambda _fence: None, blind, seconds(0))

    with begin(a_run(MemoryLedger())), pytest.raises(NotVerified, match="eyes shut"):
        ensure_blind.fn()


def test_an_action_outside_a_run_is_refused_before_anything_happens() -> None:
    lamp = Lamp()
    with pytest.raises(InvariantViolated, match="outside a run"):
        ensure_lit.fn(lamp)
    assert lamp.commands == []


def test_without_a_ledger_nothing_is_changed() -> None:
    lamp = Lamp()
    with pytest.raises(CheckFailed, match="found none: it is down"):
        light(lamp, NoLedger("it is down"))
    assert lamp.commands == []


def test_a_gated_change_is_not_made_without_a_grant() -> None:
    lamp, ledger = Lamp(), MemoryLedger()

    with (
        begin(a_run(ledger)),
        pytest.raises(CheckFailed, match="light the hall: expected approval by somebody else"),
    ):
        ensure_lit.fn(lamp, gated=True)

    assert lamp.commands == []
    assert ledger.records == []


# Every line the ledger would get, each torn off before and after it reached the disk.
DEATHS = [(line, written) for line in range(3) for written in (False, True)]


@pytest.mark.parametrize(("line", "written"), DEATHS)
def test_killed_at_any_line_the_next_run_converges_with_one_effect(
    postgres_ledger: PostgresLedger, line: int, *, written: bool
) -> None:
    lamp = Lamp()
    with pytest.raises(Killed):
        light(lamp, DyingLedger(postgres_ledger, line, written=written))

    light(lamp, postgres_ledger)

    assert len(lamp.commands) == 1
    assert_whole(postgres_ledger)


@pytest.mark.parametrize("moment", ["before acting", "after acting"])
def test_killed_while_acting_the_next_run_converges_with_one_effect(
    postgres_ledger: PostgresLedger, moment: str
) -> None:
    lamp = Lamp(kills=moment)
    with pytest.raises(Killed):
        light(lamp, postgres_ledger)

    lamp.kills = ""
    light(lamp, postgres_ledger)

    assert len(lamp.commands) == 1
    assert_whole(postgres_ledger)


def assert_whole(ledger: PostgresLedger) -> None:
    """The last attempt tells the whole story, and the chain holds."""
    written = ledger.since_intent("light-up/tonight/ensure_lit/hall")
    assert written == (Kind.INTENT, Kind.EFFECT, Kind.PROOF)
    assert ledger.verify() >= len(written)


def test_one_target_already_done_does_not_prove_another_that_was_interrupted() -> None:
    lamp, ledger = Lamp(lit={"hall"}), MemoryLedger()
    with pytest.raises(Killed):
        light(Lamp(kills="before acting"), ledger, "stairs")

    light(lamp, ledger, "hall")

    assert ledger.since_intent("light-up/tonight/ensure_lit/stairs") == (Kind.INTENT,)


def test_a_change_seen_late_is_proven_by_the_next_run() -> None:
    lamp, ledger = Lamp(deaf=True), MemoryLedger()
    with pytest.raises(NotVerified):
        light(lamp, ledger)

    lamp.lit.add("hall")
    light(lamp, ledger)

    assert ledger.kinds() == ["intent", "effect", "unproven", "proof"]
    assert len(lamp.commands) == 1
