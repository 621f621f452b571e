from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.report_page import wording

cents = st.integers(-(10**14), 10**14).map(lambda number: Decimal(number) / 100)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "$0.00"),
        ("1234567.891", "$1,234,567.89"),
        ("-0.5", "\N{MINUS SIGN}$0.50"),
        ("-0.004", "$0.00"),
    ],
)
def test_money_is_to_the_cent_with_separators_and_a_real_minus(amount: str, text: str) -> None:
    assert wording.money(Decimal(amount)) == text


@given(cents)
def test_a_change_read_back_is_the_amount(amount: Decimal) -> None:
    text = wording.change(amount)

    plain = text.replace("$", "").replace(",", "").replace(wording.MINUS, "-")
    assert Decimal(plain) == amount
    assert text.startswith("+") == (amount > 0)


def test_less_than_half_a_cent_is_no_change() -> None:
    assert wording.change(Decimal("0.004")) == "$0.00"


@pytest.mark.parametrize(
    ("amount", "text"), [("13.9", "13.90"), ("13.9379", "13.9379"), ("1680.5", "1,680.50")]
)
def test_a_price_shows_the_decimals_it_needs(amount: str, text: str) -> None:
    assert wording.price(Decimal(amount)) == text


def test_a_share_of_nothing_is_a_dash_not_a_crash() -> None:
    assert wording.percent(3, 0) == wording.ABSENT
    assert wording.percent(1, 3) == "33.33 %"


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(740, "740 ns"), (1_212, "1.21 µs"), (912_000, "912 µs"), (2_000_000_000, "2.00 s")],
)
def test_a_duration_is_in_the_unit_that_fits(nanoseconds: int, text: str) -> None:
    assert wording.duration(nanoseconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, wording.ABSENT),
        (0.0, "0 s"),
        (42.13, "42.1 s"),
        (245.0, "4 min 5 s"),
        (1_800.0, "30 min"),
        (9_000.0, "2 h 30 min"),
        (86_400.0, "24 h"),
        (270_000.0, "3.1 d"),
    ],
)
def test_a_span_is_said_as_people_do(seconds: float | None, text: str) -> None:
    assert wording.span(seconds) == text


@pytest.mark.parametrize(
    ("points", "text"),
    [
        ("12.34", "+12.3 bp"),
        ("-0.5", "\N{MINUS SIGN}0.5 bp"),
        ("0.04", "0.0 bp"),
        ("-0.04", "0.0 bp"),
    ],
)
def test_basis_points_have_a_sign_and_nothing_has_none(points: str, text: str) -> None:
    assert wording.basis_points(Decimal(points)) == text
    assert (
        wording.basis_points(None) == wording.ratio(None) == wording.share(None) == wording.ABSENT
    )


def test_market_times_are_new_yorks_and_wall_times_say_utc() -> None:
    moment = datetime(2013, 10, 7, 13, 31, tzinfo=UTC)

    assert wording.market_time(moment) == "09:31"
    assert wording.wall_time(moment) == "2013-10-07 13:31:00 UTC"
    assert wording.long_date(date(2013, 10, 7)) == "Monday, 7 October 2013"


@pytest.mark.parametrize(("number", "text"), [(0, "no breaks"), (1, "1 break"), (2, "2 breaks")])
def test_nouns_agree_with_their_number(number: int, text: str) -> None:
    assert wording.plural(number, "break") == text


@pytest.mark.parametrize(("size_bytes", "text"), [(812, "812 B"), (1_843_221, "1.84 MB")])
def test_a_size_is_in_the_unit_that_fits(size_bytes: int, text: str) -> None:
    assert wording.size(size_bytes) == text
