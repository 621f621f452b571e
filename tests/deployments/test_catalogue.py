"""The catalogue is complete, and only what it has can be covered."""

from dataclasses import replace
from pathlib import Path

import pytest

from deployments.catalogue import catalogue, coverage
from deployments.runbooks import Runbook
from trading_core.errors import ConfigurationError

_RUNBOOK = Runbook(
    name="sweep-floor",
    title="Sweep the floor",
    when="Always.",
    changes="The floor.",
    if_red="Sweep again.",
    covers=("DAY-01", "HLT-12"),
    path=Path("flows/daily/sweep_floor.py"),
    function="sweep_floor",
)


def test_the_catalogue_has_all_325_procedures_and_no_id_twice() -> None:
    known = catalogue()
    ids = [entry.id for entry in known.entries]
    procedures = [family for family in known.families if family.procedures]
    assert len(ids) == len(set(ids))
    assert sum(len(known.of_family(family)) for family in procedures) == 325


def test_every_id_belongs_to_a_family_and_has_a_name() -> None:
    families = {family.id for family in catalogue().families}
    for entry in catalogue().entries:
        assert entry.family in families
        assert entry.id.startswith(f"{entry.family}-")
        assert entry.name


def test_an_id_is_covered_by_every_runbook_that_says_so() -> None:
    other = replace(_RUNBOOK, name="mop-floor", covers=("DAY-01",))
    covered = {line.entry.id: line.runbooks for line in coverage([_RUNBOOK, other])}
    assert covered["DAY-01"] == ("sweep-floor", "mop-floor")
    assert covered["HLT-12"] == ("sweep-floor",)
    assert covered["DAY-02"] == ()


def test_some_steps_of_an_id_are_told_from_all_of_them() -> None:
    half = replace(_RUNBOOK, covers=("HLT-12",), partly=("DAY-01",))
    line = next(line for line in coverage([half]) if line.entry.id == "DAY-01")
    assert not line.is_whole
    assert line.partly == ("sweep-floor",)


def test_covering_an_id_that_is_none_is_refused_with_the_file() -> None:
    with pytest.raises(ConfigurationError, match=r"flows/daily/sweep_floor\.py.*'DAY-99'"):
        coverage([replace(_RUNBOOK, covers=("DAY-99",))])
