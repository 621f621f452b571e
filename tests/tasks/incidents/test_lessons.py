"""A post-mortem is done when nothing is left to write; its actions are told when they are late."""

from datetime import date
from pathlib import Path

import pytest

from tasks.incidents.lessons import check_actions_done, check_post_mortem_complete
from tasks.incidents.post_mortem import Story, page_of, path_of
from tasks.kernel import Verdict
from trading_core.clock import SystemClock
from trading_core.settings import Settings
from trading_core.storage.operations.incidents import Incident

ID = "INC-20131007-001"
ROW = "| alarm on silence | OPS-1 | operations | 2013-10-14 | |"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path)


def write(settings: Settings, text: str) -> None:
    path = path_of(settings, ID)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def draft() -> str:
    """Return the page as the house drafts it."""
    now = SystemClock().now()
    one = Incident(
        id=ID,
        subject="crash-1",
        runbook="service-crashed",
        title="the feed fell",
        severity="P1",
        status="closed",
        began_at=now,
        detected_at=now,
        opened_at=now,
        contained_at=None,
        closed_at=now,
        question="",
        outcome="a cable",
    )
    return page_of(Story(one, [], [], []))


def finished(row: str = ROW) -> str:
    page = draft().replace("| _to be written_ | | | | |", row)
    return page.replace("To be written.", "It was written.")


def complete(settings: Settings) -> tuple[Verdict, float | None]:
    found = check_post_mortem_complete.fn(settings, f"post-mortem/{ID}")
    return found.verdict, found.value


def test_a_draft_is_not_complete_and_a_page_that_people_finished_is(settings: Settings) -> None:
    assert complete(settings) == (Verdict.FAIL, None)
    write(settings, draft())
    assert complete(settings) == (Verdict.FAIL, 4)
    write(settings, finished())
    assert complete(settings) == (Verdict.PASS, 0)


@pytest.mark.parametrize(
    "row",
    [
        "| alarm on silence | | operations | 2013-10-14 | |",
        "| alarm on silence | OPS-1 | | 2013-10-14 | |",
        "| alarm on silence | OPS-1 | operations | soon | |",
        "| alarm on silence |",
    ],
)
def test_an_action_without_ticket_owner_or_date_is_not_complete(
    settings: Settings, row: str
) -> None:
    write(settings, finished(row))
    assert complete(settings) == (Verdict.FAIL, 1)


def test_any_other_duty_needs_no_page(settings: Settings) -> None:
    found = check_post_mortem_complete.fn(settings, "post-mortem-meeting/INC-20131007-001")
    assert found.verdict is Verdict.PASS


def test_an_action_past_its_date_is_named_until_somebody_says_it_is_done(
    settings: Settings,
) -> None:
    write(settings, finished())
    due = date(2013, 10, 14)
    assert check_actions_done.fn(settings, due).verdict is Verdict.PASS
    late = check_actions_done.fn(settings, date(2013, 10, 15))
    assert (late.verdict, late.value) == (Verdict.WARN, 1)
    assert late.found == (
        f"1 of 1 actions are overdue: {ID}: alarm on silence (operations), due 2013-10-14"
    )
    write(settings, finished(ROW.replace("| |", "| 2013-10-20 |")))
    assert check_actions_done.fn(settings, date(2013, 10, 15)).verdict is Verdict.PASS
