"""Each metric of the catalogue is served by whom the page says, or the page says why it is not."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import deployments
import trading_core
from trading_core.metrics import CATALOGUE, Metrics
from trading_core.services import service

ROOT = Path(trading_core.__file__).parent.parent
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
SERVED = PAGE.partition("## Served")[2].partition("## Not served")[0]


def rows(of: str) -> Iterator[tuple[str, list[str], str]]:
    """Return id, quoted names and last column of the page's rows."""
    for line in of.splitlines():
        if match := re.fullmatch(r"\| (DM-M\d+) \| (.*) \| (.*) \|", line):
            yield match[1], re.findall(r"`(\w+)`", match[2]), match[3]


def test_every_id_of_the_catalogue_has_its_row() -> None:
    catalogue = (Path(deployments.__file__).parent / "catalogue.json").read_text()
    asked = set(re.findall(r"DM-M\d+", catalogue))
    assert {row for row, _, _ in rows(PAGE)} == asked
    assert len(asked) == 33, json.dumps(sorted(asked))


@pytest.mark.parametrize(("names", "by"), [(names, by) for _, names, by in rows(SERVED)])
def test_a_name_is_served_by_whom_the_page_says(names: list[str], by: str) -> None:
    own = Metrics().exposition().decode()
    for name in names:
        if f"# TYPE {name.removesuffix('_total')}" in own:
            assert by == "every service"
            continue
        assert name in {metric.name for metric in CATALOGUE}
        told_in = re.compile(rf'\(\s*"{name}"')
        for each in [] if by == "every service" else by.split(", "):
            folder = ROOT.joinpath(*service(each).module.split("."))
            files = folder.rglob("*.py")
            assert any(told_in.search(file.read_text(encoding="utf-8")) for file in files), each


def test_no_row_of_the_list_is_fed_by_nobody() -> None:
    sources = [
        file.read_text(encoding="utf-8")
        for package in ("trading_core", "infra", "deployments")
        for file in (ROOT / package).rglob("*.py")
        if file.name != "metrics.py"
    ]
    unfed = [one.name for one in CATALOGUE if not any(f'"{one.name}"' in text for text in sources)]
    assert unfed == []
