"""The page of what runs by itself is the timetable's, and accounts for every schedule there is."""

from pathlib import Path

import deployments
from deployments.runbooks import discover
from deployments.schedule_page import BY_OTHER_MEANS, NOT_YET, page, schedules
from tasks.planning.timetable import TIMETABLE

_PAGE = Path(deployments.__file__).parent.parent / "docs" / "schedules.md"


def test_the_page_is_what_the_timetable_makes() -> None:
    assert _PAGE.read_text() == page(), "python -m deployments.schedule_page > docs/schedules.md"


def test_every_schedule_is_accounted_for_once() -> None:
    planned = {one for line in TIMETABLE for one in line.ids}
    known = {one.id for one in schedules()}
    assert planned | BY_OTHER_MEANS.keys() | NOT_YET.keys() == known
    assert not planned & BY_OTHER_MEANS.keys()
    assert not NOT_YET.keys() & (planned | BY_OTHER_MEANS.keys())


def test_what_waits_for_a_procedure_does_not_wait_for_one_that_exists() -> None:
    covered = {one for runbook in discover() for one in runbook.covers}
    waiting = {key: words for key, words in NOT_YET.items() if words.split(",")[0] in covered}
    assert not waiting, "give it a line in tasks/planning/timetable.py"
