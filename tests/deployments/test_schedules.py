"""Everything that is deployed, and when it runs by itself."""

from pathlib import Path

import pytest

from deployments.register import deployment_of, load
from deployments.runbooks import discover
from deployments.schedules import SCHEDULES, Schedule, require_known, schedule_of
from tests.fix_stack import settings_for
from trading_core.errors import ConfigurationError

_SNAPSHOT = Path(__file__).parent / "snapshots" / "deployments.txt"


def test_what_is_deployed_and_when_is_what_the_snapshot_says(tmp_path: Path) -> None:
    found = "\n".join(_described(tmp_path))
    assert found == _SNAPSHOT.read_text(), f"if it is meant, {_SNAPSHOT.name} becomes:\n{found}"


def test_every_line_of_the_timetable_names_a_runbook() -> None:
    require_known(discover())


def test_a_line_for_a_runbook_that_is_none_is_refused() -> None:
    stranger = Schedule("sweep-floor", cron="0 9 * * *", says="09:00", kept="nothing")
    with pytest.raises(ConfigurationError, match="names of runbooks, was sweep-floor"):
        require_known(discover(), [*SCHEDULES, stranger])


def test_a_runbook_without_a_line_runs_only_when_started() -> None:
    assert schedule_of("trading-halt") is None


def test_nothing_runs_at_hours_that_come_twice_a_year_or_not_at_all() -> None:
    for line in SCHEDULES:
        hours = line.cron.split()[1]
        if hours != "*":  # what runs all the time may do so an hour more or less
            assert not {int(hour) for hour in hours.split(",")} & {1, 2, 3}, line.runbook


def _described(tmp_path: Path) -> list[str]:
    lines: list[str] = []
    for runbook in discover():
        body = deployment_of(runbook, load(runbook), settings_for(tmp_path, 0))
        lines.append(f"{body['name']}: {runbook.title}")
        lines.append(f"  {body['entrypoint']} on {body['work_pool_name']}")
        for schedule in body["schedules"]:
            when = schedule["schedule"]
            fires = "fires" if schedule["active"] else "does not fire"
            lines.append(f"  {when['cron']} {when['timezone']}, {fires} in a replay")
        properties = body["parameter_openapi_schema"]["properties"]
        required = body["parameter_openapi_schema"].get("required", [])
        for name, schema in properties.items():
            kinds = [kind.get("type", "?") for kind in schema.get("anyOf", [schema])]
            value = "required" if name in required else f"= {schema.get('default')!r}"
            lines.append(f"  {name}: {' or '.join(kinds)} {value}")
        lines.append("")
    return lines
