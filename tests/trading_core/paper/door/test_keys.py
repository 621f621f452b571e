"""The key door: keys are issued, told apart, and, once revoked, never let in again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from tests.fix_service import served
from tests.trading_core.paper.exchange_parts import DAY, settings_in
from trading_core.broker import keys
from trading_core.broker.client import Broker
from trading_core.broker.http import Endpoint
from trading_core.broker.key_door import KeyDoor
from trading_core.broker.keys import ADMIN_TOKEN, KeyPair
from trading_core.broker.replay import Replay, SessionRequest
from trading_core.broker.stream import TradeUpdates
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed, ConfigurationError
from trading_core.paper.door.app import paper_app

FIRST = "the broker_key_id"
SECOND = KeyPair("PKSECOND", SecretStr("made by ourselves"))


@contextmanager
def exchange(state_dir: Path) -> Iterator[tuple[str, KeyDoor]]:
    """An exchange with a key door, on a session of an account of its own."""
    settings = settings_in(state_dir)
    (settings.secrets_dir / ADMIN_TOKEN).write_text("the admin token")
    with served(paper_app(settings)) as client:
        url = str(client.base_url).rstrip("/")
        door = KeyDoor(url, SecretStr("the admin token"))
        yield url, door


def endpoint(url: str, pair: KeyPair = SECOND) -> Endpoint:
    return Endpoint(url, lambda: pair)


def is_let_in(url: str, pair: KeyPair) -> bool:
    with Broker(endpoint(url, pair)) as broker:
        try:
            broker.orders("open")
        except ConfigurationError:
            return False
    return True


def test_a_pair_made_elsewhere_is_let_in_without_its_secret_ever_being_sent(
    tmp_path: Path,
) -> None:
    with exchange(tmp_path) as (url, door):
        assert not is_let_in(url, SECOND)
        door.issue(SECOND)
        door.issue(SECOND)
        assert is_let_in(url, SECOND)
        assert [key.key_id for key in door.report()] == [FIRST, "PKSECOND"]
    journal = (tmp_path / "paper" / "keys.jsonl").read_text()
    assert SECOND.digest() in journal
    assert "made by ourselves" not in journal


def test_the_exchange_makes_a_pair_for_a_person_who_asks(tmp_path: Path) -> None:
    with exchange(tmp_path) as (url, _):
        admin = {"Authorization": "Bearer the admin token"}
        made = httpx.post(f"{url}/keys", json={}, headers=admin).json()
        assert is_let_in(url, KeyPair(made["key_id"], SecretStr(made["secret_key"])))


def test_a_revoked_key_stays_revoked_when_the_exchange_starts_anew(tmp_path: Path) -> None:
    with exchange(tmp_path) as (url, door):
        door.issue(SECOND)
        door.revoke(FIRST)
        door.revoke(FIRST)
        assert not is_let_in(url, KeyPair(FIRST, SecretStr("the broker_secret_key")))
    with exchange(tmp_path) as (url, door):
        assert not is_let_in(url, KeyPair(FIRST, SecretStr("the broker_secret_key")))
        assert is_let_in(url, SECOND)
        assert [key.revoked_at is None for key in door.report()] == [False, True]


def test_a_stream_ends_with_the_key_it_was_opened_with(tmp_path: Path) -> None:
    with exchange(tmp_path) as (url, door):
        door.issue(SECOND)
        replay = Replay(endpoint(url))
        replay.open(SessionRequest("synthetic", DAY, symbols=("ACME",), seed=1))
        replay.close()
        first = Endpoint(url, keys.constant(FIRST, "the broker_secret_key"))
        stream = TradeUpdates(first, on_update=lambda _: None, on_connect=lambda: None)
        stream.start()
        try:
            assert poll(lambda: stream.connected, within=seconds(5))
            assert [key.streams for key in door.report()] == [1, 0]
            door.revoke(FIRST)
            assert poll(lambda: not stream.connected, within=seconds(5))
            assert [key.streams for key in door.report()] == [0, 0]
        finally:
            stream.stop()


def test_a_stream_is_opened_anew_when_its_key_was_rotated(tmp_path: Path) -> None:
    pair = [KeyPair(FIRST, SecretStr("the broker_secret_key"))]
    connects: list[str] = []
    with exchange(tmp_path) as (url, door):
        door.issue(SECOND)
        stream = TradeUpdates(
            Endpoint(url, lambda: pair[0]),
            on_update=lambda _: None,
            on_connect=lambda: connects.append(pair[0].key_id),
        )
        stream.start()
        try:
            assert poll(lambda: connects == [FIRST], within=seconds(5))
            pair[0] = SECOND
            assert poll(lambda: connects == [FIRST, "PKSECOND"], within=seconds(5))
            assert stream.key_id == "PKSECOND"
            assert poll(lambda: [k.streams for k in door.report()] == [0, 1], within=seconds(5))
        finally:
            stream.stop()


def test_the_last_key_that_works_is_not_revoked(tmp_path: Path) -> None:
    with exchange(tmp_path) as (_, door), pytest.raises(CheckFailed, match="last key that works"):
        door.revoke(FIRST)


def test_an_id_is_never_given_to_another_secret(tmp_path: Path) -> None:
    with exchange(tmp_path) as (_, door), pytest.raises(CheckFailed, match="is taken"):
        door.issue(KeyPair(FIRST, SecretStr("another")))


def test_a_revoked_id_is_never_issued_again(tmp_path: Path) -> None:
    with exchange(tmp_path) as (_, door):
        door.issue(SECOND)
        door.revoke("PKSECOND")
        with pytest.raises(CheckFailed, match="is taken"):
            door.issue(SECOND)


def test_the_key_door_needs_its_own_token(tmp_path: Path) -> None:
    with exchange(tmp_path) as (url, _):
        stranger = KeyDoor(url, SecretStr("guess"))
        with pytest.raises(ConfigurationError, match="admin token"):
            stranger.report()


def test_an_exchange_without_an_admin_token_has_no_key_door(tmp_path: Path) -> None:
    with served(paper_app(settings_in(tmp_path))) as client:
        assert client.get("/keys").status_code == 404


def test_the_report_tells_which_key_is_in_use(tmp_path: Path) -> None:
    with exchange(tmp_path) as (url, door):
        door.issue(SECOND)
        assert is_let_in(url, SECOND)
        first, second = door.report()
        assert (first.uses, first.last_used_at) == (0, None)
        assert second.uses == 1
        assert second.last_used_at is not None
        assert second.last_used_at >= second.issued_at
