"""Update trading symbols: another list is approved, followed, and seen to bring data.

When:     the desk takes symbols in or drops them
Changes:  asks for approval; then has the market data service follow exactly the list
If red:   a position is held in a symbol that would be dropped: close it first, or keep the symbol.
          A symbol the exchange does not have is refused, and nothing is changed
Covers:   DAT-13
"""

from prefect import flow

from flows.desk import Desk, open_run
from tasks.data.feed import check_data_fresh, check_symbols_free, ensure_symbols_followed
from tasks.kernel import collect, granted, rehearse
from tasks.people.approvals import request_approval
from tasks.people.findings import notify_checklist


@flow(name="update-trading-symbols")
def update_trading_symbols(
    symbols: tuple[str, ...], reason: str, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Look at positions, ask, follow, look at each symbol's age.

    Args:
        symbols: All symbols to follow from now on.
        reason: Why, as one sentence.
        dry_run: Say what would be done, and do nothing.
        requested_by: Your name or role.
    """
    with open_run(
        "update-trading-symbols", "symbols", dry_run=dry_run, requested_by=requested_by
    ) as desk:
        # Look.
        free = collect({"positions": check_symbols_free.submit(desk.broker, symbols)})
        notify_checklist(free).require_ready("close the position, or keep its symbol in the list")
        grant = request_approval(desk.approvals, rehearse(_act, desk, symbols, reason), reason)

        # Act.
        with granted(grant):
            _act(desk, symbols, reason)

        # Look.
        fresh = notify_checklist(collect({"fresh": check_data_fresh.submit(desk.market_data)}))
        if not dry_run:
            fresh.require_ready("see whether the exchange shows these symbols")
        return f"following {', '.join(sorted(set(symbols)))}"


def _act(desk: Desk, symbols: tuple[str, ...], reason: str) -> None:
    ensure_symbols_followed(desk.market_data, symbols, reason)
