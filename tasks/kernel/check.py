"""A check looks and never touches. It finds a verdict, with the value, the limit and the unit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import wraps
from typing import ParamSpec

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

from tasks.kernel.run import report_passed

P = ParamSpec("P")


class Verdict(StrEnum):
    """How a check came out. UNKNOWN means it could not be measured, and is never green."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found.

    Attributes:
        found: The measured value, in words, with its unit.
        expected: The limit it was held against, in words, with its unit.
        evidence: The raw readings, for the record.
    """

    verdict: Verdict
    found: str
    expected: str
    evidence: Mapping[str, object] = field(default_factory=dict)


def check(look: Callable[P, CheckResult]) -> Task[P, CheckResult]:
    """Make a read-only task: retried once, never cached (yesterday's check proves nothing).

    One that still crashes is turned into UNKNOWN by the checklist that collects it.
    """
    make = task(
        name=look.__name__,
        cache_policy=NO_CACHE,
        retries=1,
        retry_delay_seconds=0.5,
        tags=["check"],
    )

    @wraps(look)
    def measure(*args: P.args, **kwargs: P.kwargs) -> CheckResult:
        result = look(*args, **kwargs)
        report_passed(look.__name__, f"{result.verdict}, {result.found}")
        return result

    return make(measure)


def graded(
    value: float, *, warn: float, fail: float | None = None, unit: str, what: str
) -> CheckResult:
    """Return the result for a number that should stay below its limits.

    Args:
        value: The measured number, in `unit`.
        warn: From here on WARN.
        fail: From here on FAIL; absent: it never fails, only warns.
        unit: Of all three, as written after a number: " %", " s".
        what: What was measured.
    """
    verdict = Verdict.PASS
    if value >= warn:
        verdict = Verdict.WARN
    if fail is not None and value >= fail:
        verdict = Verdict.FAIL
    limit = f"{what} below {warn:g}{unit}"
    return CheckResult(verdict, f"{what} {value:.4g}{unit}", limit, {"value": value})
