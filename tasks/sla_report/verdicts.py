"""The objectives held against what was measured: met, missed, or unknown. Unknown is never met."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tasks.sla_report.objectives import OBJECTIVES, Measure, Objective


class Standing(StrEnum):
    """What came of an objective."""

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Measured:
    """One measure: its value in seconds or as a share, and from how many records it is.

    Attributes:
        value: None when there is no record.
    """

    value: float | None
    count: int


UNMEASURED = Measured(None, 0)


@dataclass(frozen=True, slots=True)
class Result:
    """One objective and what was measured for it."""

    objective: Objective
    measured: Measured

    @property
    def standing(self) -> Standing:
        """Whether the promise was kept."""
        if self.measured.value is None or self.measured.count == 0:
            return Standing.UNKNOWN
        is_met = self.objective.is_met_by(self.measured.value)
        return Standing.MET if is_met else Standing.MISSED


def results(
    evidence: Mapping[Measure, Measured], objectives: Sequence[Objective] = OBJECTIVES
) -> tuple[Result, ...]:
    """Return every objective beside its evidence; without any it is unknown."""
    return tuple(Result(one, evidence.get(one.measure, UNMEASURED)) for one in objectives)
