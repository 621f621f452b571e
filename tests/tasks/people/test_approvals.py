"""A gated change waits for other people's word on exactly this plan; whatever else comes is no."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tasks.kernel import Change, Grant, Kind, Run, Unchanged, action, begin, granted, rehearse
from tasks.people.approvals import Approvals, request_approval
from tests.fakes.ledger import DyingLedger, Killed, MemoryLedger
from tests.fix_approvals import Person, approving, enrol
from tests.fix_postgres import OperationsDatabase
from tests.trading_core.approval.sample import a_request
from trading_core.approval.judgement import RUN
from trading_core.approval.request import Answer, Request
from trading_core.approval.starter import Starter, sign_start
from trading_core.clock import SystemClock, poll, seconds
from trading_core.errors import CheckFailed
from trading_core.storage.connect import Database
from trading_core.storage.operations import approvals as stored

ANN, BOB, CAT = Person("ann"), Person("bob"), Person("cat")
SHORT = timedelta(seconds=2)


@action
def ensure_open(doors: set[str], name: str) -> Change[None] | Unchanged[None]:
    if name in doors:
        return Unchanged("was open", target=name)
    return Change(
        does=f"open the {name}",
        act=lambda _fence: doors.add(name),
        holds=lambda: name in doors,
        within=seconds(0),
        target=name,
        gated=True,
    )


class House:
    """Doors, and the paragraph that opens those that are shut."""

    def __init__(self, *shut: str) -> None:
        self.shut = list(shut)
        self.doors: set[str] = set()

    def act(self) -> None:
        for name in self.shut:
            ensure_open.fn(self.doors, name)


@pytest.fixture
def asking(operations_database: OperationsDatabase, tmp_path: Path) -> Iterator[Approvals]:
    """Where people are asked; the code the requests are bound to is a file of the test."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "a.py").write_text("x = 1\n")
    for person in (BOB, CAT):
        enrol(operations_database.owner_dsn, person)
    with Database(operations_database.app_dsn, application="tests") as database:
        yield Approvals(database, project=tmp_path)


@pytest.fixture
def unasked(ledger: MemoryLedger) -> Iterator[Run]:
    """A run of ann's that nobody has approved yet."""
    with begin(Run("a-runbook", "tonight", "run-1", "ann", ledger, fence=7)) as one:
        yield one


@contextmanager
def meanwhile(asking: Approvals, answer: Callable[[Request], list[Answer]]) -> Iterator[None]:
    """Give answers to the first request that waits, as soon as it does."""

    def give() -> bool:
        with asking.database.transaction() as connection:
            waiting = stored.open_requests(connection)
            given = answer(waiting[0]) if waiting else []
            for one in given:
                stored.answer(connection, one)
        return bool(given)

    thread = threading.Thread(target=poll, args=(give,), kwargs={"within": seconds(20)})
    thread.start()
    try:
        yield
    finally:
        thread.join()


def ask(asking: Approvals, house: House) -> Grant | None:
    return request_approval.fn(asking, rehearse(house.act), "fresh air")


def test_what_two_others_approve_is_done(
    asking: Approvals,
    operations_database: OperationsDatabase,
    unasked: Run,
    ledger: MemoryLedger,
) -> None:
    house = House("door")
    with approving(operations_database.owner_dsn) as answered:
        grant = ask(asking, house)
    with granted(grant):
        house.act()

    assert house.doors == {"door"}
    assert [one.gated for one in answered] == [("open the door",)]
    assert ledger.kinds() == ["note", "note", "intent", "effect", "proof"]
    assert told(asking, answered[0]) == ["# a-runbook waits", "granted: approved"]
    facts = ledger.records[2].facts
    assert facts["approved_by"] == "risk manager, head of trading"
    assert facts["approval_sha256"] == answered[0].digest


def told(asking: Approvals, request: Request) -> list[str]:
    """Return how the messages begin that people are sent about a request."""
    with asking.database.transaction() as connection:
        found = connection.execute(
            "SELECT words FROM notices WHERE thread = %s ORDER BY id", (f"approval/{request.id}",)
        ).fetchall()
    return [" ".join(words.split()[: 3 if words.startswith("#") else 2]) for (words,) in found]


def test_a_no_is_no(asking: Approvals, unasked: Run, ledger: MemoryLedger) -> None:
    with (
        meanwhile(asking, lambda r: [BOB.answer(r), CAT.answer(r, "no", "too cold")]),
        pytest.raises(CheckFailed, match=r"open the door; cat said no: too cold"),
    ):
        ask(asking, House("door"))
    assert ledger.records[-1].sentence == "refused: cat said no: too cold"


def test_one_yes_is_not_enough_while_the_starter_may_be_anybody(
    asking: Approvals, unasked: Run
) -> None:
    with (
        meanwhile(asking, lambda r: [BOB.answer(r)]),
        pytest.raises(CheckFailed, match=r"not approved until .* UTC: bob said yes: looked at it"),
    ):
        ask(replace(asking, within=SHORT), House("door"))


