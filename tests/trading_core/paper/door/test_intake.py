import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from trading_core.domain.orders import Side
from trading_core.errors import ConfigurationError
from trading_core.paper.door.intake.fields import read_body, read_moment
from trading_core.paper.door.intake.orders import read_order
from trading_core.paper.door.intake.sessions import read_session
from trading_core.paper.orders.refusals import Refusal
from trading_core.paper.orders.terms import OrderTerms
from trading_core.paper.orders.words import Duration, OrderKind

ORDER = {"symbol": "ACME", "qty": "10", "side": "buy", "type": "market", "time_in_force": "day"}
LIMIT = {**ORDER, "type": "limit", "limit_price": "9.99"}


def read(body: dict[str, object]) -> OrderTerms | Refusal:
    parsed = read_body(json.dumps(body).encode())
    assert not isinstance(parsed, Refusal)
    return read_order(parsed, "spare")


def refusal_of(body: dict[str, object]) -> Refusal:
    answer = read(body)
    assert isinstance(answer, Refusal), answer
    return answer


def test_a_market_order_is_read() -> None:
    assert read({**ORDER, "client_order_id": "mine"}) == OrderTerms(
        "mine", "ACME", Side.BUY, Decimal(10)
    )


@pytest.mark.parametrize("price", ["9.99", 9.99])
def test_a_limit_price_is_read_exactly_from_text_or_number(price: object) -> None:
    assert read({**LIMIT, "limit_price": price, "qty": 10, "time_in_force": "gtc"}) == OrderTerms(
        "spare", "ACME", Side.BUY, Decimal(10), OrderKind.LIMIT, Decimal("9.99"), Duration.GTC
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"qty": "0"}, "qty must be > 0"),
        ({"qty": "-5"}, "qty must be > 0"),
        ({"qty": "1.5", "time_in_force": "gtc"}, "fractional orders must be DAY"),
        ({"qty": "1000000001"}, "qty must be > 0"),
        ({"qty": "ten"}, "expected a number, was 'ten'"),
        ({"qty": "NaN"}, "expected a number"),
        ({"qty": "Infinity"}, "expected a number"),
        ({"qty": True}, "qty is required"),
        ({"qty": None}, "qty is required"),
        ({"qty": [1]}, "qty is required"),
        ({"symbol": ""}, "symbol is required"),
        ({"symbol": 5}, "symbol is required"),
        ({"side": "hold"}, "invalid side: expected one of buy, sell, was 'hold'"),
        ({"side": ["buy"]}, "invalid side"),
        ({"type": "stop"}, "stop_price is required"),
        ({"type": "peg"}, "invalid type"),
        ({"time_in_force": "gtx"}, "invalid time_in_force"),
        ({"limit_price": "5"}, "market orders must not have a limit_price"),
        ({"stop_price": "5"}, "market orders must not have a stop_price"),
        ({"legs": []}, "legs: not supported"),
        ({"notional": "500"}, "only one of qty or notional"),
        ({"notional": "0.5", "qty": None}, "notional amount must be >= 1.00"),
        ({"extended_hours": True}, "must be DAY or GTC limit"),
        ({"extended_hours": "yes"}, "expected true or false"),
        ({"order_class": "bracket"}, "require take_profit.limit_price"),
        ({"order_class": "mleg"}, "invalid order_class"),
        ({"client_order_id": "x" * 129}, "no more than 128"),
        ({"client_order_id": "a\nb"}, "must be printable"),
        ({"client_order_id": 7}, "must be printable"),
        ({"type": "limit"}, "limit_price is required"),
        ({"type": "limit", "limit_price": "0"}, "limit price must be > 0"),
        ({"type": "limit", "limit_price": "1000000.01"}, "at most 1000000"),
        ({"type": "limit", "limit_price": "1.005"}, "sub-penny"),
        ({"type": "limit", "limit_price": "0.00001"}, "sub-penny"),
        ({"type": "limit", "limit_price": "1e999999"}, "at most 1000000"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(change: dict[str, object], words: str) -> None:
    refusal = refusal_of({**ORDER, **change})
    assert refusal.status == 422
    assert words in refusal.message


def test_below_a_dollar_prices_may_be_finer_than_a_cent() -> None:
    answer = read({**LIMIT, "limit_price": "0.1234"})
    assert isinstance(answer, OrderTerms)
    assert answer.limit_price_usd == Decimal("0.1234")


def test_a_field_that_says_nothing_is_no_request() -> None:
    assert isinstance(read({**ORDER, "stop_price": None, "order_class": ""}), OrderTerms)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"5", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(content: bytes) -> None:
    answer = read_body(content)
    assert isinstance(answer, Refusal)
    assert answer.status == 400


def test_a_session_is_read_with_its_symbols_in_order() -> None:
    spec = read_session(
        {"source": "synthetic", "date": "2024-03-05", "symbols": ["B", "A", "B"], "seed": 3}
    )
    assert (spec.date, spec.symbols, spec.seed) == (date(2024, 3, 5), ("A", "B"), 3)
    assert spec.cash_usd == Decimal("100000.00")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "live"}, "invalid source"),
        ({"date": "5 March"}, "expected YYYY-MM-DD, was '5 March'"),
        ({"date": None}, "date is required"),
        ({"symbols": []}, "expected a list of symbols or null"),
        ({"symbols": "ACME"}, "expected a list of symbols or null"),
        ({"seed": "1"}, "expected a whole number"),
        ({"seed": True}, "expected a whole number"),
        ({"cash_usd": "0"}, "expected whole cents"),
        ({"cash_usd": "0.001"}, "expected whole cents"),
        ({"speed": 2}, "speed: not supported"),
        ({"directory": 5}, "directory is required"),
    ],
)
def test_a_session_that_makes_no_sense_is_refused(change: dict[str, object], words: str) -> None:
    body: dict[str, object] = {"source": "synthetic", "date": "2024-03-05"}
    with pytest.raises(ConfigurationError, match="session: ") as caught:
        read_session({**body, **change})
    assert words in str(caught.value)


def test_moments_are_read_as_utc_and_dates_as_their_first_instant() -> None:
    assert read_moment("2024-03-05T09:31:00-05:00", "to") == datetime(
        2024, 3, 5, 14, 31, tzinfo=UTC
    )
    assert read_moment("2024-03-05", "after") == datetime(2024, 3, 5, tzinfo=UTC)


@pytest.mark.parametrize("text", [None, "", "soon", "2024-03-05T09:31:00"])
def test_a_moment_without_a_zone_or_sense_is_refused(text: object) -> None:
    assert isinstance(read_moment(text, "to"), Refusal)
