"""The kill switch's report says what is certain, what is not, and what proves what."""

import pytest

from tasks.kernel import Checklist, CheckResult, Line, Run, Verdict
from tasks.trading.kill_report import notify_killed


def lines(**verdicts: Verdict) -> Checklist:
    return Checklist(
        tuple(
            Line(name.replace("_", " "), CheckResult(verdict, "as found", "as expected"))
            for name, verdict in verdicts.items()
        )
    )


GOOD, BAD, DARK = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
SEEN = lines(executor_silent=GOOD, no_open_order=GOOD)


def verdicts(report: Checklist) -> dict[str, Verdict]:
    return {line.name: line.result.verdict for line in report.lines}


def test_a_step_whose_answer_was_lost_is_a_warning_when_a_look_proves_it(run: Run) -> None:
    done = lines(trading_halted=BAD, orders_cancelled=GOOD)
    report = notify_killed.fn("drill", SEEN, done, lines())
    assert report.is_ready
    assert verdicts(report)["trading halted"] is Verdict.WARN


@pytest.mark.parametrize("look", [BAD, DARK])
def test_what_no_look_proves_is_not_confirmed(run: Run, look: Verdict) -> None:
    seen = lines(executor_silent=look, no_open_order=GOOD)
    report = notify_killed.fn("drill", seen, lines(trading_halted=BAD), lines())
    assert not report.is_ready
    assert verdicts(report) == {
        "executor silent": look,
        "no open order": GOOD,
        "trading halted": BAD,
    }


def test_a_service_that_was_not_stopped_is_not_confirmed(run: Run) -> None:
    report = notify_killed.fn("drill", SEEN, lines(), lines(gateway_stopped=BAD))
    assert not report.is_ready
