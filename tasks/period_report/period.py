"""Which days a report is about, and what it is called."""

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

# Over so many days performance is looked at when nobody says otherwise.
PERFORMANCE_DAYS = 30


class Span(StrEnum):
    """What kind of period a report is about."""

    WEEK = "weekly"
    MONTH = "monthly"
    PERFORMANCE = "performance"


@dataclass(frozen=True, slots=True)
class Period:
    """Exchange dates from `starts` to `ends`, both included."""

    span: Span
    starts: date
    ends: date

    @property
    def title(self) -> str:
        """What the period is called: `Week of 7 October 2013`."""
        if self.span is Span.MONTH:
            return f"{self.starts:%B %Y}"
        if self.span is Span.WEEK:
            return f"Week of {_in_words(self.starts)}"
        return f"{_in_words(self.starts)} to {_in_words(self.ends)}"

    def file_name(self, account: str) -> str:
        """Return the name of the report's file; the same period always has the same one."""
        if self.span is Span.PERFORMANCE:
            return f"performance-{self.starts}-to-{self.ends}-{account}.html"
        return f"{self.span}-{self.starts}-{account}.html"


def week_of(day: date) -> Period:
    """Return the week, Monday to Sunday, that a day is in."""
    monday = day - timedelta(days=day.weekday())
    return Period(Span.WEEK, monday, monday + timedelta(days=6))


def month_of(day: date) -> Period:
    """Return the month that a day is in."""
    last = calendar.monthrange(day.year, day.month)[1]
    return Period(Span.MONTH, day.replace(day=1), day.replace(day=last))


def performance_until(day: date, starts: date | None) -> Period:
    """Return the span that ends with a day; without a first one, it is 30 days long."""
    first = starts or day - timedelta(days=PERFORMANCE_DAYS - 1)
    return Period(Span.PERFORMANCE, first, day)


def _in_words(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
