"""Many checks, asked at once, all reported, one verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from prefect.futures import PrefectFuture

from tasks.kernel.check import CheckResult, Verdict
from trading_core.errors import CheckFailed


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

    @property
    def readiness(self) -> Readiness:
        """READY only when every line was measured and none failed."""
        verdicts = {line.result.verdict for line in self.lines}
        if not self.lines or verdicts & {Verdict.FAIL, Verdict.UNKNOWN}:
            return Readiness.NOT_READY
        return Readiness.READY_WITH_WARNINGS if Verdict.WARN in verdicts else Readiness.READY

    def with_verdict(self, *verdicts: Verdict) -> tuple[Line, ...]:
        """Return the lines that came out in one of `verdicts`."""
        return tuple(line for line in self.lines if line.result.verdict in verdicts)

    def require_ready(self, next_step: str) -> None:
        """Stop here unless the list is ready, warnings allowed.

        Raises:
            CheckFailed: Lists every line that failed or could not be measured.
        """
        if self.readiness is not Readiness.NOT_READY:
            return
        red = self.with_verdict(Verdict.FAIL, Verdict.UNKNOWN)
        facts = "; ".join(
            f"{line.name}: expected {line.result.expected}, found {line.result.found}"
            for line in red
        )
        raise CheckFailed(
            f"{len(red)} of {len(self.lines)} checks did not pass: {facts}",
            next_step=next_step,
        )


def collect(
    asked: Mapping[str, PrefectFuture[CheckResult]],
    needs: Mapping[str, tuple[str, ...]] | None = None,
) -> Checklist:
    """Wait for every check, and report all of them; one that crashed is UNKNOWN.

    Args:
        asked: The checks under way, by the name of their line, in the order to report.
        needs: Lines that cannot be measured while another line is red. Such a line says so,
            and which, instead of repeating the same failure in other words.
    """
    return settle({name: _result_of(future) for name, future in asked.items()}, needs)


def settle(
    results: Mapping[str, CheckResult],
    needs: Mapping[str, tuple[str, ...]] | None = None,
) -> Checklist:
    """Return the checklist of `results`, with lines blamed on the line they depend on."""
    red = {name for name, result in results.items() if result.verdict is Verdict.FAIL}

    def blamed(name: str, result: CheckResult) -> CheckResult:
        causes = [cause for cause in (needs or {}).get(name, ()) if cause in red]
        if not causes or result.verdict not in (Verdict.FAIL, Verdict.UNKNOWN):
            return result
        found = f"not measured, because {' and '.join(causes)} is red"
        return CheckResult(Verdict.UNKNOWN, found, result.expected, result.evidence)

    return Checklist(tuple(Line(name, blamed(name, result)) for name, result in results.items()))


def _result_of(future: PrefectFuture[CheckResult]) -> CheckResult:
    # The future promises a result, and hands out the error instead when the task crashed.
    answer: object = future.result(raise_on_failure=False)
    if isinstance(answer, CheckResult):
        return answer
    return CheckResult(Verdict.UNKNOWN, f"could not be measured: {answer}", "a measurement")
