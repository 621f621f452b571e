"""`tradeops runbooks` and `tradeops coverage` tell what there is, quickly and without Prefect."""

import json
import re
import subprocess
import sys

from typer.testing import CliRunner

from deployments.catalogue import Covered, catalogue, coverage
from deployments.cli.main import build
from deployments.runbooks import discover


def _output(*arguments: str) -> str:
    result = CliRunner().invoke(build(), list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


def _one_whole_and_one_partly() -> tuple[Covered, Covered]:
    lines = coverage(discover())
    whole = next(line for line in lines if line.is_whole)
    return whole, next(line for line in lines if line.partly and not line.is_whole)


def test_runbooks_lists_each_with_what_it_changes_and_covers() -> None:
    listed = {one["name"]: one for one in json.loads(_output("runbooks", "--json"))}
    assert list(listed) == [runbook.name for runbook in discover()]
    for runbook in discover():
        assert listed[runbook.name]["title"] == runbook.title
        assert listed[runbook.name]["changes"] == runbook.changes
        assert listed[runbook.name]["covers"] == list(runbook.covers)


def test_the_table_names_every_runbook_in_full() -> None:
    table = _output("runbooks")
    for runbook in discover():
        assert runbook.name in table


def test_coverage_names_every_id_and_who_covers_it() -> None:
    table = _output("coverage")
    for entry in catalogue().entries:
        assert f"│ {entry.id}" in table
    whole, partly = _one_whole_and_one_partly()
    assert re.search(rf"{whole.entry.id} .*{whole.runbooks[0]}", table)
    assert re.search(rf"{partly.entry.id} .*partly: {partly.partly[0]}", table)


def test_coverage_missing_leaves_out_what_is_covered() -> None:
    table = _output("coverage", "--missing")
    whole, partly = _one_whole_and_one_partly()
    assert f"│ {whole.entry.id} " not in table
    assert f"│ {partly.entry.id} " in table


def test_coverage_counts_add_up() -> None:
    table = _output("coverage")
    totals = [
        int(n)
        for n in re.findall(r"(?:procedures|what they work on) +│ +\d+ │ +\d+ │ +(\d+)", table)
    ]
    assert sum(totals) == len(catalogue().entries)
    assert totals[0] == 325


def test_no_command_imports_prefect_or_pandas_to_begin_with() -> None:
    program = (
        "import sys; from deployments.cli.main import build; build();"
        "print([name for name in ('prefect', 'pandas', 'matplotlib') if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert answer.stdout.strip() == "[]"
