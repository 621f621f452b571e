"""Whether a run begins in time, and what it does when it does not."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.planning.timetable import Late, Line
from trading_core.clock import EXCHANGE_ZONE

# Waiting for a worker is no lateness worth a word.
_WORTH_A_WORD = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Beginning:
    """One run at its beginning.

    Attributes:
        due_at: When it should have begun.
        now: By the clock its time was set by: the exchange's in a replay.
    """

    line: Line
    due_at: datetime
    now: datetime

    @property
    def is_in_time(self) -> bool:
        """Whether its window is still open."""
        return self.now <= self.due_at + self.line.window

    @property
    def does(self) -> Late:
        """What it does now; in time, it runs."""
        return Late.RUN if self.is_in_time else self.line.late

    @property
    def sentence(self) -> str:
        """The same in words; empty when there is nothing to say."""
        late = self.now - self.due_at
        if late < _WORTH_A_WORD:
            return ""
        due = f"{self.line.runbook} was due {_wall(self.due_at)}"
        if self.is_in_time:
            return (
                f"{due}, begins {_span(late)} later, within its window of {_span(self.line.window)}"
            )
        done = {Late.RUN: "runs all the same", Late.SKIP: "is skipped", Late.ASK: "asks first"}
        return f"{due} within {_span(self.line.window)}, is {_span(late)} late: {done[self.does]}"


def _wall(moment: datetime) -> str:
    return f"{moment.astimezone(EXCHANGE_ZONE):%F %H:%M} New York"


def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds()) // 60
    hours, rest = divmod(minutes, 60)
    return " ".join(
        part for part in (f"{hours} h" * bool(hours), f"{rest} min" * bool(rest)) if part
    )
