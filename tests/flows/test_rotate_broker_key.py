"""The broker key is rotated under load, at a key door and by a person's hand."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from flows.security.rotate_broker_key import rotate_broker_key
from infra.secret_store import open_store
from tests.fix_stack import Stack
from tests.flows.artifacts import table_of, text_of
from tests.order_flow import orders_flowing
from trading_core.broker import keys
from trading_core.broker.client import Broker
from trading_core.broker.http import Endpoint
from trading_core.broker.key_door import KeyDoor
from trading_core.broker.keys import ADMIN_TOKEN, KeyFiles, KeyPair
from trading_core.clock import poll, seconds
from trading_core.errors import ConfigurationError
from trading_core.secret_store.contract import Stage
from trading_core.storage.connect import connect
from trading_core.storage.operations import sealed_inputs

pytest_plugins = ["tests.flows.fix_rotation"]
pytestmark = pytest.mark.slow


def is_let_in(stack: Stack, pair: KeyPair) -> bool:
    source = keys.constant(pair.key_id, pair.secret_key.get_secret_value())
    with Broker(Endpoint(stack.settings.url("paper_exchange"), source)) as broker:
        try:
            broker.account()
        except ConfigurationError:
            return False
    return True


def stages(stack: Stack) -> set[Stage]:
    store = open_store(stack.settings)
    return {stage for stage in Stage if store.read("broker_key", stage) is not None}


def test_a_rehearsal_plans_every_step_and_issues_no_key(trading_stack: Stack) -> None:
    door = KeyDoor.of(trading_stack.settings)
    assert door is not None
    before = len(door.report())
    state = rotate_broker_key("drill", 0, dry_run=True, return_state=True)
    assert state.is_completed(), state
    plan = [row["would"] for row in table_of(state, "rotate-broker-key-plan")]
    assert [words for words in plan if "in the secret store" not in words] == [
        "make the next broker key and keep it as PENDING",
        "let the next broker key in beside the one in use",
        "hand the next broker key out to every service",
        "make the next broker key CURRENT",
        "shut the former broker key out",
        "forget the former broker key",
    ]
    assert len(door.report()) == before


def test_it_is_rotated_under_twenty_orders_a_second_without_losing_one(
    trading_stack: Stack,
) -> None:
    former = KeyFiles(trading_stack.settings)()
    with orders_flowing(trading_stack.settings) as flow:
        state = rotate_broker_key("every 90 days", 0, return_state=True)
    assert state.is_completed(), state

    present = KeyFiles(trading_stack.settings)()
    assert present.key_id != former.key_id
    assert is_let_in(trading_stack, present)
    assert not is_let_in(trading_stack, former)
    assert stages(trading_stack) == {Stage.CURRENT}
    assert not flow.errors
    assert flow.counts().keys() == {"sent"}, flow.counts()
    flow.assert_none_lost_or_doubled(trading_stack.settings)


@contextmanager
def a_person_at_the_dashboard(stack: Stack, tmp_path: Path) -> Iterator[None]:
    """Have somebody make a new pair, which ends the old one at once, and seal it."""
    former = KeyFiles(stack.settings)()
    dsn, ids = stack.settings.secret("operations_dsn"), [""]

    def newest() -> str:
        with connect(dsn, application="tests") as connection:
            found = sealed_inputs.newest(connection, "broker_key")
        return "" if found is None else found.id

    earlier = newest()

    def is_asked() -> bool:
        ids[0] = newest()
        return ids[0] != earlier

    def work() -> None:
        if not poll(is_asked, within=seconds(60)):
            return
        url = stack.settings.url("paper_exchange")
        token = stack.settings.secret(ADMIN_TOKEN).get_secret_value()
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}) as admin:
            made = admin.post("/keys", json={}).raise_for_status().json()
            admin.delete(f"/keys/{former.key_id}").raise_for_status()
        file = tmp_path / "pair.json"
        file.write_text(json.dumps(made))
        done = stack.tradeops("seal", ids[0][:10], "--file", str(file))
        assert done.returncode == 0, done.stdout + done.stderr
        assert made["secret_key"] not in done.stdout + done.stderr

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(timeout=60)


def test_without_a_key_door_order_entry_waits_for_a_person_and_says_how_long(
    trading_stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = KeyFiles(trading_stack.settings)()
    monkeypatch.setenv("TRADEOPS_TRADING_ENDPOINT", trading_stack.settings.url("paper_exchange"))
    with (
        orders_flowing(trading_stack.settings) as flow,
        a_person_at_the_dashboard(trading_stack, tmp_path),
    ):
        state = rotate_broker_key("every 90 days", 0, return_state=True)
        assert state.is_completed(), state
        sent = flow.counts()["sent"]
        assert poll(lambda: flow.counts()["sent"] > sent, within=seconds(10))

    assert KeyFiles(trading_stack.settings)().key_id != former.key_id
    assert not is_let_in(trading_stack, former)
    assert stages(trading_stack) == {Stage.CURRENT}
    assert "order entry was paused for" in text_of(state, "rotate-broker-key-downtime")
    # Orders of meanwhile were refused, or told that no key works: not one was lost.
    assert all("expected credentials it knows" in words for words in flow.errors), flow.errors
    reasons = {one["reason"] for one in flow.outcomes.values() if one["outcome"] == "refused"}
    assert reasons <= {"TRADING_DISABLED"}
    flow.assert_none_lost_or_doubled(trading_stack.settings)
