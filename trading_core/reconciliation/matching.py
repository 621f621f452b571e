"""Which rows of two tables are the same thing, by a key of several text columns.

A key is hashed to 64 bits; the hashes of both sides are sorted once, together, and equal keys then
lie side by side. Two different keys of one hash would be told as one, so every pair of neighbours
is compared letter by letter, and another hash is taken should they differ.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading_core.errors import InvariantViolated
from trading_core.reconciliation.columns import Texts

Rows = NDArray[np.intp]
Hashes = NDArray[np.uint64]

# Of a key's columns, and of how many hashes were tried before.
HashWith = Callable[[Sequence[Texts], int], Hashes]

_HASHES_MAX = 8
# Odd constants with well-mixed bits; multiplying by them and folding is a bijection of 64 bits.
_FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """The rows of two tables by what became of them; together they are all rows, each once.

    Attributes:
        ours: Rows of ours that have a partner, its row at the same place of `theirs`.
        only_ours: Rows without a partner.
        again_ours: Rows whose key an earlier row of ours has.
    """

    ours: Rows
    theirs: Rows
    only_ours: Rows
    only_theirs: Rows
    again_ours: Rows
    again_theirs: Rows


def matched(
    ours: Sequence[Texts], theirs: Sequence[Texts], hash_with: HashWith | None = None
) -> Matched:
    """Match the rows of two tables by equal keys; of several rows with one key the first counts.

    Args:
        ours: The columns of the key.
        theirs: The same columns of the other table.
        hash_with: Another hash than `hashed`.

    Raises:
        InvariantViolated: No hash told the keys apart, which chance does not bring about.
    """
    hash_keys = hash_with or hashed
    for seed in range(_HASHES_MAX):
        hashes = np.concatenate([hash_keys(ours, seed), hash_keys(theirs, seed)])
        order = np.argsort(hashes, kind="stable")
        ordered = hashes[order]
        is_same = ordered[1:] == ordered[:-1]
        if _neighbours_agree(ours, theirs, order[:-1][is_same], order[1:][is_same]):
            return _sorted_out(order, is_same, len(ours[0]))
    raise InvariantViolated(
        f"keys of two books: expected a hash without collisions in {_HASHES_MAX}, found none",
        next_step="stop the reconciliation; look for made-up ids in the broker's statement",
    )


def hashed(columns: Sequence[Texts], seed: int = 0) -> Hashes:
    """Return a 64-bit hash of each row's key."""
    total = np.full(len(columns[0]), seed, np.uint64)
    for column in columns:
        for word in _words(column):
            # Trailing nothing must not count: the other side's column may be narrower.
            present = word != 0
            mixed = (total ^ word) * _FIRST
            mixed ^= mixed >> np.uint64(29)
            mixed *= _SECOND
            mixed ^= mixed >> np.uint64(32)
            np.copyto(total, mixed, where=present)
        total *= _SECOND
        total ^= total >> np.uint64(31)
    return total


def _words(column: Texts) -> list[Hashes]:
    width = -(-column.dtype.itemsize // 8)
    padded = np.ascontiguousarray(column.astype(f"S{8 * width}", copy=False))
    table = padded.view(np.uint64).reshape(len(column), width)
    return [table[:, place] for place in range(width)]


def _neighbours_agree(
    ours: Sequence[Texts], theirs: Sequence[Texts], before: Rows, after: Rows
) -> bool:
    count = len(ours[0])
    both_ours, both_theirs = after < count, before >= count
    apart = ~both_ours & ~both_theirs
    return all(
        _equal(here, here, before[both_ours], after[both_ours])
        and _equal(there, there, before[both_theirs] - count, after[both_theirs] - count)
        and _equal(here, there, before[apart], after[apart] - count)
        for here, there in zip(ours, theirs, strict=True)
    )


def _equal(one: Texts, other: Texts, rows: Rows, other_rows: Rows) -> bool:
    return bool((one[rows] == other[other_rows]).all())


def _sorted_out(order: Rows, is_same: NDArray[np.bool_], count: int) -> Matched:
    """Split rows in order of their keys, ours before theirs, into the groups of `Matched`."""
    if not len(order):
        none = order
        return Matched(none, none, none, none, none, none)
    is_ours = order < count
    starts = np.flatnonzero(np.concatenate([[True], ~is_same]))
    sizes = np.diff(np.append(starts, len(order)))
    our_sizes = np.add.reduceat(is_ours, starts, dtype=np.intp)
    has_ours, has_theirs = our_sizes > 0, sizes > our_sizes
    first_ours = order[starts[has_ours]]
    first_theirs = order[(starts + our_sizes)[has_theirs]] - count
    is_first = np.zeros(len(order), np.bool_)
    is_first[starts[has_ours]] = True
    is_first[(starts + our_sizes)[has_theirs]] = True
    return Matched(
        ours=first_ours[has_theirs[has_ours]],
        theirs=first_theirs[has_ours[has_theirs]],
        only_ours=np.sort(first_ours[~has_theirs[has_ours]]),
        only_theirs=np.sort(first_theirs[~has_ours[has_theirs]]),
        again_ours=np.sort(order[is_ours & ~is_first]),
        again_theirs=np.sort(order[~is_ours & ~is_first] - count),
    )
