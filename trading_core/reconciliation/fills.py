"""Fills of both sides compared: by execution id first, then by what was traded.

1. A second row of one execution id, on one side, is a duplicate.
2. Rows of one execution id are the same fill: what they say must agree, field by field.
3. Of the rest, a row told twice under another id (same order, trade and moment as a fill that has
   its partner) is a duplicate.
4. Of the rest, rows of the same trade at the same time on both sides are one fill with two ids.
5. What is left is missing on the other side.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal

import numpy as np

from trading_core.reconciliation.breaks import Break, BreakType, Subject, Words
from trading_core.reconciliation.columns import (
    DOLLAR_PARTS,
    SHARE_PARTS,
    FillColumns,
    FillRow,
    Integers,
    Texts,
)
from trading_core.reconciliation.matching import Hashes, Matched, Rows, hashed, matched
from trading_core.reconciliation.tolerances import Tolerances

_MICROSECOND = timedelta(microseconds=1)


def compare_fills(ours: FillColumns, theirs: FillColumns, limits: Tolerances) -> list[Break]:
    """Return every difference between two sides' fills."""
    by_id = matched(_identity(ours), _identity(theirs))
    told_again_ours, left_ours = _told_again(ours, by_id.ours, by_id.only_ours)
    told_again_theirs, left_theirs = _told_again(theirs, by_id.theirs, by_id.only_theirs)
    pairs, lost_ours, lost_theirs = _same_trades(left_ours, left_theirs, limits.time)
    again_ours = ours.rows(by_id.again_ours) + told_again_ours
    again_theirs = theirs.rows(by_id.again_theirs) + told_again_theirs
    return [
        *_differing(ours, theirs, by_id, limits),
        *(_one_sided(BreakType.DUPLICATE_OURS, row, is_ours=True) for row in again_ours),
        *(_one_sided(BreakType.DUPLICATE_THEIRS, row, is_ours=False) for row in again_theirs),
        *(_pair(BreakType.IDENTITY, here, there) for here, there in pairs),
        *(_one_sided(BreakType.MISSING_THEIRS, row, is_ours=True) for row in lost_ours),
        *(_one_sided(BreakType.MISSING_OURS, row, is_ours=False) for row in lost_theirs),
    ]


def _identity(fills: FillColumns) -> tuple[Texts, ...]:
    return fills.account, fills.symbol, fills.execution_id


def _differing(
    ours: FillColumns, theirs: FillColumns, same: Matched, limits: Tolerances
) -> Iterator[Break]:
    """Yield a break for every field in which one fill of both sides differs beyond its limit."""
    beyond = {
        BreakType.QUANTITY: _apart(ours.shares, theirs.shares, same)
        > _parts(limits.quantity_shares, SHARE_PARTS),
        BreakType.PRICE: _apart(ours.price, theirs.price, same)
        > _parts(limits.price_usd, DOLLAR_PARTS),
        BreakType.FEE: _apart(ours.fee, theirs.fee, same) > _parts(limits.fee_usd, DOLLAR_PARTS),
        BreakType.TIMING: (
            _apart(ours.executed_at, theirs.executed_at, same) > limits.time // _MICROSECOND
        )
        | (_apart(ours.day, theirs.day, same) > 0),
    }
    for kind, differs in beyond.items():
        here, there = ours.rows(same.ours[differs]), theirs.rows(same.theirs[differs])
        yield from map(_pair, [kind] * len(here), here, there)


def _apart(ours: Integers, theirs: Integers, same: Matched) -> Integers:
    apart: Integers = np.abs(ours[same.ours] - theirs[same.theirs])
    return apart


def _told_again(
    fills: FillColumns, paired: Rows, single: Rows
) -> tuple[list[FillRow], list[FillRow]]:
    """Split one side's rows without partner: those that repeat a row with one, and the others."""
    singles = fills.rows(single)
    if not singles:
        return [], []
    alone = fills.taken(single)
    wanted = np.unique(hashed((alone.order_id, alone.symbol)))
    candidates = paired[np.isin(_hashed_orders(fills, paired), wanted)]
    known = {_trade_of_order(row) for row in fills.rows(candidates)}
    again = [row for row in singles if _trade_of_order(row) in known]
    return again, [row for row in singles if _trade_of_order(row) not in known]


