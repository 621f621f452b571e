"""What each kind of answer means, asked of a server that gives exactly that answer."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI, Request, Response

from tests.fix_service import served
from tests.trading_core.paper.exchange_parts import endpoint_of, settings_in, stranger_to
from trading_core.broker.client import Broker
from trading_core.broker.contract import Refused
from trading_core.broker.http import Endpoint, RateLimited
from trading_core.broker.market_data import MarketDataApi
from trading_core.broker.replay import Replay, SessionRequest
from trading_core.domain.orders import OrderRequest, Side
from trading_core.errors import CheckFailed, ConfigurationError, Unreachable

ORDER = OrderRequest("a", "ACME", Side.BUY, 1)
NOON = datetime(2024, 3, 5, 17, tzinfo=UTC)


class Answers:
    """A server that gives one answer to everything, and remembers what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.content = "{}"
        self.asked: list[tuple[str, str]] = []
        self.app = FastAPI()
        self.app.add_api_route("/{path:path}", self._answer, methods=["GET", "POST", "DELETE"])

    def give(self, status: int, content: str) -> None:
        self.status, self.content = status, content

    async def _answer(self, request: Request) -> Response:
        self.asked.append((request.method, request.headers["apca-api-key-id"]))
        return Response(self.content, self.status)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Answers, Endpoint]]:
    answers = Answers()
    settings = settings_in(tmp_path_factory.mktemp("secrets"))
    with served(answers.app) as client:
        yield answers, endpoint_of(settings, str(client.base_url).rstrip("/"))


@pytest.fixture
def answers(server: tuple[Answers, Endpoint]) -> Answers:
    return server[0]


@pytest.fixture
def broker(server: tuple[Answers, Endpoint]) -> Iterator[Broker]:
    with Broker(server[1]) as broker:
        yield broker


def test_who_asked_too_often_is_told_how_long_to_stay_away(
    answers: Answers, broker: Broker
) -> None:
    answers.give(429, '{"code": 1, "message": "busy"}')
    with pytest.raises(RateLimited) as told:
        broker.submit(ORDER)
    assert told.value.retry_after_seconds > 0


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_exchange_in_trouble_has_not_refused(
    answers: Answers, broker: Broker, status: int
) -> None:
    answers.give(status, '{"code": 1, "message": "busy"}')
    with pytest.raises(Unreachable, match=f"status {status} on /v2/orders"):
        broker.submit(ORDER)


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
def test_an_order_that_is_not_taken_is_a_value(
    answers: Answers, broker: Broker, status: int
) -> None:
    answers.give(status, '{"code": 40310000, "message": "no"}')
    assert broker.submit(ORDER) == Refused(40310000, "no")


def test_a_refusal_in_the_words_of_our_own_services_keeps_its_status(
    answers: Answers, broker: Broker
) -> None:
    answers.give(409, '{"code": "CheckFailed", "message": "no session", "next_step": "open one"}')
    assert broker.submit(ORDER) == Refused(40900000, "no session")
    with pytest.raises(CheckFailed, match="no session") as caught:
        broker.account()
    assert caught.value.next_step == "open one"


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (401, '{"message": "forbidden."}'),
        (403, '{"code": 40110000, "message": "request is not authorized"}'),
    ],
)
def test_wrong_credentials_are_a_setting_to_correct_and_not_a_refused_order(
    answers: Answers, broker: Broker, status: int, content: str
) -> None:
    answers.give(status, content)
    with pytest.raises(ConfigurationError, match="expected credentials it knows") as caught:
        broker.submit(ORDER)
    assert "broker_key_id" in caught.value.next_step


@pytest.mark.parametrize("content", ["", "<html>", "[]", "{}", '"text"', '{"id": 1}'])
@pytest.mark.parametrize("status", [200, 422])
def test_an_answer_that_makes_no_sense_is_no_answer(
    answers: Answers, broker: Broker, status: int, content: str
) -> None:
    answers.give(status, content)
    if status == 422 and content.startswith("{"):
        assert isinstance(broker.submit(ORDER), Refused)
    else:
        with pytest.raises(Unreachable):
            broker.submit(ORDER)


@pytest.mark.parametrize("content", ["null", "5", "{}", '[{"nonsense": true}]', "[5]"])
def test_lists_that_make_no_sense_are_no_answer(
    answers: Answers, broker: Broker, server: tuple[Answers, Endpoint], content: str
) -> None:
    answers.give(200, content)
    data, replay = MarketDataApi(server[1]), Replay(server[1])
    questions: list[Callable[[], object]] = [
        broker.positions,
        broker.orders,
        lambda: broker.fills_after(NOON),
        lambda: broker.calendar(date(2024, 3, 5), date(2024, 3, 5)),
        broker.account,
        broker.clock,
        lambda: data.latest_quotes(["ACME"]),
        lambda: data.bars(["ACME"], NOON, NOON),
        replay.session,
        lambda: replay.advance(NOON),
        broker.cancel_all,
    ]
    with closing(data), closing(replay):
        for question in questions:
            with pytest.raises(Unreachable):
                question()


def test_an_exchange_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    endpoint = endpoint_of(settings_in(tmp_path), "http://127.0.0.1:9")
    with Broker(endpoint) as broker, pytest.raises(Unreachable, match="ConnectionRefusedError"):
        broker.account()
    with (
        closing(Replay(endpoint)) as replay,
        pytest.raises(Unreachable, match="ConnectionRefusedError"),
    ):
        replay.open(SessionRequest("synthetic", date(2024, 3, 5)))


def test_every_question_carries_our_credentials(
    answers: Answers, server: tuple[Answers, Endpoint]
) -> None:
    answers.asked.clear()
    answers.give(404, '{"code": 40410000, "message": "not found"}')
    with Broker(stranger_to(server[1])) as broker:
        broker.order_by_client_id("a")
        broker.cancel("a")
    assert answers.asked == [("GET", "nobody"), ("DELETE", "nobody")]


def test_an_order_is_sent_once_and_never_repeated_by_itself(
    answers: Answers, broker: Broker
) -> None:
    answers.asked.clear()
    answers.give(503, "")
    with pytest.raises(Unreachable):
        broker.submit(ORDER)
    assert len(answers.asked) == 1


def test_secrets_are_not_shown_by_an_endpoint(server: tuple[Answers, Endpoint]) -> None:
    assert "the broker_secret_key" not in repr(server[1])
