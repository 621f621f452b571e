"""The plain way to reconcile, for comparison only: one outer merge of two frames of fills."""

import pandas as pd

from trading_core.reconciliation.breaks import BreakType, Subject
from trading_core.reconciliation.columns import FillColumns
from trading_core.reconciliation.planted import Planted
from trading_core.reconciliation.tolerances import EXACT

_KEY = ["account", "symbol", "execution_id"]
# In the columns' units.
_LIMITS = {
    BreakType.QUANTITY: ("shares", 0),
    BreakType.PRICE: ("price", 0),
    BreakType.FEE: ("fee", 5_000),
    BreakType.TIMING: ("executed_at", int(EXACT.time.total_seconds() * 1_000_000)),
}
_ONE_SIDED = {BreakType.MISSING_THEIRS: "left_only", BreakType.MISSING_OURS: "right_only"}


def breaks_of_merge(ours: FillColumns, theirs: FillColumns) -> set[Planted]:
    """Return what the merge and `duplicated` show."""
    here, there = _frame(ours), _frame(theirs)
    found: set[Planted] = set()
    sides = {BreakType.DUPLICATE_OURS: here, BreakType.DUPLICATE_THEIRS: there}
    for kind, frame in sides.items():
        found |= _named(kind, frame[frame.duplicated(_KEY)])
    merged = here.drop_duplicates(_KEY).merge(
        there.drop_duplicates(_KEY),
        on=_KEY,
        how="outer",
        suffixes=("_ours", "_theirs"),
        indicator=True,
    )
    for kind, side in _ONE_SIDED.items():
        found |= _named(kind, merged[merged["_merge"] == side])
    both = merged[merged["_merge"] == "both"]
    for kind, (column, limit) in _LIMITS.items():
        apart = (both[f"{column}_ours"] - both[f"{column}_theirs"]).abs()
        found |= _named(kind, both[apart > limit])
    return found


def _frame(fills: FillColumns) -> pd.DataFrame:
    texts = {
        name: pd.Series([value.decode() for value in getattr(fills, name).tolist()])
        for name in (*_KEY, "order_id")
    }
    numbers = {name: getattr(fills, name) for name in fills.__slots__ if name not in texts}
    return pd.DataFrame(texts | numbers)


def _named(kind: BreakType, frame: pd.DataFrame) -> set[Planted]:
    rows = zip(frame["account"], frame["execution_id"], strict=True)
    return {(kind, Subject.FILL, str(account), str(name)) for account, name in rows}