def _hashed_orders(fills: FillColumns, rows: Rows) -> Hashes:
    return hashed((fills.order_id, fills.symbol))[rows]


def _trade_of_order(row: FillRow) -> tuple[object, ...]:
    return (row.order_id, row.account, row.symbol, *row[4:6], row.executed_at)


def _same_trades(
    ours: Iterable[FillRow], theirs: Iterable[FillRow], within: timedelta
) -> tuple[list[tuple[FillRow, FillRow]], list[FillRow], list[FillRow]]:
    """Pair rows of one account, symbol, quantity and price, the earliest first, if close in time.

    Returns:
        The pairs, and what is left of either side.
    """
    waiting: dict[tuple[object, ...], list[FillRow]] = defaultdict(list)
    for row in sorted(theirs, key=lambda row: row.executed_at, reverse=True):
        waiting[_trade(row)].append(row)
    pairs, alone, lost_theirs = [], [], []
    for row in sorted(ours, key=lambda row: row.executed_at):
        candidates = waiting[_trade(row)]
        while candidates and row.executed_at - candidates[-1].executed_at > within:
            lost_theirs.append(candidates.pop())
        if candidates and candidates[-1].executed_at - row.executed_at <= within:
            pairs.append((row, candidates.pop()))
        else:
            alone.append(row)
    lost_theirs += [row for rows in waiting.values() for row in reversed(rows)]
    return pairs, alone, lost_theirs


def _trade(row: FillRow) -> tuple[object, ...]:
    return row.account, row.symbol, row.signed_shares, row.price_usd


def _one_sided(kind: BreakType, row: FillRow, *, is_ours: bool) -> Break:
    sign = -1 if is_ours else 1
    return Break(
        type=kind,
        about=Subject.FILL,
        account=row.account,
        name=row.execution_id,
        symbol=row.symbol,
        trading_date=row.trading_date,
        ours=words_of(row) if is_ours else None,
        theirs=None if is_ours else words_of(row),
        shares=sign * row.signed_shares,
        cash_usd=sign * _cash_usd(row),
    )


def _pair(kind: BreakType, ours: FillRow, theirs: FillRow) -> Break:
    """Return the break of one fill, with the part of the difference that this field makes."""
    shares, cash_usd = Decimal(0), Decimal(0)
    if kind is BreakType.QUANTITY:
        shares = theirs.signed_shares - ours.signed_shares
        cash_usd = -shares * ours.price_usd
    elif kind is BreakType.PRICE:
        cash_usd = -theirs.signed_shares * (theirs.price_usd - ours.price_usd)
    elif kind in (BreakType.FEE, BreakType.IDENTITY):
        cash_usd = ours.fee_usd - theirs.fee_usd
    return Break(
        type=kind,
        about=Subject.FILL,
        account=ours.account,
        name=theirs.execution_id,
        symbol=ours.symbol,
        trading_date=theirs.trading_date,
        ours=words_of(ours),
        theirs=words_of(theirs),
        shares=shares,
        cash_usd=cash_usd,
    )


def _cash_usd(row: FillRow) -> Decimal:
    """What the fill brought in, fee deducted."""
    return -row.signed_shares * row.price_usd - row.fee_usd


def words_of(row: FillRow) -> Words:
    """Return a fill as evidence."""
    return {
        "execution": row.execution_id,
        "order": row.order_id,
        "shares": f"{row.signed_shares:+f}",
        "price": f"${row.price_usd:f}",
        "fee": f"${row.fee_usd:f}",
        "at": row.executed_at.isoformat(),
        "day": row.trading_date.isoformat(),
    }


def _parts(amount: Decimal, parts: int) -> int:
    """Return a limit in small units, rounded down: what is beyond is beyond in whole units too."""
    return int(amount * parts)
