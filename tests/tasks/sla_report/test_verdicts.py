"""An objective is met, missed or unknown; nothing is claimed without a record."""

import re
from pathlib import Path

import pytest

from tasks.sla_report import tables
from tasks.sla_report.objectives import OBJECTIVES, Measure
from tasks.sla_report.verdicts import Measured, Standing, results

CATALOGUE = Path(__file__).parents[4] / "shared" / "catalogue.md"


def standing_of(number: str, measured: Measured) -> Standing:
    objective = next(one for one in OBJECTIVES if one.id == f"OBJ-{number}")
    (found,) = results({objective.measure: measured}, [objective])
    return found.standing


@pytest.mark.parametrize(
    ("number", "value", "standing"),
    [
        ("01", 0.999, Standing.MET),
        ("01", 0.9989, Standing.MISSED),
        ("02", 0.100, Standing.MET),
        ("02", 0.101, Standing.MISSED),
        ("13", 299.0, Standing.MET),
        ("15", 299.0, Standing.MISSED),
        ("19", 0.94, Standing.MISSED),
    ],
)
def test_the_limit_itself_is_still_kept(number: str, value: float, standing: Standing) -> None:
    assert standing_of(number, Measured(value, 5)) is standing


def test_without_a_record_an_objective_is_unknown_however_good_the_number() -> None:
    assert standing_of("02", Measured(None, 0)) is Standing.UNKNOWN
    assert standing_of("02", Measured(0.0, 0)) is Standing.UNKNOWN
    assert {one.standing for one in results({})} == {Standing.UNKNOWN}


def test_every_objective_is_there_once_and_every_measure_serves_one() -> None:
    assert [one.id for one in OBJECTIVES] == [f"OBJ-{n:02d}" for n in range(1, 24)]
    assert {one.measure for one in OBJECTIVES} == set(Measure)


def test_the_table_says_promise_measure_and_evidence_with_units() -> None:
    judged = results({Measure.ACKNOWLEDGE_P95: Measured(0.0123, 240)})
    row = tables.objectives(judged).artifact()[1]

    assert row == {
        "Objective": "Order execution latency",
        "Promised": "≤ 100 ms",
        "Measured": "12.3 ms",
        "Standing": "met",
        "Records": "240",
        "What was measured": Measure.ACKNOWLEDGE_P95.value,
        "Id": "OBJ-02",
    }
    assert tables.promised(OBJECTIVES[0]) == "≥ 99.90 %"
    assert tables.promised(OBJECTIVES[5]) == "≤ 30 min"


@pytest.mark.skipif(not CATALOGUE.exists(), reason="the catalogue lies beside the project")
def test_every_objective_of_the_catalogue_is_promised() -> None:
    listed = re.findall(r"^\| (OBJ-\d\d) \|", CATALOGUE.read_text(encoding="utf-8"), re.MULTILINE)

    assert set(listed) - {one.id for one in OBJECTIVES} == {"OBJ-24"}
