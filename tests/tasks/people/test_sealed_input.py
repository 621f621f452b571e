"""A pair brought by a person: sealed on the way, held against the account, then believed."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from tasks.kernel import Run
from tasks.people.sealed_input import (
    NewPair,
    SealedInputs,
    ensure_order_entry_given_back,
    ensure_order_entry_paused,
    ensure_order_entry_resumed,
    ensure_pair_received,
    request_new_pair,
)
from tasks.security import credentials
from tasks.security.broker_key import BrokerKey
from tasks.security.hosts import Hosts
from tests.fakes.core import AT, FakeCore
from tests.fakes.ledger import MemoryLedger
from tests.fakes.places import FakePlaces
from tests.fakes.two_accounts import TwoAccounts
from tests.fix_postgres import OperationsDatabase
from tests.fix_service import served
from trading_core.broker.keys import PAIR, KeyPair
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed, NotVerified, Unreachable
from trading_core.execution import control
from trading_core.execution.control import Word
from trading_core.secret_store import sealed
from trading_core.secret_store.contract import Stage
from trading_core.settings import Settings
from trading_core.storage.connect import Database, connect
from trading_core.storage.operations import sealed_inputs
from trading_core.storage.operations.sealed_inputs import SealedRequest

REASON = "every 90 days"
Bring = Callable[[str], None]


def pair_of(key_id: str) -> KeyPair:
    return KeyPair(key_id, SecretStr(key_id.lower()))


@pytest.fixture
def accounts() -> TwoAccounts:
    return TwoAccounts()


@pytest.fixture
def key(accounts: TwoAccounts, tmp_path: Path) -> Iterator[BrokerKey]:
    """The key of a broker without a key door."""
    with served(accounts.app) as client:
        url = str(client.base_url).rstrip("/")
        settings = Settings(state_dir=tmp_path, trading_endpoint=url)
        settings.secrets_dir.mkdir(parents=True)
        (settings.secrets_dir / "broker_key_id").write_text("PKONE")
        (settings.secrets_dir / "broker_secret_key").write_text("pkone")
        yield BrokerKey.of(settings, timedelta(0), FakePlaces())


@pytest.fixture
def inputs(operations_database: OperationsDatabase) -> Iterator[SealedInputs]:
    with Database(operations_database.app_dsn, application="tests") as database:
        yield SealedInputs(database, seconds(20))


@contextmanager
def a_person(
    database: OperationsDatabase, key: BrokerKey, brings: Callable[[Bring], None]
) -> Iterator[None]:
    """Have somebody wait for the request, and bring pairs as `brings` says."""
    asked: list[SealedRequest] = []

    def look() -> bool:
        with connect(database.app_dsn, application="person") as connection:
            found = sealed_inputs.newest(connection, key.name)
        asked.extend([] if found is None else [found])
        return found is not None

    def bring(key_id: str) -> None:
        request, text = asked[0], SecretStr(pair_of(key_id).as_text())
        with connect(database.app_dsn, application="person") as connection:
            box = sealed.seal(request.public_key, request.id, text)
            sealed_inputs.answer(connection, request.id, box, "on-call")

    def work() -> None:
        if poll(look, within=seconds(20)):
            brings(bring)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(timeout=30)


def test_a_pair_of_the_same_account_is_taken_and_handed_out(
    run: Run,
    key: BrokerKey,
    inputs: SealedInputs,
    accounts: TwoAccounts,
    operations_database: OperationsDatabase,
    ledger: MemoryLedger,
) -> None:
    def brings(bring: Bring) -> None:
        accounts.regenerate("PKTWO")
        bring("PKTWO")

    credentials.ensure_secret_adopted.fn(key)
    with a_person(operations_database, key, brings):
        brought = request_new_pair.fn(inputs, key, REASON)
    ensure_pair_received.fn(key, brought)
    credentials.ensure_next_handed_out.fn(key)
    credentials.ensure_next_current.fn(key)
    credentials.ensure_former_forgotten.fn(key)
    assert key.label(key.in_use()) == "PKTWO"
    assert key.accepts(key.in_use())
    assert key.store.read(key.name, Stage.PREVIOUS) is None
    with connect(operations_database.superuser_dsn, application="tests") as connection:
        kept = str(connection.execute("SELECT * FROM sealed_answers").fetchall())
        kept += str(connection.execute("SELECT * FROM sealed_requests").fetchall())
    assert "pktwo" not in kept
    assert "pktwo" not in f"{ledger.records}{brought!r}"


@pytest.mark.parametrize(
    "knows",
    [
        ({"PKONE": "PA1", "PKTWO": "PA1", "PKOTHER": "PA2"}, "opens PA2"),
        ({"PKONE": "PA1", "PKTWO": "PA1", "PKOTHER": "987654321"}, "opens 987654321"),
        ({"PKONE": "PA1", "PKTWO": "PA1"}, "expected credentials it knows"),
    ],
    ids=["another account", "a live one", "a key nobody knows"],
)
@pytest.mark.usefixtures("run")
def test_a_pair_of_another_account_is_refused_and_the_wait_goes_on(
    key: BrokerKey,
    inputs: SealedInputs,
    accounts: TwoAccounts,
    operations_database: OperationsDatabase,
    knows: tuple[dict[str, str], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    accounts.keys, wrong = knows
    credentials.ensure_secret_adopted.fn(key)

    def brings(bring: Bring) -> None:
        bring("PKOTHER")
        assert poll(lambda: wrong in caplog.text, within=seconds(15))
        bring("PKTWO")

    with a_person(operations_database, key, brings):
        brought = request_new_pair.fn(inputs, key, REASON)
    assert brought is not None
    assert key.label(brought.value) == "PKTWO"
    assert wrong in caplog.text
    assert "pkother" not in caplog.text


def test_an_account_with_another_equity_is_not_the_same(
    run: Run,
    key: BrokerKey,
    inputs: SealedInputs,
    accounts: TwoAccounts,
    operations_database: OperationsDatabase,
) -> None:
    def brings(bring: Bring) -> None:
        accounts.equity_usd = "50000"
        bring("PKONE")

    credentials.ensure_secret_adopted.fn(key)
    with (
        a_person(operations_database, key, brings),
        pytest.raises(CheckFailed, match=r"expected about \$100,000\.00 of equity, found \$50"),
    ):
        request_new_pair.fn(replace(inputs, within=seconds(2)), key, REASON)


def test_a_run_that_was_killed_while_it_waited_takes_the_answer_to_its_question(
    run: Run,
    key: BrokerKey,
    inputs: SealedInputs,
    accounts: TwoAccounts,
    operations_database: OperationsDatabase,
) -> None:
    credentials.ensure_secret_adopted.fn(key)
    nobody = pytest.raises(CheckFailed, match="nobody brought one")
    with nobody:  # the wait of the first run, cut short; its request is good for longer
        request_new_pair.fn(replace(inputs, within=seconds(2)), key, REASON)
    with connect(operations_database.owner_dsn, application="tests") as connection:
        connection.execute("ALTER TABLE sealed_requests DISABLE TRIGGER USER")
        connection.execute("UPDATE sealed_requests SET expires_at = expires_at + '1 min'")

    def brings(bring: Bring) -> None:
        accounts.regenerate("PKTWO")
        bring("PKTWO")

    with a_person(operations_database, key, brings):
        brought = request_new_pair.fn(inputs, key, REASON)
    assert brought is not None
    with connect(operations_database.app_dsn, application="tests") as connection:
        assert connection.execute("SELECT count(*) FROM sealed_requests").fetchone() == (1,)


def test_order_entry_is_paused_and_resumed_by_this_runbook_only(run: Run, key: BrokerKey) -> None:
    core = FakeCore()
    core.trading = control.enabled(core.trading, Word("start", "ann", AT, 1), resume=False)
    ensure_order_entry_paused.fn(key, core, REASON)
    assert not core.trading.accepts_orders
    assert ensure_order_entry_resumed.fn(key, core, REASON).changed
    assert core.trading.accepts_orders


def test_when_nobody_brings_a_pair_orders_go_on_with_the_one_that_still_works(
    run: Run, key: BrokerKey, accounts: TwoAccounts
) -> None:
    core = FakeCore()
    core.trading = control.enabled(core.trading, Word("start", "ann", AT, 1), resume=False)
    ensure_order_entry_paused.fn(key, core, REASON)
    accounts.regenerate("PKTWO")  # by somebody who has not brought it
    assert not ensure_order_entry_given_back.fn(key, core, REASON).changed
    assert not core.state().accepts_orders

    accounts.regenerate("PKONE")
    assert ensure_order_entry_given_back.fn(key, core, REASON).changed
    assert core.state().accepts_orders
    core.halt("loss of the day")
    assert not ensure_order_entry_given_back.fn(key, core, REASON).changed


@pytest.mark.usefixtures("run")
def test_a_host_that_reads_the_pair_is_given_it_and_one_that_is_dark_is_waited_for(
    key: BrokerKey, accounts: TwoAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = FakePlaces()
    one = replace(key, hosts=Hosts(places, (PAIR,)))
    credentials.ensure_secret_adopted.fn(one)
    accounts.regenerate("PKTWO")
    ensure_pair_received.fn(one, NewPair("1", SecretStr(pair_of("PKTWO").as_text())))
    places.missing = {
        "trade_executor": [f"/srv/state/secrets/{PAIR}"],
        "market_data": ["/etc/systemd/system/tradeops-market_data.service"],
    }
    places.dark = True
    monkeypatch.setattr(credentials, "_SHOWS_WITHIN", timedelta(milliseconds=10))
    with pytest.raises((NotVerified, Unreachable)):
        credentials.ensure_next_handed_out.fn(one)
    assert one.store.read(one.name, Stage.PENDING) is not None

    places.dark = False
    assert credentials.ensure_next_handed_out.fn(one).changed
    assert places.commands == ["provide trade_executor"]
    assert not credentials.ensure_next_handed_out.fn(one).changed


def test_a_halt_of_meanwhile_stays_a_halt(run: Run, key: BrokerKey) -> None:
    core = FakeCore()
    core.trading = control.enabled(core.trading, Word("start", "ann", AT, 1), resume=False)
    ensure_order_entry_paused.fn(key, core, REASON)
    core.halt("loss of the day")
    assert not ensure_order_entry_resumed.fn(key, core, REASON).changed
    assert not core.trading.accepts_orders


def test_a_rehearsal_asks_nobody_and_foresees_the_pause(
    rehearsal: Run, key: BrokerKey, inputs: SealedInputs
) -> None:
    core = FakeCore()
    core.trading = control.enabled(core.trading, Word("start", "ann", AT, 1), resume=False)
    ensure_order_entry_paused.fn(key, core, REASON)
    assert request_new_pair.fn(inputs, key, REASON) is None
    ensure_pair_received.fn(key, None)
    ensure_order_entry_resumed.fn(key, core, REASON)
    assert rehearsal.plan == [
        "pause order entry",
        "keep the key pair that a person brings as PENDING",
        "resume order entry",
    ]
    assert core.trading.accepts_orders
