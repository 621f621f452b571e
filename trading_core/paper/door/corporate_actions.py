"""Corporate actions: the splits the session's source knows, in both of Alpaca's forms."""

from datetime import date

from fastapi import APIRouter

from trading_core.paper.door.replies import RefusedError
from trading_core.paper.door.wire.values import Body
from trading_core.paper.exchange import Exchange
from trading_core.paper.market.corporate_actions import Split, splits
from trading_core.paper.orders.refusals import not_found, unprocessable
from trading_core.paper.venue import Venue


def corporate_action_routes(venue: Venue) -> APIRouter:
    """Return the routes of corporate actions, of the market data API and the older ones."""
    routes = APIRouter()

    @routes.get("/v1/corporate-actions")
    async def actions(
        symbols: str | None = None,
        types: str | None = None,
        start: str | None = None,
        end: str | None = None,
    ) -> Body:
        found: dict[str, list[Body]] = {}
        for split in _between(venue.current(), symbols, start, end):
            name = "forward_split" if split.new > split.old else "reverse_split"
            if types is None or name in types.split(","):
                found.setdefault(f"{name}s", []).append(_action_body(split))
        return {"corporate_actions": found, "next_page_token": None}

    @routes.get("/v2/corporate_actions/announcements")
    async def announcements(
        ca_types: str, since: str, until: str, symbol: str | None = None
    ) -> list[Body]:
        if "split" not in ca_types.lower().split(","):
            return []
        found = _between(venue.current(), symbol, since, until)
        return [_announcement_body(split) for split in found]

    @routes.get("/v2/corporate_actions/announcements/{announcement_id}")
    async def announcement(announcement_id: str) -> Body:
        for split in _between(venue.current(), None, None, None):
            if split.id == announcement_id:
                return _announcement_body(split)
        raise RefusedError(not_found(f"announcement not found for {announcement_id}"))

    return routes


def _between(
    exchange: Exchange, symbols: str | None, start: str | None, end: str | None
) -> list[Split]:
    """Return the splits with an ex-date from `start` to `end`."""
    known = {*exchange.tape.symbols, *exchange.account.positions}
    wanted = known if not symbols else set(symbols.split(","))
    first, last = _day(start, "start") or date.min, _day(end, "end") or date.max
    return [s for s in splits(exchange.spec, sorted(wanted & known)) if first <= s.ex_date <= last]


def _day(text: str | None, name: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text[: len("2014-06-09")])
    except ValueError:
        raise RefusedError(unprocessable(f"invalid {name}: {text[:20]!r}")) from None


def _action_body(split: Split) -> Body:
    # Nobody wrote the CUSIP down; an empty one is none.
    return {
        "id": split.id,
        "symbol": split.symbol,
        "cusip": "",
        "old_rate": split.old,
        "new_rate": split.new,
        "process_date": split.ex_date.isoformat(),
        "ex_date": split.ex_date.isoformat(),
    } | ({} if split.new > split.old else {"old_cusip": "", "new_cusip": ""})


def _announcement_body(split: Split) -> Body:
    forward = split.new > split.old
    return {
        "id": split.id,
        "corporate_action_id": split.id,
        "ca_type": "split",
        "ca_sub_type": "stock_split" if forward else "reverse_split",
        "initiating_symbol": split.symbol,
        "initiating_original_cusip": "",
        "target_symbol": split.symbol,
        "target_original_cusip": "",
        "ex_date": split.ex_date.isoformat(),
        "payable_date": split.ex_date.isoformat(),
        "cash": "0",
        "old_rate": str(split.old),
        "new_rate": str(split.new),
    }
