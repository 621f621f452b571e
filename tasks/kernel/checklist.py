"""Many checks, asked at once, all reported, one verdict."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture

from tasks.kernel.change import Outcome
from tasks.kernel.check import CheckResult, Verdict
from trading_core.clock import stopwatch_seconds
from trading_core.errors import CheckFailed, NotVerified


class Readiness(StrEnum):
    """What a checklist as a whole says."""

    READY = "READY"
    READY_WITH_WARNINGS = "READY WITH WARNINGS"
    NOT_READY = "NOT READY"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a checklist."""

    name: str
    result: CheckResult


@dataclass(frozen=True, slots=True)
class Checklist:
    """All lines, in order, and what they add up to."""

    lines: tuple[Line, ...]

    def __add__(self, more: "Checklist") -> "Checklist":
        """Return both lists as one."""
        return Checklist(self.lines + more.lines)

    @property
    def readiness(self) -> Readiness:
        """READY only when every line was measured and none failed."""
        verdicts = {line.result.verdict for line in self.lines}
        if not self.lines or verdicts & {Verdict.FAIL, Verdict.UNKNOWN}:
            return Readiness.NOT_READY
        return Readiness.READY_WITH_WARNINGS if Verdict.WARN in verdicts else Readiness.READY

    @property
    def is_ready(self) -> bool:
        """Whether it is READY, with warnings or without."""
        return self.readiness is not Readiness.NOT_READY

    def is_red(self, name: str) -> bool:
        """Whether a line was measured and failed; one that could not be measured is not red."""
        return any(line.name == name for line in self.with_verdict(Verdict.FAIL))

    def is_well(self, name: str) -> bool:
        """Whether a line was measured and is green."""
        return any(line.name == name for line in self.with_verdict(Verdict.PASS))

    def with_verdict(self, *verdicts: Verdict) -> tuple[Line, ...]:
        """Return the lines that came out in one of `verdicts`."""
        return tuple(line for line in self.lines if line.result.verdict in verdicts)

    def require_ready(self, next_step: str) -> None:
        """Stop here unless the list is ready, warnings allowed.

        Raises:
            CheckFailed: Lists every line that failed or could not be measured.
        """
        if not self.is_ready:
            raise CheckFailed(self._red_lines(), next_step=next_step)

    def require_measured(self, next_step: str) -> None:
        """Stop here when a line could not be measured, whatever the others say.

        Raises:
            CheckFailed: Lists every line that failed or could not be measured.
        """
        if self.with_verdict(Verdict.UNKNOWN):
            raise CheckFailed(self._red_lines(), next_step=next_step)

    def require_confirmed(self, next_step: str) -> None:
        """The same for a list of protective steps, some of which were done.

        Raises:
            NotVerified: Lists every step that is not confirmed.
        """
        if not self.is_ready:
            raise NotVerified(self._red_lines(), next_step=next_step)

    def _red_lines(self) -> str:
        red = self.with_verdict(Verdict.FAIL, Verdict.UNKNOWN)
        facts = "; ".join(
            f"{line.name}: expected {line.result.expected}, found {line.result.found}"
            for line in red
        )
        return f"{len(red)} of {len(self.lines)} checks did not pass: {facts}"


def collect(
    asked: Mapping[str, PrefectFuture[CheckResult]],
    needs: Mapping[str, tuple[str, ...]] | None = None,
    within: timedelta | None = None,
    advice: Collection[str] = (),
) -> Checklist:
    """Wait for every check, and report all of them; one that crashed is UNKNOWN.

    Args:
        within: For how long; whatever has no result by then is UNKNOWN. None: until all have.
        advice: Lines that stop nobody: red or not known they are a warning, and never green.
        asked: The checks under way, by the name of their line, in the order to report.
        needs: Lines that cannot be measured while another line is red. Such a line says so,
            and which, instead of repeating the same failure in other words.
    """
    began_seconds = stopwatch_seconds()

    def left_seconds() -> float | None:
        if within is None:
            return None
        return max(within.total_seconds() - (stopwatch_seconds() - began_seconds), 0.001)

    results = {name: _result_of(future, left_seconds()) for name, future in asked.items()}
    return settle(results, needs, advice)


def ended(runs: Mapping[str, State[Any]]) -> Checklist:
    """Return the checklist of whole other runbooks: each ran, whatever became of the others.

    Args:
        runs: The final state of each, called with `return_state=True`.
    """
    return settle(
        {
            name: CheckResult(
                Verdict.PASS if state.is_completed() else Verdict.FAIL,
                "done" if state.is_completed() else f"{state.name}: {state.message}",
                "done",
            )
            for name, state in runs.items()
        }
    )


def confirmed(steps: Mapping[str, State[Outcome[Any]]]) -> Checklist:
    """Return the checklist of protective steps: each was tried, whatever became of the others.

    Args:
        steps: The final state of each action, called with `return_state=True`.
    """
    return settle({name: _confirmation(state) for name, state in steps.items()})


@contextmanager
def meanwhile(
    under_way: Mapping[str, PrefectFuture[Outcome[Any]]], next_step: str
) -> Iterator[None]:
    """Go on while actions are under way that nothing in the block waits for.

    They are waited for however the block ends: none is left without its proof.

    Args:
        under_way: The actions, started with `submit`.
        next_step: What to do when the block is through and one of them is not confirmed.

    Raises:
        NotVerified: Lists those that are not.
    """
    try:
        yield
    finally:
        for future in under_way.values():
            future.wait()
    confirmed({name: future.state for name, future in under_way.items()}).require_confirmed(
        next_step
    )


def settle(
    results: Mapping[str, CheckResult],
    needs: Mapping[str, tuple[str, ...]] | None = None,
    advice: Collection[str] = (),
) -> Checklist:
    """Return the checklist of `results`, with lines blamed on the line they depend on."""
    red = {name for name, result in results.items() if result.verdict is Verdict.FAIL}

    def blamed(name: str, result: CheckResult) -> CheckResult:
        causes = [cause for cause in (needs or {}).get(name, ()) if cause in red]
        if not causes or result.verdict not in (Verdict.FAIL, Verdict.UNKNOWN):
            return result
        found = f"not measured, because {' and '.join(causes)} is red"
        return CheckResult(Verdict.UNKNOWN, found, result.expected, result.evidence)

    lines = [Line(name, blamed(name, result)) for name, result in results.items()]
    return Checklist(tuple(_advised(one) if one.name in advice else one for one in lines))


def _advised(line: Line) -> Line:
    if line.result.verdict not in (Verdict.FAIL, Verdict.UNKNOWN):
        return line
    return Line(line.name, replace(line.result, verdict=Verdict.WARN))


def _confirmation(state: State[Outcome[Any]]) -> CheckResult:
    outcome: object = state.result(raise_on_failure=False)
    if isinstance(outcome, Outcome):
        return CheckResult(Verdict.PASS, outcome.sentence, "done and verified")
    return CheckResult(Verdict.FAIL, str(outcome), "done and verified")


def _result_of(future: PrefectFuture[CheckResult], timeout_seconds: float | None) -> CheckResult:
    # The future promises a result, and hands out the error instead when the task crashed.
    try:
        answer: object = future.result(timeout=timeout_seconds, raise_on_failure=False)
    except TimeoutError:
        return CheckResult(Verdict.UNKNOWN, "no result when time was up", "a measurement")
    if isinstance(answer, CheckResult):
        return answer
    return CheckResult(Verdict.UNKNOWN, f"could not be measured: {answer}", "a measurement")
