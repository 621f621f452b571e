"""The account: what it is worth, how it is set, what happened to it."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from trading_core.clock import EXCHANGE_ZONE
from trading_core.domain.money import from_ticks
from trading_core.paper.account.account import Account
from trading_core.paper.account.activities import Activity
from trading_core.paper.account.configuration import Configuration
from trading_core.paper.door.intake.fields import read_moment
from trading_core.paper.door.replies import RefusedError, accepted, body_of
from trading_core.paper.door.trading.queries import FAR_FUTURE, FAR_PAST, Direction, beyond, page
from trading_core.paper.door.wire.accounts import account_body, configuration_body
from trading_core.paper.door.wire.trading import activity_body, activity_id, fill_body
from trading_core.paper.door.wire.values import Body
from trading_core.paper.orders.order import Execution, derived_id
from trading_core.paper.orders.refusals import unprocessable
from trading_core.paper.venue import Venue

_TRADES = frozenset({"FILL"})
_BESIDE_TRADES = frozenset({"FEE", "SPLIT", "DIV"})
_MULTIPLIERS = ("1", "2", "4")
# Settings that a client's library may still send, and that no longer mean anything.
_RETIRED = frozenset({"dtbp_check", "pdt_check"})


_Row = tuple[datetime, Execution | Activity]


class ActivitiesQuery(BaseModel):
    """Which part of the history is asked for, in Alpaca's parameters."""

    activity_types: str | None = None
    category: Literal["trade_activity", "non_trade_activity"] | None = None
    after: str = FAR_PAST
    until: str = FAR_FUTURE
    direction: Direction = "desc"
    page_size: Annotated[int, Field(ge=1, le=100)] = 100
    page_token: str | None = None

    def answer(self, account: Account, wanted: frozenset[str]) -> list[Body]:
        """Return the page of what happened to the account, of the wanted types."""
        first = accepted(read_moment(self.after, "after"))
        last = accepted(read_moment(self.until, "until"))
        found = [row for row in _history(account, wanted, first) if first < row[0] < last]
        if self.page_token is not None:
            ids = [_id(entry) for _, entry in found]
            found = beyond(found, ids, self.page_token, self.direction)
        return [_body(entry) for _, entry in page(found, self.direction, self.page_size)]


def _id(entry: Execution | Activity) -> str:
    return activity_id(entry) if isinstance(entry, Execution) else str(_body(entry)["id"])


def _body(entry: Execution | Activity) -> Body:
    return fill_body(entry) if isinstance(entry, Execution) else activity_body(entry)


def add_account(routes: APIRouter, venue: Venue) -> None:
    """Add the account and its configuration."""

    @routes.get("/v2/account")
    async def account() -> Body:
        return account_body(venue.current().account)

    @routes.get("/v2/account/configurations")
    async def configurations() -> Body:
        return configuration_body(venue.current().account.configuration)

    @routes.patch("/v2/account/configurations")
    async def configure(request: Request) -> Body:
        body = await body_of(request)
        venue.configure(_changed(venue.current().account.configuration, body))
        return configuration_body(venue.current().account.configuration)


def add_activities(routes: APIRouter, venue: Venue) -> None:
    """Add the history of the account."""

    @routes.get("/v2/account/activities/{activity_type}")
    async def of_one_type(
        activity_type: str, query: Annotated[ActivitiesQuery, Query()]
    ) -> list[Body]:
        return query.answer(venue.current().account, frozenset({activity_type}))

    @routes.get("/v2/account/activities")
    async def of_all_types(query: Annotated[ActivitiesQuery, Query()]) -> list[Body]:
        types = query.activity_types
        if types is not None:
            wanted = frozenset(types.split(","))
        elif query.category is not None:
            wanted = _TRADES if query.category == "trade_activity" else _BESIDE_TRADES
        else:
            wanted = _TRADES | _BESIDE_TRADES
        return query.answer(venue.current().account, wanted)


def _history(account: Account, wanted: frozenset[str], after: datetime) -> list[_Row]:
    """Return the account's history of the wanted types, in the order it happened.

    Args:
        after: Of executions, only those later than this.
    """
    found: list[_Row] = []
    start = bisect_right(account.executions, after, key=lambda one: one.at)
    executions = account.executions[start:]
    if "FILL" in wanted:
        found += [(execution.at, execution) for execution in executions]
    if "FEE" in wanted:
        found += [(e.at, _fee(account, e)) for e in executions if e.fee_ticks]
    found += [
        (datetime.combine(activity.on, time(0), UTC), activity)
        for activity in account.activities
        if activity.kind in wanted
    ]
    return sorted(found, key=lambda row: row[0])


def _fee(account: Account, execution: Execution) -> Activity:
    return Activity(
        id=derived_id(account.number, "fee", execution.sequence),
        kind="FEE",
        # The exchange's date: an evening's fill is of that day, and in UTC already of the next.
        on=execution.at.astimezone(EXCHANGE_ZONE).date(),
        description=f"fee of execution {execution.id}",
        amount_usd=-from_ticks(execution.fee_ticks),
        symbol=execution.symbol,
    )


def _changed(configuration: Configuration, body: Mapping[str, Any]) -> Configuration:
    now = configuration_body(configuration)
    asked = {name: v for name, v in body.items() if v is not None and name not in _RETIRED}
    for name, value in asked.items():
        if name not in now:
            raise RefusedError(unprocessable(f"{name[:40]}: not supported"))
        if type(value) is not type(now[name]):
            raise RefusedError(unprocessable(f"invalid {name}: was {str(value)[:40]!r}"))
    if asked.get("max_margin_multiplier", _MULTIPLIERS[0]) not in _MULTIPLIERS:
        raise RefusedError(unprocessable("max_margin_multiplier: expected 1, 2 or 4"))
    return replace(configuration, **asked)
