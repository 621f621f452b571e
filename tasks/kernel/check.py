"""A check looks and never touches. It finds a verdict, with the value, the limit and the unit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import wraps
from typing import ParamSpec, overload

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

from tasks.kernel.run import report_passed
from trading_core.status.budget import OutOfTime, answered_within

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
        value: The measured number, in `unit`; None where it is no number.
        limit: The nearest limit, in `unit`.
        unit: As written after a number: " %", " s".
    """

    verdict: Verdict
    found: str
    expected: str
    evidence: Mapping[str, object] = field(default_factory=dict)
    value: float | None = None
    limit: float | None = None
    unit: str = ""


@overload
def check(look: Callable[P, CheckResult]) -> Task[P, CheckResult]:
    """Make a check without a budget."""


@overload
def check(*, within: timedelta) -> Callable[[Callable[P, CheckResult]], Task[P, CheckResult]]:
    """Make a check with a budget."""


def check(
    look: Callable[P, CheckResult] | None = None, *, within: timedelta | None = None
) -> Task[P, CheckResult] | Callable[[Callable[P, CheckResult]], Task[P, CheckResult]]:
    """Make a read-only task: retried once, never cached (yesterday's check proves nothing).

    One that still crashes is turned into UNKNOWN by the checklist that collects it.

    Args:
        within: Its budget: over it the check is UNKNOWN, and holds nobody up. None: it takes as
            long as what it asks.
    """
    if look is not None:
        return _made(look)
    return lambda one: _made(one if within is None else _in_time(one, within))


def _in_time(look: Callable[P, CheckResult], budget: timedelta) -> Callable[P, CheckResult]:
    @wraps(look)
    def timed(*args: P.args, **kwargs: P.kwargs) -> CheckResult:
        # No error, which would be tried again: the time was given, and is up.
        try:
            return answered_within(lambda: look(*args, **kwargs), budget, look.__name__)
        except OutOfTime as error:
            expected = f"a measurement within {budget.total_seconds():g} s"
            return CheckResult(Verdict.UNKNOWN, str(error), expected)

    return timed


def _made(look: Callable[P, CheckResult]) -> Task[P, CheckResult]:
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
    found = f"{what} {value:.4g}{unit}"
    nearest = fail if verdict is Verdict.FAIL and fail is not None else warn
    return CheckResult(verdict, found, limit, {"value": value}, value, nearest, unit)
