"""The door: what each address answers, and how it says no."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from tests.fix_service import served
from tests.trading_core.paper.exchange_parts import DAY, settings_in
from trading_core.paper.door.app import paper_app

CREDENTIALS = {
    "APCA-API-KEY-ID": "the broker_key_id",
    "APCA-API-SECRET-KEY": "the broker_secret_key",
}
SESSION = {"source": "synthetic", "date": DAY.isoformat(), "seed": 1, "symbols": ["ACME", "BOLT"]}
OPENS, CLOSES = "2024-03-05T14:30:00Z", "2024-03-05T21:00:00Z"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """An exchange that may or may not have a session."""
    settings = settings_in(tmp_path_factory.mktemp("exchange"))
    with served(paper_app(settings), headers=CREDENTIALS) as client:
        yield client


@pytest.fixture
def door(fresh: httpx.Client) -> httpx.Client:
    """An exchange with a new account, a minute after the open."""
    fresh.post("/replay/session", json=SESSION).raise_for_status()
    advance(fresh, "2024-03-05T14:31:00Z")
    return fresh


def advance(door: httpx.Client, to: str) -> dict[str, Any]:
    answer = door.post("/replay/advance", json={"to": to})
    answer.raise_for_status()
    return dict(answer.json())


def submit(door: httpx.Client, **fields: object) -> httpx.Response:
    usual = {"symbol": "ACME", "qty": "10", "side": "buy", "type": "market", "time_in_force": "day"}
    return door.post("/v2/orders", json={**usual, **fields})


def test_before_the_first_session_every_question_is_answered_with_the_next_step(
    fresh: httpx.Client,
) -> None:
    assert fresh.get("/health").status_code == 200
    assert fresh.get("/health/detailed").json()["checks"]["session"]["ok"] is False
    assert fresh.get("/status").json()["session"] is None
    assert fresh.get("/replay/session").status_code == 404
    answer = fresh.get("/v2/account")
    assert answer.status_code == 409
    assert answer.json()["message"] == "exchange: expected an open session, was none"
    assert "/replay/session" in answer.json()["next_step"]


def test_before_the_first_session_a_halt_is_told_that_no_order_is_open(fresh: httpx.Client) -> None:
    assert fresh.get("/v2/orders").json() == []
    cancelled = fresh.delete("/v2/orders")
    assert cancelled.status_code == 207
    assert cancelled.json() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"APCA-API-KEY-ID": "", "APCA-API-SECRET-KEY": ""},
        {"APCA-API-KEY-ID": "the broker_key_id", "APCA-API-SECRET-KEY": "guess"},
        {"APCA-API-KEY-ID": "guess", "APCA-API-SECRET-KEY": "the broker_secret_key"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/account"),
        ("POST", "/v2/orders"),
        ("DELETE", "/v2/orders"),
        ("POST", "/replay/advance"),
        ("POST", "/replay/session"),
        ("GET", "/v2/stocks/bars"),
    ],
)
def test_nothing_is_said_or_done_without_both_credentials(
    door: httpx.Client, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = door.request(method, path, headers=headers)
    assert answer.status_code == 403
    assert answer.json() == {"code": 40110000, "message": "request is not authorized"}


def test_health_metrics_and_status_need_no_credentials(door: httpx.Client) -> None:
    for path in ("/health", "/health/detailed", "/metrics", "/status"):
        assert httpx.get(door.base_url.join(path)).status_code == 200


def test_opening_a_session_answers_where_it_stands(fresh: httpx.Client) -> None:
    answer = fresh.post("/replay/session", json={**SESSION, "date": "2024-03-06"}).json()
    assert {key: answer[key] for key in ("source", "date", "seed", "now", "opens_at")} == {
        "source": "synthetic",
        "date": "2024-03-06",
        "seed": 1,
        "now": "2024-03-06T14:00:00Z",
        "opens_at": "2024-03-06T14:30:00Z",
    }
    assert fresh.get("/replay/session").json() == answer
    assert fresh.get("/status").json()["account"] == answer["account_number"]


def test_a_session_that_cannot_be_is_refused_with_the_next_step(fresh: httpx.Client) -> None:
    answer = fresh.post("/replay/session", json={**SESSION, "date": "2024-12-25"})
    assert answer.status_code == 422
    assert "weekend or a holiday" in answer.json()["message"]
    assert answer.json()["next_step"]


def test_advancing_twice_to_the_same_minute_answers_the_same(door: httpx.Client) -> None:
    submit(door, client_order_id="a")
    first = advance(door, "2024-03-05T14:32:00Z")
    assert first == {
        "now": "2024-03-05T14:32:00Z",
        "executions": 1,
        "is_open": True,
        "done": False,
    }
    assert advance(door, "2024-03-05T14:32:00Z") == first
    assert advance(door, "2024-03-05T14:00:00Z") == first


def test_a_whole_day_can_be_played_at_once(door: httpx.Client) -> None:
    end = advance(door, CLOSES)
    assert (end["now"], end["is_open"], end["done"]) == (CLOSES, False, True)
    clock = door.get("/v2/clock").json()
    assert clock == {
        "timestamp": "2024-03-05T16:00:00-05:00",
        "is_open": False,
        "next_open": "2024-03-06T09:30:00-05:00",
        "next_close": "2024-03-06T16:00:00-05:00",
    }


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("2024-03-06T01:01:00Z", "at most the day's end"),
        ("2024-03-05T14:31:30Z", "a whole minute"),
        ("2024-03-05T14:32:00", "expected a zone"),
        (None, "expected an ISO time"),
    ],
)
def test_a_moment_the_clock_cannot_go_to_is_refused(
    door: httpx.Client, to: object, words: str
) -> None:
    answer = door.post("/replay/advance", json={"to": to})
    assert answer.status_code == 422
    assert words in answer.json()["message"]


def test_an_order_can_be_asked_for_by_either_id(door: httpx.Client) -> None:
    order = submit(door, client_order_id="a").json()
    assert order["status"] == "filled"
    assert door.get(f"/v2/orders/{order['id']}").json() == order
    query = {"client_order_id": "a"}
    assert door.get("/v2/orders:by_client_order_id", params=query).json() == order
    assert door.get("/v2/orders/nobody").status_code == 404
    assert door.get("/v2/orders:by_client_order_id?client_order_id=b").status_code == 404


def test_an_order_without_an_id_of_the_client_gets_one(door: httpx.Client) -> None:
    one, other = submit(door).json(), submit(door).json()
    assert one["client_order_id"] != other["client_order_id"]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"client_order_id": "taken"}, 422, 40010001),
        ({"symbol": "NOPE"}, 422, 42210000),
        ({"qty": "0"}, 422, 42210000),
        ({"qty": "900000"}, 403, 40310000),
    ],
)
def test_a_refused_order_is_answered_with_alpacas_code(
    door: httpx.Client, fields: dict[str, object], status: int, code: int
) -> None:
    submit(door, client_order_id="taken")
    answer = submit(door, **fields)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_body_that_is_no_json_is_refused(door: httpx.Client) -> None:
    answer = door.post("/v2/orders", content=b"{")
    assert (answer.status_code, answer.json()["code"]) == (400, 40010000)


def rest(door: httpx.Client, *names: str) -> list[str]:
    fields = {"type": "limit", "limit_price": "1.00"}
    return [submit(door, client_order_id=name, **fields).json()["id"] for name in names]


def test_cancelling_answers_204_once_and_422_after(door: httpx.Client) -> None:
    [order_id] = rest(door, "a")
    assert door.delete(f"/v2/orders/{order_id}").status_code == 204
    assert door.delete(f"/v2/orders/{order_id}").status_code == 422
    assert door.delete("/v2/orders/nobody").status_code == 404


def test_cancelling_all_answers_207_with_each_order(door: httpx.Client) -> None:
    ids = rest(door, "a", "b")
    answer = door.delete("/v2/orders")
    assert answer.status_code == 207
    assert answer.json() == [{"id": order_id, "status": 200} for order_id in ids]


def listed(door: httpx.Client, **query: object) -> list[str]:
    answer = door.get("/v2/orders", params={k: str(v) for k, v in query.items()})
    answer.raise_for_status()
    return [order["client_order_id"] for order in answer.json()]


def test_orders_are_listed_newest_first_unless_asked_otherwise(door: httpx.Client) -> None:
    ids = rest(door, "a", "b", "c")
    assert listed(door) == ["c", "b", "a"]
    assert listed(door, direction="asc") == ["a", "b", "c"]
    assert listed(door, limit=2) == ["c", "b"]
    assert listed(door, direction="asc", limit=2, after_order_id=ids[0]) == ["b", "c"]
    assert listed(door, after="2024-03-05T14:31:00Z") == []
    assert listed(door, until="2024-03-05T14:31:00Z") == []
    assert listed(door, after=DAY.isoformat(), until=date(2024, 3, 6)) == ["c", "b", "a"]
    assert listed(door, status="closed") == []


def test_a_query_that_makes_no_sense_is_refused_in_alpacas_shape(door: httpx.Client) -> None:
    answer = door.get("/v2/orders", params={"limit": "501"})
    assert answer.status_code == 422
    assert answer.json()["code"] == 42210000
    assert "limit" in answer.json()["message"]
    assert door.get("/v2/orders", params={"after_order_id": "x"}).status_code == 404


def test_an_address_that_is_not_there_is_answered_in_alpacas_shape(door: httpx.Client) -> None:
    assert door.get("/v2/nothing").json()["code"] == 40400000


def test_fills_are_paged_without_gap_or_repetition(door: httpx.Client) -> None:
    for number in range(7):
        submit(door, client_order_id=f"order {number}")
    whole = door.get("/v2/account/activities/FILL", params={"direction": "asc"}).json()
    pages: list[dict[str, str]] = []
    token: dict[str, str] = {}
    while page := door.get(
        "/v2/account/activities/FILL", params={"direction": "asc", "page_size": "3", **token}
    ).json():
        pages += page
        token = {"page_token": page[-1]["id"]}
    assert pages == whole
    assert len(whole) == 7
    newest = door.get("/v2/account/activities/FILL", params={"page_size": "2"}).json()
    assert newest == whole[:-3:-1]
    query = {"page_size": "2", "page_token": newest[-1]["id"]}
    assert door.get("/v2/account/activities/FILL", params=query).json() == whole[4:2:-1]
    query = {"page_token": "20240305::nobody"}
    assert door.get("/v2/account/activities/FILL", params=query).status_code == 422


def test_a_position_is_there_while_it_is_held(door: httpx.Client) -> None:
    assert door.get("/v2/positions/ACME").status_code == 404
    submit(door)
    assert door.get("/v2/positions/ACME").json() == door.get("/v2/positions").json()[0]


def test_bars_are_those_that_have_ended_page_by_page(door: httpx.Client) -> None:
    query = {"symbols": "BOLT,ACME,NOPE", "timeframe": "1Min", "limit": "3"}
    advance(door, "2024-03-05T14:32:00Z")
    first = door.get("/v2/stocks/bars", params=query).json()
    assert [(s, [bar["t"] for bar in bars]) for s, bars in first["bars"].items()] == [
        ("ACME", [OPENS, "2024-03-05T14:31:00Z"]),
        ("BOLT", [OPENS]),
    ]
    rest = door.get(
        "/v2/stocks/bars", params={**query, "page_token": first["next_page_token"]}
    ).json()
    assert [bar["t"] for bar in rest["bars"]["BOLT"]] == ["2024-03-05T14:31:00Z"]
    assert rest["next_page_token"] is None


def test_the_latest_quotes_are_those_of_now(door: httpx.Client) -> None:
    quotes = door.get("/v2/stocks/quotes/latest", params={"symbols": "ACME,NOPE"}).json()["quotes"]
    assert list(quotes) == ["ACME"]
    assert quotes["ACME"]["t"] == "2024-03-05T14:31:00Z"
    assert quotes["ACME"]["bp"] < quotes["ACME"]["ap"]


def test_the_calendar_knows_half_days_and_begins_today_when_not_told(door: httpx.Client) -> None:
    query = {"start": "2024-11-28", "end": "2024-11-29"}
    [day] = door.get("/v2/calendar", params=query).json()
    assert (day["date"], day["open"], day["close"]) == ("2024-11-29", "09:30", "13:00")
    days = door.get("/v2/calendar").json()
    assert days[0]["date"] == DAY.isoformat()
    assert days[-1]["date"] == (DAY + timedelta(days=366)).isoformat()


def test_orders_and_minutes_are_counted(door: httpx.Client) -> None:
    def counted(name: str) -> float:
        lines = door.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    names = ('orders_total{status="fill"}', "trading_messages_processed_total")
    before = [counted(name) for name in names]
    submit(door)
    advance(door, "2024-03-05T14:35:00Z")
    assert [counted(name) for name in names] == [before[0] + 1, before[1] + 4]
