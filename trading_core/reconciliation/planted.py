"""Two made-up books of any size, the same but for planted breaks of every type, all known.

Everything follows from the seed. Breaks of fills are planted in fills of their own, and those of
standings where no other was, so that each must be found as itself and as nothing else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from trading_core.domain.activities import ActivityKind
from trading_core.reconciliation.breaks import Break, BreakType, Subject
from trading_core.reconciliation.columns import DOLLAR_PARTS, SHARE_PARTS, FillColumns, Integers
from trading_core.reconciliation.statement import (
    ActionWord,
    BalanceWord,
    HoldingWord,
    Of,
    OrderWord,
    Statement,
)

DAY = date(2013, 10, 4)
PRICE_USD = Decimal(50)
ACCOUNTS = 200
SYMBOLS = 200
_DAYS_SINCE_1970 = (DAY - date(1970, 1, 1)).days
_NINE_THIRTY_US = (_DAYS_SINCE_1970 * 86_400 + 13 * 3_600 + 1_800) * 1_000_000
_SESSION_US = 23_400 * 1_000_000
_ORDERS_SHOWN_MAX = 10_000
# A planted break, as it must be found.
Planted = tuple[BreakType, Subject, str, str]


@dataclass(frozen=True, slots=True)
class Books:
    """Both statements, and what must be found between them."""

    ours: Statement
    theirs: Statement
    planted: frozenset[Planted]

    @property
    def prices_usd(self) -> Mapping[str, Decimal]:
        """What every share is worth."""
        return {f"S{number:03d}": PRICE_USD for number in range(SYMBOLS)}


def found_as(one: Break) -> Planted:
    """Return what identifies a break among the planted ones."""
    return one.type, one.about, one.account, one.name


def two_books(fills: int, share: float, seed: int) -> Books:
    """Return books of `fills` fills a side, `share` of them (0.01: 1 %) broken in each way."""
    random = np.random.default_rng(seed)
    same = _fills(fills, random)
    planting = _Planting(same, max(1, round(fills * share)), random)
    ours, theirs = planting.sides()
    standing = _Standing.of(ours, theirs, planting)
    standing.plant(share, random)
    return Books(
        standing.statement(ours, is_ours=True),
        standing.statement(theirs, is_ours=False),
        frozenset(planting.planted | standing.planted),
    )


def _fills(count: int, random: np.random.Generator) -> FillColumns:
    shares = random.integers(1, 500, count) * random.choice([-1, 1], count)
    price = random.integers(1_000, 20_000, count) * 10_000  # $10.00 to $200.00
    spread = random.permutation(count) * (_SESSION_US // count)
    return FillColumns(
        account=_named("PA%07d", random.integers(0, ACCOUNTS, count)),
        symbol=_named("S%03d", random.integers(0, SYMBOLS, count)),
        execution_id=_named("20131004-ec7b-4d9a-b6a1-%012d", np.arange(count)),
        order_id=_named("sma_crossover-20131004-%09d", np.arange(count) // 4),
        shares=shares * SHARE_PARTS,
        price=price,
        fee=np.abs(shares) * 3_500,
        executed_at=_NINE_THIRTY_US + spread,
        day=np.full(count, _DAYS_SINCE_1970),
    )


def _named(pattern: str, numbers: Integers) -> NDArray[np.bytes_]:
    return np.array([pattern % number for number in numbers.tolist()], np.bytes_)


@dataclass(slots=True)
class _Planting:
    """Breaks of fills: `each` of a kind, in rows that have no other."""

    same: FillColumns
    each: int
    random: np.random.Generator
    planted: set[Planted] = field(default_factory=set)

    def sides(self) -> tuple[FillColumns, FillColumns]:
        """Return both sides' fills."""
        rows = self.random.permutation(len(self.same))[: 11 * self.each].reshape(11, self.each)
        ours, theirs = _changeable(self.same), _changeable(self.same)
        for kind, chosen, column, by in (
            (BreakType.QUANTITY, rows[0], "shares", SHARE_PARTS),
            (BreakType.PRICE, rows[1], "price", 10_000),
            (BreakType.FEE, rows[2], "fee", DOLLAR_PARTS // 10),
            (BreakType.TIMING, rows[3], "executed_at", 60_000_000),
        ):
            theirs[column][chosen] += by
            self._plant(kind, self.same.execution_id[chosen], chosen)
        renamed = _named("corrected-%012d", rows[4])
        theirs["execution_id"][rows[4]] = renamed
        self._plant(BreakType.IDENTITY, renamed, rows[4])
        our_again, our_ids = self._again(BreakType.DUPLICATE_OURS, rows[5], rows[6])
        their_again, their_ids = self._again(BreakType.DUPLICATE_THEIRS, rows[7], rows[8])
        self._plant(BreakType.MISSING_OURS, self.same.execution_id[rows[9]], rows[9])
        self._plant(BreakType.MISSING_THEIRS, self.same.execution_id[rows[10]], rows[10])
        return (
            self._told(ours, rows[9], our_again, our_ids),
            self._told(theirs, rows[10], their_again, their_ids),
        )

    def _plant(self, kind: BreakType, ids: NDArray[np.bytes_], rows: Integers) -> None:
        accounts = self.same.account[rows].tolist()
        self.planted |= {
            (kind, Subject.FILL, account.decode(), name.decode())
            for account, name in zip(accounts, ids.tolist(), strict=True)
        }

    def _again(
        self, kind: BreakType, as_told: Integers, renamed: Integers
    ) -> tuple[Integers, NDArray[np.bytes_]]:
        """Choose rows to be told twice: half of them under their id, half under another."""
        half = len(as_told) // 2
        rows = np.concatenate([as_told[:half], renamed[half:]])
        told = self.same.execution_id[rows]
        told[half:] = _named("again-%012d", rows[half:])
        self._plant(kind, told, rows)
        return rows, told

    def _told(
        self,
        columns: dict[str, NDArray[np.generic]],
        lost: Integers,
        again: Integers,
        again_ids: NDArray[np.bytes_],
    ) -> FillColumns:
        kept = np.ones(len(self.same), np.bool_)
        kept[lost] = False
        more = {name: column[again] for name, column in columns.items()}
        more["execution_id"] = again_ids
        order = self.random.permutation(int(kept.sum()) + len(again))
        return FillColumns(
            **{
                name: np.concatenate([column[kept], more[name]])[order]
                for name, column in columns.items()
            }
        )


def _changeable(fills: FillColumns) -> dict[str, NDArray[np.generic]]:
    return {name: getattr(fills, name).copy() for name in fills.__slots__}


@dataclass(slots=True)
class _Standing:
    """Positions, orders, cash and equity that follow from the fills, and breaks in them."""

    holdings: tuple[dict[Of, HoldingWord], dict[Of, HoldingWord]]
    orders: tuple[dict[Of, OrderWord], dict[Of, OrderWord]]
    balances: tuple[dict[str, BalanceWord], dict[str, BalanceWord]]
    actions: list[ActionWord] = field(default_factory=list)
    planted: set[Planted] = field(default_factory=set)
    untouched: list[Of] = field(default_factory=list)

    @classmethod
    def of(cls, ours: FillColumns, theirs: FillColumns, planting: _Planting) -> "_Standing":
        sides = ours, theirs
        held = tuple(_held(side) for side in sides)
        broken = {(account, name) for _, _, account, name in planting.planted}
        touched = {
            of
            for side in sides
            for of, name in zip(_pairs(side), side.execution_id.tolist(), strict=True)
            if (of[0], name.decode()) in broken
        }
        both = held[0].keys() & held[1].keys()
        return cls(
            holdings=(held[0], held[1]),
            orders=_orders(planting.same, ours, theirs),
            balances=(_balances(ours, held[0]), _balances(theirs, held[1])),
            untouched=sorted(both - touched),
        )

    def plant(self, share: float, random: np.random.Generator) -> None:
        each = max(1, round(len(self.holdings[0]) * share))
        chosen = [self.untouched[row] for row in random.permutation(len(self.untouched)).tolist()]
        for count, of in enumerate(chosen[: 4 * each]):
            (self._orphan, self._more, self._costlier, self._split)[count % 4](of)
        orders = sorted(of for of in self.orders[1] if self.orders[0][of] == self.orders[1][of])
        for row in random.permutation(len(orders)).tolist()[: max(1, round(len(orders) * share))]:
            self.orders[1][orders[row]] = replace(self.orders[1][orders[row]], status="canceled")
            self._known(BreakType.ORDER, Subject.ORDER, *orders[row])
        accounts = sorted(self.balances[1])
        few = max(1, round(len(accounts) * share))
        for row in random.permutation(len(accounts)).tolist()[: 2 * few]:
            self._move(accounts[row], is_cash=len(self._of(BreakType.CASH)) < few)

    def statement(self, fills: FillColumns, *, is_ours: bool) -> Statement:
        side = 0 if is_ours else 1
        return Statement(
            fills,
            self.orders[side],
            self.holdings[side],
            () if is_ours else tuple(self.actions),
            self.balances[side],
        )

    def _of(self, kind: BreakType) -> list[Planted]:
        return [one for one in self.planted if one[0] is kind]

    def _known(self, kind: BreakType, about: Subject, account: str, name: str) -> None:
        self.planted.add((kind, about, account, name))

    def _orphan(self, of: Of) -> None:
        self._gain(of[0], -self.holdings[1].pop(of).shares * PRICE_USD)
        self._known(BreakType.ORPHAN_POSITION, Subject.POSITION, *of)

    def _more(self, of: Of) -> None:
        held = self.holdings[1][of]
        self.holdings[1][of] = replace(held, shares=held.shares + Decimal("0.5"))
        self._gain(of[0], PRICE_USD / 2)
        self._known(BreakType.QUANTITY, Subject.POSITION, *of)

    def _costlier(self, of: Of) -> None:
        held = self.holdings[1][of]
        self.holdings[1][of] = replace(held, cost_usd=held.cost_usd + 1)
        self._known(BreakType.PRICE, Subject.POSITION, *of)

    def _split(self, of: Of) -> None:
        """Two for one, which only the broker has booked."""
        held = self.holdings[1][of]
        self.actions.append(ActionWord(of[0], ActivityKind.SPLIT, of[1], DAY, held.shares))
        self.holdings[1][of] = replace(held, shares=2 * held.shares)
        self._gain(of[0], held.shares * PRICE_USD)
        self._known(BreakType.CORPORATE_ACTION, Subject.ACTION, of[0], f"split {of[1]}")

    def _gain(self, account: str, worth_usd: Decimal) -> None:
        has = self.balances[1][account]
        assert has.equity_usd is not None, "every balance here has it"
        self.balances[1][account] = replace(has, equity_usd=has.equity_usd + worth_usd)

    def _move(self, account: str, *, is_cash: bool) -> None:
        self._gain(account, Decimal(25))
        if is_cash:
            has = self.balances[1][account]
            self.balances[1][account] = replace(has, cash_usd=has.cash_usd + 25)
            self._known(BreakType.CASH, Subject.CASH, account, "")
        else:
            self._known(BreakType.PROFIT, Subject.EQUITY, account, "")


def _pairs(fills: FillColumns) -> Iterator[Of]:
    for account, symbol in zip(fills.account.tolist(), fills.symbol.tolist(), strict=True):
        yield account.decode(), symbol.decode()


def _held(fills: FillColumns) -> dict[Of, HoldingWord]:
    """Return what a side's fills make; what it cost is taken to be what was paid."""
    found: dict[Of, list[int]] = {}
    rows = zip(_pairs(fills), fills.shares.tolist(), fills.price.tolist(), strict=True)
    for of, shares, price in rows:
        sums = found.setdefault(of, [0, 0])
        sums[0] += shares
        sums[1] += shares * price
    return {
        of: HoldingWord(Decimal(shares) / SHARE_PARTS, Decimal(paid) / SHARE_PARTS / DOLLAR_PARTS)
        for of, (shares, paid) in found.items()
        if shares
    }


def _balances(fills: FillColumns, held: Mapping[Of, HoldingWord]) -> dict[str, BalanceWord]:
    cash: dict[str, int] = {}
    accounts = (account.decode() for account in fills.account.tolist())
    columns = fills.shares.tolist(), fills.price.tolist(), fills.fee.tolist()
    for account, shares, price, fee in zip(accounts, *columns, strict=True):
        cash[account] = cash.get(account, 0) - shares * price - fee * SHARE_PARTS
    worth_usd: dict[str, Decimal] = {}
    for (account, _), holding in held.items():
        worth_usd[account] = worth_usd.get(account, Decimal(0)) + holding.shares * PRICE_USD
    found = {}
    for account, parts in cash.items():
        cash_usd = Decimal(parts) / SHARE_PARTS / DOLLAR_PARTS
        found[account] = BalanceWord(cash_usd, cash_usd + worth_usd.get(account, Decimal(0)))
    return found


def _orders(*told: FillColumns) -> tuple[dict[Of, OrderWord], dict[Of, OrderWord]]:
    """Return both sides' first orders: for as much as all fills are, filled as a side's are."""
    same, ours, theirs = (_filled(side) for side in told)
    here, there = (
        {
            of: OrderWord("", "filled", ordered, filled.get(of, Decimal(0)), DAY)
            for of, ordered in same.items()
        }
        for filled in (ours, theirs)
    )
    return here, there


def _filled(fills: FillColumns) -> dict[Of, Decimal]:
    """Return what is filled of the first orders."""
    found: dict[Of, Decimal] = {}
    last = b"sma_crossover-20131004-%09d" % _ORDERS_SHOWN_MAX
    for row in fills.rows(np.flatnonzero(fills.order_id < last)):
        of = row.account, row.order_id
        found[of] = found.get(of, Decimal(0)) + row.signed_shares
    return found
