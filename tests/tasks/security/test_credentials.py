"""The state machine of a rotation: wherever it stops, the next run carries it on and ends it."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from tasks.kernel import Kind, Run, Verdict, begin
from tasks.security import credentials
from tasks.security.credentials import check_credential_age, check_secret_known
from tests.fakes.ledger import MemoryLedger
from tests.fakes.rotated import FakeTarget, Faults, KilledError, silence
from trading_core.clock import SystemClock
from trading_core.errors import CheckFailed, NotVerified, TradingError
from trading_core.secret_store.contract import Stage
from trading_core.secret_store.encrypted_file import EncryptedFileStore

STEPS = (
    credentials.ensure_secret_adopted,
    credentials.ensure_next_kept,
    credentials.ensure_next_let_in,
    credentials.ensure_next_handed_out,
    credentials.ensure_next_current,
    credentials.ensure_former_refused,
    credentials.ensure_former_forgotten,
)
CHANGES = (
    *("put CURRENT", "put PENDING", "let in", "hand out"),
    *("promote", "shut out", "drop PREVIOUS"),
)


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def target(tmp_path: Path, faults: Faults) -> FakeTarget:
    return FakeTarget(EncryptedFileStore(tmp_path / "store"), faults, timedelta(days=1))


def rotate(target: FakeTarget) -> None:
    for step in STEPS:
        step.fn(target)


def stages(target: FakeTarget) -> dict[str, str]:
    found = {stage: target.store.read(target.name, stage) for stage in Stage}
    return {str(s): one.value.get_secret_value() for s, one in found.items() if one is not None}


def assert_rotated_once(target: FakeTarget, faults: Faults) -> None:
    # One that was made and not kept before the crash was never heard of.
    assert target.handed_out.startswith("b:made ")
    assert stages(target) == {"CURRENT": target.handed_out}
    assert target.accepted == {target.handed_out}
    assert faults.changes == list(CHANGES)


def test_everybody_is_over_before_the_former_is_refused(
    run: Run, target: FakeTarget, faults: Faults
) -> None:
    rotate(target)
    assert_rotated_once(target, faults)


def test_a_secret_rotated_today_is_left_alone(run: Run, target: FakeTarget, faults: Faults) -> None:
    rotate(target)
    rotate(target)
    assert_rotated_once(target, faults)


def test_one_found_in_use_is_rotated_whatever_its_age(run: Run, target: FakeTarget) -> None:
    credentials.ensure_secret_adopted.fn(target)
    assert credentials.is_due(target)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", range(1, len(CHANGES) + 1))
def test_killed_at_any_change_it_is_carried_on_and_changes_the_world_once(
    run: Run, target: FakeTarget, faults: Faults, ledger: MemoryLedger, number: int, moment: str
) -> None:
    setattr(faults, moment, number)
    with pytest.raises(KilledError):
        rotate(target)
    assert target.handed_out in target.accepted
    rotate(target)
    assert_rotated_once(target, faults)
    open_changes = {key for key in {one.key for one in ledger.records} if not closed(ledger, key)}
    assert not open_changes


def closed(ledger: MemoryLedger, key: str) -> bool:
    return Kind.PROOF in ledger.since_intent(key)


@pytest.mark.parametrize("number", range(1, len(CHANGES) + 1))
def test_when_only_the_answer_is_lost_one_run_is_enough(
    run: Run, target: FakeTarget, faults: Faults, number: int
) -> None:
    faults.after, faults.strike = number, silence
    rotate(target)
    assert_rotated_once(target, faults)


@pytest.mark.parametrize("number", range(1, len(CHANGES) + 1))
def test_when_store_or_target_does_not_answer_nothing_is_lost_and_the_next_run_goes_on(
    run: Run,
    target: FakeTarget,
    faults: Faults,
    number: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(credentials, "_SHOWS_WITHIN", timedelta(milliseconds=10))
    faults.before, faults.strike = number, silence
    with pytest.raises((NotVerified, TradingError)):
        rotate(target)
    assert target.handed_out in target.accepted
    rotate(target)
    assert_rotated_once(target, faults)


def test_the_next_value_is_in_the_store_before_the_target_hears_of_it(
    run: Run, target: FakeTarget, faults: Faults
) -> None:
    faults.before = 3
    with pytest.raises(KilledError):
        rotate(target)
    assert stages(target) == {"CURRENT": "a:one", "PENDING": "b:made 1"}
    assert target.accepted == {"a:one"}


def test_a_former_value_that_still_works_is_not_forgotten(run: Run, target: FakeTarget) -> None:
    for step in STEPS[:5]:
        step.fn(target)
    with pytest.raises(CheckFailed, match="expected a to be refused, is accepted"):
        credentials.ensure_former_forgotten.fn(target)
    assert "PREVIOUS" in stages(target)


def test_a_rehearsal_foresees_every_step_and_makes_none(
    rehearsal: Run, target: FakeTarget, faults: Faults
) -> None:
    rotate(target)
    assert len(rehearsal.plan) == len(STEPS)
    assert not faults.changes


def test_a_rehearsal_of_a_rotation_under_way_foresees_what_is_left(
    run: Run, target: FakeTarget, ledger: MemoryLedger
) -> None:
    for step in STEPS[:5]:
        step.fn(target)
    with begin(Run("a-runbook", "tonight", "run-2", "ann", ledger, dry_run=True)) as second:
        rotate(target)
    assert second.plan == ["shut the former login out", "forget the former login"]


def test_an_age_is_warned_of_from_75_days_on_and_fails_at_90(
    run: Run, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_credential_age.fn(target).verdict is Verdict.WARN
    rotate(target)
    now = SystemClock().now()
    for days, verdict in ((74, Verdict.PASS), (75.1, Verdict.WARN), (90.1, Verdict.FAIL)):
        later = now + timedelta(days=days)
        monkeypatch.setattr(SystemClock, "now", lambda _self, later=later: later)
        found = check_credential_age.fn(target)
        assert found.verdict is verdict, found
    assert "CURRENT" in found.evidence
    assert "made 1" not in str(found)


def test_a_value_that_the_store_never_heard_of_is_told(run: Run, target: FakeTarget) -> None:
    rotate(target)
    assert check_secret_known.fn(target).verdict is Verdict.PASS
    target.accepted.add("a:by hand")
    target.handed_out = "a:by hand"
    found = check_secret_known.fn(target)
    assert (found.verdict, found.found) == (Verdict.FAIL, "a is not in the store and works")


def test_no_record_of_a_rotation_holds_a_value(
    run: Run, target: FakeTarget, ledger: MemoryLedger
) -> None:
    rotate(target)
    assert SecretStr("b:made 1").get_secret_value() not in str(ledger.records)
    assert "a:one" not in str(ledger.records)