def test_one_yes_is_enough_for_a_starter_who_has_proven_who_they_are(
    asking: Approvals, operations_database: OperationsDatabase, unasked: Run
) -> None:
    enrol(operations_database.owner_dsn, ANN, scope=RUN)
    now = SystemClock().now()
    starter = Starter.read(sign_start(ANN.token, "ann", "a-runbook", {}, now), now)
    with begin(replace(unasked, starter=starter)), meanwhile(asking, lambda r: [BOB.answer(r)]):
        grant = ask(asking, House("door"))
    assert grant is not None
    assert grant.approved_by == ("bob",)

    with (
        begin(replace(unasked, starter=starter, run_id="run-2")),
        meanwhile(asking, lambda r: [BOB.answer(r)]),
        pytest.raises(CheckFailed, match="not approved until"),
    ):
        ask(replace(asking, within=SHORT), House("window"))


def test_forged_and_foreign_answers_are_told_and_the_wait_goes_on(
    asking: Approvals, operations_database: OperationsDatabase, unasked: Run
) -> None:
    mallory = Person("bob")
    enrol(operations_database.owner_dsn, ANN)

    def answers(request: Request) -> list[Answer]:
        empty = Answer(request.id, "", "", "", "", "", "prefect")
        stale = replace(BOB.answer(replace(request, run_id="run-0")), request_id=request.id)
        return [empty, mallory.answer(request), ANN.answer(request), stale]

    with meanwhile(asking, answers), pytest.raises(CheckFailed) as refused:
        ask(replace(asking, within=SHORT), House("door"))
    for why in (
        "an answer of nothing is neither yes nor no",
        "bob: signed with no token that we know",
        "ann started this run and cannot approve it",
        "bob: the signature is not under this plan, code and parameters",
    ):
        assert why in str(refused.value)


def test_code_that_changes_while_waiting_makes_the_approval_void(
    asking: Approvals, unasked: Run
) -> None:
    def edit(request: Request) -> list[Answer]:
        (asking.project / "tasks" / "a.py").write_text("x = 2\n")
        return [BOB.answer(request), CAT.answer(request)]

    with (
        meanwhile(asking, edit),
        pytest.raises(CheckFailed, match="the code changed while waiting"),
    ):
        ask(asking, House("door"))


def test_a_plan_that_grows_while_waiting_makes_the_approval_void(
    asking: Approvals, unasked: Run
) -> None:
    house = House("door")

    def move(request: Request) -> list[Answer]:
        house.shut.append("safe")
        return [BOB.answer(request), CAT.answer(request)]

    with (
        meanwhile(asking, move),
        pytest.raises(CheckFailed, match=r"the plan \(new: open the safe\) changed while waiting"),
    ):
        ask(asking, house)


def test_a_plan_that_shrinks_while_waiting_stays_approved(asking: Approvals, unasked: Run) -> None:
    house = House("door", "window")

    def move(request: Request) -> list[Answer]:
        house.doors.add("window")
        return [BOB.answer(request), CAT.answer(request)]

    with meanwhile(asking, move):
        grant = ask(asking, house)
    with granted(grant):
        house.act()
    assert house.doors == {"door", "window"}


def test_a_second_run_withdraws_what_a_dead_one_asked(asking: Approvals, unasked: Run) -> None:
    left = a_request(runbook="a-runbook", subject="tonight", expires_at=SystemClock().now() + SHORT)
    with asking.database.transaction() as connection:
        stored.ask(connection, left)
    with meanwhile(asking, lambda r: [] if r == left else [BOB.answer(r), CAT.answer(r)]):
        assert ask(asking, House("door")) is not None
    with asking.database.transaction() as connection:
        ended = stored.ending(connection, left.id)
    assert ended is not None
    assert (ended.outcome, ended.sentence) == (
        "withdrawn",
        "its run has ended; run run-1 asks anew",
    )


@pytest.mark.parametrize("line", range(5), ids=["asking", "granted", "intent", "effect", "proof"])
def test_killed_at_any_line_the_next_run_asks_anew_and_converges(
    asking: Approvals,
    operations_database: OperationsDatabase,
    unasked: Run,
    ledger: MemoryLedger,
    line: int,
) -> None:
    house = House("door")
    dying = replace(unasked, ledger=DyingLedger(ledger, line, written=line % 2 == 0))
    with approving(operations_database.owner_dsn) as answered:
        with begin(dying), pytest.raises(Killed), granted(ask(asking, house)):
            house.act()
        opened = set(house.doors)
        assert opened == (set() if line < 3 else {"door"}), "nothing before the intent is written"
        with begin(replace(unasked, run_id="run-2")), granted(ask(asking, house)):
            house.act()
    assert house.doors == {"door"}
    assert answered[-1].run_id == ("run-1" if opened else "run-2"), "a dead run's yes is not used"
    written = ledger.since_intent("a-runbook/tonight/ensure_open/door")
    assert written == (Kind.INTENT, Kind.EFFECT, Kind.PROOF)


def test_a_dry_run_asks_nobody(asking: Approvals, unasked: Run) -> None:
    with begin(replace(unasked, dry_run=True)):
        assert ask(asking, House("door")) is None


def test_nothing_gated_asks_nobody_and_still_allows_only_the_plan(
    asking: Approvals, unasked: Run
) -> None:
    house = House()
    grant = ask(asking, house)
    house.shut.append("door")
    with granted(grant), pytest.raises(CheckFailed, match="the plan says: nothing"):
        house.act()
