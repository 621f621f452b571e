"""How a change is made: look, plan, approve, record the intent, act once, verify, record the proof.

Written once, here, so that it holds for every action. A crash at any point leaves the ledger able
to tell the next run where it stopped, and the next run begins by looking.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Generic, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

from tasks.kernel.change import Change, Did, Outcome, Unchanged
from tasks.kernel.ledger import Kind
from tasks.kernel.run import Run, current_run, report_passed
from trading_core.approval.request import Step
from trading_core.clock import poll
from trading_core.errors import CheckFailed, NotVerified, Unreachable

P = ParamSpec("P")
T = TypeVar("T")


def action(look: Callable[P, Change[T] | Unchanged[T]]) -> Task[P, Outcome[T]]:
    """Make a task that changes the world from a function that looks and says what to change.

    The task is never retried by the orchestrator and never cached: it verifies itself, and what
    it could not verify a person must look at.
    """

    @wraps(look)
    def perform(*args: P.args, **kwargs: P.kwargs) -> Outcome[T]:
        outcome = _carry_out(look.__name__, look(*args, **kwargs), current_run())
        report_passed(look.__name__, outcome.sentence)
        return outcome

    make = task(name=look.__name__, cache_policy=NO_CACHE, retries=0, tags=["action"])
    return make(perform)


def _carry_out(name: str, found: Change[T] | Unchanged[T], run: Run) -> Outcome[T]:
    key = run.key(name, found.target)
    if isinstance(found, Unchanged):
        return _nothing_to_do(found, run, key)
    if run.dry_run:
        run.steps.append(Step(found.does, found.gated))
        return Outcome(Did.PLANNED, f"would {found.does}")

    facts = dict(found.facts) | _require_approval(found, run)
    run.ledger.append(run, key, Kind.INTENT, found.does, facts)
    answer = _act_once(found, run, key)
    _verify(found, run, key, answered=answer is not None)
    return Outcome(Did.CHANGED, found.does, None if answer is None else answer.value)


def _nothing_to_do(found: Unchanged[T], run: Run, key: str) -> Outcome[T]:
    """Close what an interrupted run left open: its effect is there, only the proof is missing."""
    if not run.dry_run:
        written = run.ledger.since_intent(key)
        if written and not {Kind.PROOF, Kind.FAILED} & set(written):
            sentence = f"found after an interruption: {found.because}"
            if Kind.EFFECT not in written:
                run.ledger.append(run, key, Kind.EFFECT, sentence, {})
            run.ledger.append(run, key, Kind.PROOF, sentence, {})
    return Outcome(Did.NOTHING, found.because, found.value)


def _require_approval(change: Change[T], run: Run) -> dict[str, object]:
    """Spend the grant: it covers every change made under it. Nothing gated is made without."""
    if run.grant is not None:
        run.grant.spend(change.does, run.run_id)
        return dict(run.grant.facts) if change.gated else {}
    if change.gated:
        raise CheckFailed(
            f"{change.does}: expected approval by somebody else, found none",
            next_step=f"let {run.runbook} ask with request_approval, and make it under the grant",
        )
    return {}


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    """The other side's answer, as against none: `None` is a good answer."""

    value: T


def _act_once(change: Change[T], run: Run, key: str) -> _Answer[T] | None:
    try:
        value = change.act(run.fence)
    except Unreachable as error:
        # The order may have arrived and only its answer been lost: looking again decides.
        run.ledger.append(run, key, Kind.NOTE, f"no answer: {error}", {})
        return None
    except Exception as error:
        run.ledger.append(run, key, Kind.FAILED, f"{change.does}: {error}", {})
        raise
    run.ledger.append(run, key, Kind.EFFECT, f"asked to {change.does}", {})
    return _Answer(value)


def _verify(change: Change[T], run: Run, key: str, *, answered: bool) -> None:
    trouble: list[str] = []

    def holds() -> bool:
        trouble.clear()
        try:
            return change.holds()
        except Exception as error:  # noqa: BLE001 - whatever it is, the effect cannot be seen
            trouble.append(f" ({error})")
            return False

    if poll(holds, within=change.within):
        if not answered:
            sentence = f"took effect, only the answer was lost: {change.does}"
            run.ledger.append(run, key, Kind.EFFECT, sentence, {})
        run.ledger.append(run, key, Kind.PROOF, f"verified: {change.does}", {})
        return
    waited = f"{change.within.total_seconds():g} s"
    sentence = f"{change.does}: not visible after {waited}{''.join(trouble)}"
    run.ledger.append(run, key, Kind.UNPROVEN, sentence, {})
    raise NotVerified(sentence, next_step=f"look before you retry; {run.runbook} may be run again")
