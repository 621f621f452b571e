"""Breaks of every type planted in real tables, by what each must be found as."""

_BOUGHT = "WHERE execution_id = 'execution-1'"
_COLUMNS = "price_usd, executed_at, closed_pnl_usd, recorded_at, source"


def _again(quantity: str) -> str:
    return (
        "INSERT INTO fills (execution_id, client_order_id, account, trading_date, symbol, side,"
        f" quantity, {_COLUMNS}) SELECT 'execution-9', client_order_id, account, trading_date,"
        f" symbol, side, {quantity}, {_COLUMNS} FROM fills {_BOUGHT}"
    )


# In our records of fills and orders: what `repair-break` puts right from the broker's word.
REPAIRABLE = {
    "missing_ours fill execution-3": "SELECT remove_fill('execution-3', 'planted')",
    "missing_theirs fill execution-9": _again("quantity + 1"),
    "duplicate_ours fill execution-9": _again("quantity"),
    "identity fill execution-1": f"UPDATE fills SET execution_id = 'other' {_BOUGHT}",
    "quantity fill execution-1": f"UPDATE fills SET quantity = 99 {_BOUGHT}",
    "price fill execution-1": f"UPDATE fills SET price_usd = price_usd + 0.0001 {_BOUGHT}",
    "timing fill execution-1": (
        f"UPDATE fills SET executed_at = executed_at - interval '2 s' {_BOUGHT}"
    ),
    "order order order-1": (
        "UPDATE orders SET status = 'canceled' WHERE client_order_id = 'order-1'"
    ),
}
# In positions, which are made from the fills again.
REBUILDABLE = {
    "quantity position ACME": "UPDATE positions SET quantity = 61 WHERE symbol = 'ACME'",
    "orphan_position position GONE": "INSERT INTO positions VALUES ('PA7777777','GONE',5,0,0,10)",
    "price position ACME": (
        "UPDATE positions SET cost_basis_usd = cost_basis_usd + 1,"
        " realized_pnl_usd = realized_pnl_usd + 1 WHERE symbol = 'ACME'"
    ),
}
# For a person to explain.
EXPLAINABLE = {
    "cash cash": "UPDATE daily_pnl SET start_realized_usd = start_realized_usd + 25",
}
PLANTED = REPAIRABLE | REBUILDABLE | EXPLAINABLE
