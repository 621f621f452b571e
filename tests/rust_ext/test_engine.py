"""The engine as Python sees it. Its rules are proven in rust_ext/tests; here, the door."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_core import engine as face
from trading_core._engine import Engine
from trading_core.engine import (
    COMMAND,
    MESSAGE,
    EventKind,
    Flag,
    Kind,
    Limit,
    Reason,
    Scope,
    Side,
    TimeInForce,
)


@pytest.fixture
def engine() -> Engine:
    return Engine(books=2, accounts=3, orders=100)


def told(engine: Engine) -> list[tuple[EventKind, int, int, int, int]]:
    return [
        (EventKind(e["kind"]), int(e["id"]), int(e["other"]), int(e["price"]), int(e["quantity"]))
        for e in face.events(engine)
    ]


def test_an_order_that_meets_another_trades_at_the_resting_price(engine: Engine) -> None:
    assert engine.submit(1, 0, 0, Side.SELL, 51, 10) == 1
    assert engine.submit(2, 1, 0, Side.BUY, 52, 15) == 2
    assert told(engine)[1:] == [
        (EventKind.ACCEPT, 2, 0, 52, 15),
        (EventKind.FILL, 2, 1, 51, 10),
    ]
    assert engine.depth(0, Side.BUY, 5) == [(52, 5, 1)]
    assert engine.position(1, 0) == (10, 510, 0)
    assert engine.bar(0) == (51, 51, 51, 51, 10, 1)


def test_a_refusal_is_a_number_and_an_event_with_the_facts(engine: Engine) -> None:
    limit = {"kind": Kind.LIMIT, "tif": 0, "price": 100, "account": 2}
    assert face.apply(engine, [limit]) == 1
    assert engine.submit(7, 2, 1, Side.BUY, 50, 101) == -Reason.ORDER_QUANTITY
    refusal = face.events(engine)[-1]
    assert (refusal["kind"], refusal["other"], refusal["fact"]) == (EventKind.REFUSE, 100, 101)


def test_a_cancel_and_a_change_name_the_order_its_account_and_its_book(engine: Engine) -> None:
    engine.submit(2**64 - 1, 0, 1, Side.BUY, 50, 10)
    assert engine.modify(2**64 - 1, 0, 1, 50, 4) == 1
    assert engine.queue(1, Side.BUY, 9) == [(2**64 - 1, 50, 4, 0)]
    assert engine.cancel(2**64 - 1, 1, 1) == -Reason.UNKNOWN_ID
    assert engine.cancel(2**64 - 1, 0, 1) == 1
    assert engine.live == 0


def test_a_ticket_is_of_one_order_at_one_place(tmp_path: Path, engine: Engine) -> None:
    engine.open_journal(tmp_path / "engine.journal")
    ticket = engine.place(7, 2, 1, Side.BUY, 50, 10)
    assert engine.place(7, 2, 1, Side.BUY, 50, 10) == -Reason.DUPLICATE_ID
    assert engine.place(8, 0, 1, Side.SELL, 50, 4) == 0
    face.events(engine)
    assert engine.withdraw(ticket) == 1
    [event] = face.events(engine)
    assert [event[name] for name in ("kind", "id", "account", "symbol", "quantity")] == [
        *(EventKind.CANCEL, 7, 2, 1, 6)
    ]
    other = engine.place(9, 0, 0, Side.SELL, 60, 1)
    stop = [
        {"kind": Kind.NEW, "id": 5, "quantity": 1, "flags": Flag.STOP | Flag.MARKET, "stop": 99}
    ]
    face.apply(engine, stop)
    face.events(engine)
    for gone in (ticket, 0, other - 1, other + 1, other + 4, other + 2**32, 2**63 - 1, -1):
        assert engine.withdraw(gone) == -Reason.UNKNOWN_ID
    assert (engine.live, engine.waiting) == (2, 0)
    engine.wait()
    again, _ = Engine.recover(tmp_path / "engine.journal")
    assert again.state_hash() == engine.state_hash()
    assert again.withdraw(other) == 1


def test_a_market_order_leaves_nothing(engine: Engine) -> None:
    engine.submit(1, 0, 0, Side.SELL, 51, 10)
    engine.submit(2, 1, 0, Side.BUY, 0, 15, TimeInForce.GTC, Flag.MARKET)
    assert told(engine)[-1][0] is EventKind.EXPIRE
    assert engine.live == 0


def test_rows_do_what_single_calls_do(engine: Engine) -> None:
    rows = np.zeros(3, MESSAGE)
    rows["id"], rows["kind"], rows["price"], rows["quantity"] = [1, 2, 3], Kind.NEW, 50, [5, 6, 7]
    assert face.apply(engine, rows) == 3
    other = Engine(books=2, accounts=3, orders=100)
    for order_id, quantity in ((1, 5), (2, 6), (3, 7)):
        other.submit(order_id, 0, 0, Side.BUY, 50, quantity)
    assert engine.state_hash() == other.state_hash()


def test_events_stay_what_they_were_when_the_engine_goes_on(engine: Engine) -> None:
    engine.submit(1, 0, 0, Side.SELL, 51, 10)
    first = face.events(engine)
    engine.submit(2, 0, 0, Side.SELL, 52, 20)
    face.events(engine)
    assert (first["id"][0], first["quantity"][0]) == (1, 10)
    # They are the caller's: writing to them changes nothing of the engine, nor of later events.
    before = engine.state_hash()
    first["id"], first["kind"] = 9, 255
    del first
    assert engine.state_hash() == before
    engine.submit(3, 0, 0, Side.SELL, 53, 30)
    assert told(engine) == [(EventKind.ACCEPT, 3, 0, 53, 30)]


@pytest.mark.parametrize(
    ("rows", "error", "fact"),
    [
        ([{"price": 1 << 70}], ValueError, "row 0, field price"),
        ([{}, {"prize": 1}], ValueError, "row 1, field prize"),
        ([{"quantity": -1}], ValueError, "row 0, field quantity"),
        (np.zeros(2, [("id", "<u8")]), TypeError, "field price"),
        (np.zeros(2, [("id", "<i4"), ("price", "<i8")]), TypeError, "field id"),
    ],
)
def test_a_malformed_batch_names_row_and_field_and_changes_nothing(
    engine: Engine, rows: Any, error: type[Exception], fact: str
) -> None:
    before = engine.state_hash()
    with pytest.raises(error, match=fact):
        face.apply(engine, rows)
    assert engine.state_hash() == before


def test_a_single_call_that_makes_no_sense_is_an_error(engine: Engine) -> None:
    with pytest.raises(TypeError, match="submit"):
        engine.submit(1, 2)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        engine.submit("a", 0, 0, 0, 1, 1)  # type: ignore[arg-type]
    with pytest.raises(OverflowError, match="account: expected 0 to 4294967295, was -1"):
        engine.submit(1, -1, 0, 0, 1, 1)
    with pytest.raises(ValueError, match="books: expected 1 to 65535, was 0"):
        Engine(books=0, accounts=1, orders=1)
    assert engine.waiting == 0


@pytest.mark.parametrize("record", [np.dtype("u1"), np.dtype([("one", object), ("other", "V56")])])
def test_events_are_records_of_sixty_four_bytes(engine: Engine, record: np.dtype[np.void]) -> None:
    engine.submit(1, 0, 0, Side.BUY, 50, 10)
    with pytest.raises(TypeError, match="expected one of 64 bytes"):
        engine.take_events(record)
    assert told(engine) == [(EventKind.ACCEPT, 1, 0, 50, 10)]


@pytest.mark.parametrize(("symbol", "side"), [(2, 0), (2**31, 0), (2**32 - 1, 1), (0, 2)])
def test_looking_at_a_book_or_a_side_there_is_not_shows_nothing(
    engine: Engine, symbol: int, side: int
) -> None:
    engine.submit(1, 0, 0, Side.BUY, 50, 10)
    assert engine.depth(symbol, side, 5) == []
    assert engine.queue(symbol, side, 5) == []


def test_a_full_ring_stops_before_the_command_and_goes_on_when_read(engine: Engine) -> None:
    tickets = [engine.place(order_id, 0, 0, Side.BUY, 50, 1) for order_id in range(20)]
    face.events(engine)
    rows = np.zeros(6_000, MESSAGE)
    rows["kind"], rows["id"] = Kind.CANCEL, 99
    done = face.apply(engine, rows)
    assert 0 < done < len(rows)
    with pytest.raises(RuntimeError, match="read the events first"):
        engine.submit(21, 0, 0, Side.BUY, 50, 1)
    # A cancel makes room for what is told of it.
    assert [engine.withdraw(ticket) for ticket in tickets] == [1] * 20
    assert engine.live == 0
    assert len(face.events(engine)) == done + 20
    assert face.apply(engine, rows[done:]) == len(rows) - done


def test_a_journal_rebuilds_the_engine_that_wrote_it(tmp_path: Path, engine: Engine) -> None:
    path = tmp_path / "engine.journal"
    engine.open_journal(path)
    engine.submit(1, 0, 0, Side.SELL, 51, 10)
    face.apply(engine, [{"kind": Kind.NEW, "id": 2, "price": 52, "quantity": 4, "account": 1}])
    assert engine.wait() == 2
    again, found = Engine.recover(path)
    assert (found.commands, found.cut_bytes, found.from_snapshot) == (2, 0, None)
    assert again.state_hash() == engine.state_hash()


def test_a_snapshot_stands_for_what_came_before_it_and_a_bad_one_is_passed_over(
    tmp_path: Path, engine: Engine
) -> None:
    path = tmp_path / "engine.journal"
    with pytest.raises(ValueError, match="journal: expected one to be open, was none"):
        engine.write_snapshot()
    engine.open_journal(path)
    for order_id in range(5):
        engine.submit(order_id, 0, 0, Side.SELL, 51, 10)
        assert engine.write_snapshot() == order_id + 1
    engine.cancel(0, 0, 0)
    engine.wait()
    again, found = Engine.recover(path)
    assert (found.commands, found.from_snapshot, found.passed_over) == (6, 5, [])
    assert again.state_hash() == engine.state_hash()

    newest = max(tmp_path.glob("*.snapshot"))
    newest.write_bytes(newest.read_bytes()[:-1])
    again, found = Engine.recover(path)
    assert (found.from_snapshot, found.passed_over) == (4, [f"{newest}: found another length"])
    assert again.state_hash() == engine.state_hash()


def test_a_journal_needs_an_engine_that_was_told_nothing(tmp_path: Path, engine: Engine) -> None:
    engine.submit(1, 0, 0, Side.SELL, 51, 10)
    with pytest.raises(ValueError, match="told nothing yet"):
        engine.open_journal(tmp_path / "late.journal")


_ROW = st.fixed_dictionaries(
    {
        "kind": st.integers(0, 16),
        "id": st.integers(0, 9),
        "price": st.integers(45, 55),
        "quantity": st.integers(0, 20),
        "symbol": st.integers(0, 2),
        "side": st.integers(0, 2),
        "tif": st.integers(0, 5),
        "flags": st.integers(0, 16),
        "account": st.integers(0, 3),
        "stop": st.integers(40, 60),
        "expires": st.integers(0, 5),
        "display": st.integers(0, 5),
        "self_trade": st.integers(0, 5),
        "scope": st.integers(0, 7),
    }
)


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(_ROW, max_size=40))
def test_whatever_is_sent_shares_are_neither_made_nor_lost(rows: list[dict[str, int]]) -> None:
    rows = [row for row in rows if (row["kind"], row["tif"]) != (Kind.LIMIT, 9)]
    engine = Engine(books=2, accounts=3, orders=20)
    assert face.apply(engine, rows) == len(rows)
    for symbol in range(2):
        assert sum(engine.position(account, symbol)[0] for account in range(3)) == 0
    again = Engine(books=2, accounts=3, orders=20)
    packed = np.zeros(len(rows), COMMAND)
    for number, row in enumerate(rows):
        for field, value in row.items():
            packed[number][field] = value
    assert face.apply(again, packed) == len(rows)
    assert engine.state_hash() == again.state_hash()


_RESTING = {"kind": Kind.NEW, "id": 1, "price": 50, "quantity": 10}


@pytest.mark.parametrize(
    ("row", "reason", "limit", "found"),
    [
        ({"symbol": 2}, Reason.UNKNOWN_SYMBOL, 2, 2),
        ({"account": 3}, Reason.UNKNOWN_ACCOUNT, 3, 3),
        ({"quantity": 0}, Reason.BAD_QUANTITY, 2**31 - 1, 0),
        ({"quantity": 2**31}, Reason.BAD_QUANTITY, 2**31 - 1, 2**31),
        ({"price": 2**40 + 1}, Reason.PRICE_RANGE, 2**40, 2**40 + 1),
        ({"price": -(2**63)}, Reason.PRICE_RANGE, 2**40, -(2**63)),
        ({"symbol": 1, "price": 51}, Reason.OFF_TICK, 5, 51),
        ({"symbol": 1, "quantity": 11}, Reason.OFF_LOT, 10, 11),
        ({"id": 1}, Reason.DUPLICATE_ID, 0, 0),
        ({"flags": 16}, Reason.BAD_FLAGS, 0, 16),
        ({"tif": 5}, Reason.BAD_FLAGS, 0, 0),
        ({"side": 2}, Reason.BAD_FLAGS, 0, 0),
        ({"kind": 0}, Reason.BAD_KIND, 14, 0),
        ({"kind": 15}, Reason.BAD_KIND, 14, 15),
        ({"kind": Kind.CANCEL, "id": 9}, Reason.UNKNOWN_ID, 0, 0),
        ({"flags": Flag.ICEBERG, "display": 11}, Reason.BAD_QUANTITY, 10, 11),
    ],
)
def test_a_row_that_makes_no_sense_is_one_refusal_with_the_facts(
    row: dict[str, int], reason: Reason, limit: int, found: int
) -> None:
    engine = Engine(books=2, accounts=3, orders=8)
    rules = {"kind": Kind.RULES, "symbol": 1, "price": 5, "quantity": 10}
    assert face.apply(engine, [rules, _RESTING]) == 2
    face.events(engine)
    before = engine.state_hash()
    assert face.apply(engine, [{**_RESTING, "id": 2, **row}]) == 1
    [event] = face.events(engine)
    assert (event["kind"], event["reason"]) == (EventKind.REFUSE, reason)
    assert (event["other"], event["fact"]) == (limit, found)
    assert engine.state_hash() == before


def test_at_capacity_the_next_order_is_refused_and_a_freed_place_is_used_again() -> None:
    engine = Engine(books=1, accounts=1, orders=2)
    for order_id in (1, 2):
        engine.submit(order_id, 0, 0, Side.BUY, 50, 1)
    assert engine.submit(3, 0, 0, Side.BUY, 50, 1) == -Reason.CAPACITY
    refused = face.events(engine)[-1]
    assert (refused["other"], refused["fact"]) == (2, 2)
    engine.cancel(1, 0, 0)
    assert engine.submit(3, 0, 0, Side.BUY, 50, 1) == 1


def test_numbers_that_would_not_fit_are_a_refusal_through_every_door(engine: Engine) -> None:
    engine.submit(1, 0, 0, Side.BUY, 50, 1)
    assert engine.submit(2, 0, 0, Side.BUY, -(2**63), 1) == -Reason.PRICE_RANGE
    assert engine.modify(1, 0, 0, -(2**63), 1) == -Reason.PRICE_RANGE
    assert engine.submit(2, 0, 0, Side.BUY, 2**40, 2**31 - 1) == -Reason.ORDER_NOTIONAL
    held = {"kind": Kind.LIMIT, "tif": Limit.HELD, "price": 1, "stop": 2**56}
    for account, book in ((0, 0), (0, 1)):
        row = {**held, "account": account, "symbol": book, "scope": Scope.BY_SYMBOL}
        assert face.apply(engine, [row]) == 1
    face.events(engine)
    assert engine.position(0, 1) == (1, 2**56, 0)
    wide = Engine(books=17, accounts=1, orders=1)
    face.apply(wide, [held])
    [event] = face.events(wide)
    assert (event["reason"], event["other"]) == (Reason.OVERFLOW, 2**60)


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (bytes(7), "were of 1"),
        (np.zeros(4, "u8"), "were of 8"),
        (np.zeros((4, 2), MESSAGE)[:, 0], "were not contiguous"),
    ],
)
def test_a_buffer_that_is_no_rows_is_named_by_its_width(
    engine: Engine, rows: Any, found: str
) -> None:
    with pytest.raises(TypeError, match=f"contiguous rows of 32 or 64 bytes, {found}"):
        engine.apply(rows)


def test_what_is_no_buffer_at_all_is_named_by_its_type(engine: Engine) -> None:
    with pytest.raises(TypeError, match="'int'"):
        engine.apply(7)  # type: ignore[arg-type]


def test_any_bytes_are_rows_and_every_row_is_answered(engine: Engine) -> None:
    noise = np.frombuffer(np.random.default_rng(5).bytes(64 * 1_000), COMMAND)
    for first in range(0, len(noise), 100):
        assert face.apply(engine, noise[first : first + 100]) == 100
        assert len(face.events(engine)) >= 100
