"""The engine through its door, against a book as anyone would write it: lists, sorted when asked.

Limit orders, cancels and changes of three accounts in two books, some refused; now and then the
engine is rebuilt from its journal and goes on.
"""

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from trading_core import engine as face
from trading_core.engine import Engine, EventKind, Kind, Limit, Reason, Side, TimeInForce

BOOKS, ACCOUNTS = 2, 3
QUANTITY_MAX = 30

ids = st.integers(0, 7)
accounts = st.integers(0, ACCOUNTS - 1)
books = st.integers(0, BOOKS - 1)
prices = st.integers(-2, 4)
quantities = st.integers(0, QUANTITY_MAX + 1)

Fill = tuple[int, int, int, int]


@dataclass
class Resting:
    """An order of the plain book."""

    order_id: int
    account: int
    book: int
    side: int
    price: int
    open: int
    ticket: int = 0


@dataclass
class PlainBook:
    """What the engine is held against: no more than a list of orders in the order they came."""

    resting: list[Resting] = field(default_factory=list)
    positions: dict[tuple[int, int], int] = field(default_factory=dict)

    def find(self, order_id: int) -> Resting | None:
        return next((one for one in self.resting if one.order_id == order_id), None)

    def queue(self, book: int, side: int) -> list[Resting]:
        found = [one for one in self.resting if (one.book, one.side) == (book, side)]
        return sorted(found, key=lambda one: one.price if side else -one.price)

    def enter(self, order: Resting, *, rests: bool) -> list[Fill]:
        fills: list[Fill] = []
        for other in self.queue(order.book, 1 - order.side):
            meets = other.price <= order.price if order.side == 0 else other.price >= order.price
            if not meets or order.open == 0:
                break
            shares = min(order.open, other.open)
            fills.append((order.order_id, other.order_id, other.price, shares))
            for one, sign in ((order, 1), (other, 1)):
                one.open -= shares
                key = (one.account, one.book)
                signed = shares * sign if one.side == 0 else -shares * sign
                self.positions[key] = self.positions.get(key, 0) + signed
            if other.open == 0:
                self.resting.remove(other)
        if rests and order.open:
            self.resting.append(order)
        return fills


class EngineAgainstPlainBook(RuleBasedStateMachine):
    """Every step is taken by both, and both tell the same."""

    @initialize()
    def begin(self) -> None:
        self.directory = TemporaryDirectory()
        self.journal = Path(self.directory.name, "engine.journal")
        self.engine = Engine(books=BOOKS, accounts=ACCOUNTS, orders=8)
        self.engine.open_journal(self.journal)
        limits = [
            {"kind": Kind.LIMIT, "tif": Limit.ORDER_QUANTITY, "price": QUANTITY_MAX, "account": one}
            for one in range(ACCOUNTS)
        ]
        face.apply(self.engine, limits)
        face.events(self.engine)
        self.plain = PlainBook()
        self.tickets = [1]

    def teardown(self) -> None:
        if hasattr(self, "directory"):
            del self.engine
            self.directory.cleanup()

    def fills(self) -> list[Fill]:
        return [
            (int(one["id"]), int(one["other"]), int(one["price"]), int(one["quantity"]))
            for one in face.events(self.engine)
            if one["kind"] == EventKind.FILL
        ]

    @rule(
        order_id=ids,
        place=st.tuples(accounts, books),
        side=st.sampled_from(Side),
        price=prices,
        quantity=quantities,
        how=st.tuples(st.sampled_from([TimeInForce.GTC, TimeInForce.IOC]), st.booleans()),
    )
    def submit(
        self,
        order_id: int,
        place: tuple[int, int],
        side: Side,
        price: int,
        quantity: int,
        how: tuple[TimeInForce, bool],
    ) -> None:
        account, book = place
        tif, for_ticket = how
        expected = Reason.NONE
        if self.plain.find(order_id) is not None:
            expected = Reason.DUPLICATE_ID
        elif quantity == 0:
            expected = Reason.BAD_QUANTITY
        elif quantity > QUANTITY_MAX:
            expected = Reason.ORDER_QUANTITY
        asked = self.engine.refusal_of(order_id, account, book, side, price, quantity)
        enter = self.engine.place if for_ticket else self.engine.submit
        answer = enter(order_id, account, book, side, price, quantity, tif)
        if expected is not Reason.NONE:
            assert asked is not None
            assert (asked[0], answer) == (expected, -expected)
            assert self.fills() == []
            return
        assert asked is None
        order = Resting(order_id, account, book, side, price, quantity)
        assert self.fills() == self.plain.enter(order, rests=tif is TimeInForce.GTC)
        if for_ticket:
            assert (answer > 0) == (order in self.plain.resting)
            order.ticket = answer
            self.tickets.append(answer)
        else:
            assert answer > 0

    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(self.tickets))
        found = [one for one in self.plain.resting if one.ticket == ticket != 0]
        answer = self.engine.withdraw(ticket)
        assert answer == (1 if found else -Reason.UNKNOWN_ID)
        assert self.engine.waiting == len(found)
        assert self.fills() == []
        if found:
            self.plain.resting.remove(found[0])

    @rule(order_id=ids, account=accounts, book=books)
    def cancel(self, order_id: int, account: int, book: int) -> None:
        order = self.plain.find(order_id)
        answer = self.engine.cancel(order_id, account, book)
        assert self.fills() == []
        if order is None or (order.account, order.book) != (account, book):
            assert answer == -Reason.UNKNOWN_ID
        else:
            assert answer == 1
            self.plain.resting.remove(order)

    @rule(data=st.data(), price=prices, quantity=st.integers(1, QUANTITY_MAX))
    def modify(self, data: st.DataObject, price: int, quantity: int) -> None:
        if not self.plain.resting:
            return
        order = data.draw(st.sampled_from(self.plain.resting))
        named = (order.order_id, order.account, order.book)
        assert self.engine.modify(*named, price, quantity) > 0
        if price == order.price and quantity <= order.open:
            assert self.fills() == []
            order.open = quantity
            return
        self.plain.resting.remove(order)
        order.price, order.open, order.ticket = price, quantity, 0
        assert self.fills() == self.plain.enter(order, rests=True)

    @rule(with_snapshot=st.booleans())
    def rebuild(self, *, with_snapshot: bool) -> None:
        self.engine.wait()
        if with_snapshot:
            self.engine.write_snapshot()
        before = self.engine.state_hash()
        self.engine, found = Engine.recover(self.journal)
        assert self.engine.state_hash() == before
        assert (found.cut_bytes, found.passed_over) == (0, [])

    @invariant()
    def both_have_the_same_orders_and_positions(self) -> None:
        if not hasattr(self, "engine"):
            return
        assert self.engine.live == len(self.plain.resting)
        for book in range(BOOKS):
            for side in Side:
                expected = [
                    (one.order_id, one.price, one.open, one.account)
                    for one in self.plain.queue(book, side)
                ]
                assert self.engine.queue(book, side, 99) == expected
            for account in range(ACCOUNTS):
                held = self.engine.position(account, book)[0]
                assert held == self.plain.positions.get((account, book), 0)


TestEngineAgainstPlainBook = EngineAgainstPlainBook.TestCase
TestEngineAgainstPlainBook.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None
)
