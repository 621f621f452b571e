"""Everything that is deployed, and when it runs by itself."""

from pathlib import Path

from deployments.register import deployment_of, load
from deployments.runbooks import discover
from tasks.planning.timetable import line_of, require_known
from tests.fix_stack import settings_for

_SNAPSHOT = Path(__file__).parent / "snapshots" / "deployments.txt"


def test_what_is_deployed_and_when_is_what_the_snapshot_says(tmp_path: Path) -> None:
    found = "\n".join(_described(tmp_path))
    assert found == _SNAPSHOT.read_text(), f"if it is meant, {_SNAPSHOT.name} becomes:\n{found}"


def test_every_line_of_the_timetable_names_a_runbook() -> None:
    require_known(runbook.name for runbook in discover())


def test_a_deployment_tells_people_when_it_runs_what_it_does_late_and_what_is_kept(
    tmp_path: Path,
) -> None:
    (runbook,) = (one for one in discover() if one.name == "pre-market-checklist")
    text = deployment_of(runbook, load(runbook), settings_for(tmp_path, 0))["description"]
    assert "**Runs:** 30 min before the open" in text
    assert "**When late:** more than 25 min late it asks people first" in text
    assert "**Kept:** record 2 years" in text


def _described(tmp_path: Path) -> list[str]:
    lines: list[str] = []
    for runbook in discover():
        body = deployment_of(runbook, load(runbook), settings_for(tmp_path, 0))
        lines.append(f"{body['name']}: {runbook.title}")
        lines.append(f"  {body['entrypoint']} on {body['work_pool_name']}")
        if (line := line_of(runbook.name)) and not body["schedules"]:
            lines.append(f"  planned {line.rhythm}")
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
