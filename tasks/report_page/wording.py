"""How numbers and times read in the report: signs that line up, units that are said."""

from datetime import UTC, date, datetime
from decimal import Decimal

from trading_core.clock import EXCHANGE_ZONE
from trading_core.domain.money import to_cents

# The true minus sign: as wide as the plus, so columns of tabular figures line up.
MINUS = "\N{MINUS SIGN}"
ABSENT = "\N{EN DASH}"


def money(amount_usd: Decimal) -> str:
    """Return an amount to the cent, as in `$1,234.56`; a minus sign stands before the dollar."""
    cents = to_cents(amount_usd)
    return f"{MINUS if cents < 0 else ''}${abs(cents):,.2f}"


def change(amount_usd: Decimal) -> str:
    """Return a profit or loss to the cent with its sign, as in `+$1,234.56`; zero has none."""
    return f"+{money(amount_usd)}" if to_cents(amount_usd) > 0 else money(amount_usd)


def price(price_usd: Decimal) -> str:
    """Return a price with two to four decimals, as many as it needs."""
    return f"{price_usd:,.4f}".removesuffix("00")


def count(number: int) -> str:
    """Return a whole number with thousands separators and the true minus sign."""
    return f"{number:,}".replace("-", MINUS)


def percent(part: Decimal | int, whole: Decimal | int) -> str:
    """Return `part` of `whole` in percent with two decimals; a dash when there is no whole."""
    if whole == 0:
        return ABSENT
    return f"{Decimal(part) / Decimal(whole) * 100:,.2f} %".replace("-", MINUS)


def ratio(number: float | Decimal | None, decimals: int = 2) -> str:
    """Return a plain number such as a Sharpe ratio; a dash when there is none."""
    if number is None:
        return ABSENT
    return f"{number:,.{decimals}f}".replace("-", MINUS)


def share(part: float | Decimal | None) -> str:
    """Return a part of one in percent with two decimals; a dash when there is none."""
    return ABSENT if part is None else f"{part * 100:,.2f} %".replace("-", MINUS)


def basis_points(number: Decimal | None) -> str:
    """Return hundredths of a per cent with one decimal and their sign; a dash when none."""
    if number is None:
        return ABSENT
    rounded = round(number, 1) or Decimal("0.0")
    return f"{rounded:+,.1f} bp".replace("-", MINUS).replace("+0.0", "0.0")


def market_time(moment: datetime) -> str:
    """Return a market time as the exchange's clock shows it: `09:31`."""
    return f"{moment.astimezone(EXCHANGE_ZONE):%H:%M}"


def short_wall_time(moment: datetime) -> str:
    """Return a wall time for a table, in UTC, to the minute: `2 Mar 21:04`."""
    at = moment.astimezone(UTC)
    return f"{at.day} {at:%b %H:%M}"


def wall_time(moment: datetime) -> str:
    """Return a wall time in full, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def long_date(day: date) -> str:
    """Return a date in words: `Monday, 7 October 2013`."""
    return f"{day:%A}, {day.day} {day:%B %Y}"


def duration(nanoseconds: int) -> str:
    """Return a duration in the unit that leaves three significant figures."""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1_000)):
        if nanoseconds >= size:
            return f"{_three_figures(Decimal(nanoseconds) / size)} {unit}"
    return f"{nanoseconds} ns"


def span(seconds: float | None) -> str:
    """Return a span of time as people say it: `42.1 s`, `4 min 5 s`, `2 h 30 min`, `3.1 d`."""
    if seconds is None:
        return ABSENT
    if seconds < 60:
        return duration(round(seconds * 1_000_000_000)) if seconds else "0 s"
    whole = round(seconds)
    if whole >= 2 * 86_400:
        return f"{seconds / 86_400:,.1f} d"
    large, small, size_seconds = ("h", "min", 3_600) if whole >= 3_600 else ("min", "s", 60)
    rest = whole % size_seconds * 60 // size_seconds
    return f"{whole // size_seconds} {large}" + (f" {rest} {small}" if rest else "")


def size(size_bytes: int) -> str:
    """Return a file size in decimal units."""
    for unit, unit_bytes in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= unit_bytes:
            return f"{_three_figures(Decimal(size_bytes) / unit_bytes)} {unit}"
    return f"{size_bytes} B"


def plural(number: int, noun: str) -> str:
    """Return a count with its noun: `1 break`, `2 breaks`, `no breaks`."""
    if number == 0:
        return f"no {noun}s"
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def _three_figures(number: Decimal) -> str:
    decimals = max(0, 2 - number.adjusted())
    return f"{number:,.{decimals}f}"
