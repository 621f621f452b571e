"""What the on-call reads: the answer first, then every line in order."""

from tasks.kernel import Checklist, CheckResult, Verdict, settle
from tasks.people.findings import rows_of, verdict_of


def a_checklist(second: Verdict) -> Checklist:
    return settle(
        {
            "disk": CheckResult(Verdict.PASS, "17 % used", "below 80 %"),
            "clock": CheckResult(second, "two minutes off", "within 1 s"),
        }
    )


def test_rows_are_numbered_and_in_the_checklists_order() -> None:
    rows = rows_of(a_checklist(Verdict.FAIL))
    assert [(row["line"], row["check"], row["verdict"]) for row in rows] == [
        (1, "disk", "PASS"),
        (2, "clock", "FAIL"),
    ]


def test_the_verdict_begins_with_the_answer_and_names_what_stands_in_its_way() -> None:
    text = verdict_of(a_checklist(Verdict.FAIL), "pre-market-checklist", "today")
    assert text.splitlines()[0] == "# NOT READY"
    assert "- **FAIL** clock: two minutes off. Expected: within 1 s." in text
    assert "disk" not in text


def test_a_warning_is_ready_and_still_named() -> None:
    text = verdict_of(a_checklist(Verdict.WARN), "pre-market-checklist", "today")
    assert text.splitlines()[0] == "# ready, with warnings"
    assert "**WARN** clock" in text


def test_all_green_is_one_word_and_a_count() -> None:
    text = verdict_of(a_checklist(Verdict.PASS), "pre-market-checklist", "today")
    assert text.splitlines()[0] == "# ready"
    assert text.endswith("2 of 2 lines passed.")
