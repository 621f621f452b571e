"""The clock, the calendar and the session, as the exchange tells them."""

from datetime import date

from trading_core.clock import EXCHANGE_ZONE
from trading_core.paper.door.wire.values import Body, in_new_york, moment
from trading_core.paper.exchange import Exchange
from trading_core.paper.market.hours import Hours, day_after


def clock_body(exchange: Exchange) -> Body:
    """Return market time, in New York's offset."""
    hours = exchange.tape.hours
    following = day_after(hours.date)
    next_open = hours if exchange.now < hours.opens_at else following
    next_close = following if exchange.done else hours
    return {
        "timestamp": in_new_york(exchange.now),
        "is_open": exchange.is_open,
        "next_open": in_new_york(next_open.opens_at),
        "next_close": in_new_york(next_close.closes_at),
    }


def calendar_body(hours: Hours, settles_on: date) -> Body:
    """Return one day of the calendar; what it trades settles on `settles_on`."""
    return {
        "date": hours.date.isoformat(),
        "open": f"{hours.opens_at.astimezone(EXCHANGE_ZONE):%H:%M}",
        "close": f"{hours.closes_at.astimezone(EXCHANGE_ZONE):%H:%M}",
        "session_open": "0400",
        "session_close": "2000",
        "settlement_date": settles_on.isoformat(),
    }


def session_body(exchange: Exchange) -> Body:
    """Return the session that is open."""
    spec, hours = exchange.spec, exchange.tape.hours
    return {
        "session_id": exchange.session_id,
        "account_number": exchange.account.number,
        "source": spec.source,
        "date": spec.date.isoformat(),
        "symbols": list(exchange.tape.symbols),
        "seed": spec.seed,
        "opens_at": moment(hours.opens_at),
        "closes_at": moment(hours.closes_at),
        **advance_body(exchange),
    }


def advance_body(exchange: Exchange) -> Body:
    """Return where the clock stands."""
    return {
        "now": moment(exchange.now),
        "executions": exchange.execution_count,
        "is_open": exchange.is_open,
        "done": exchange.done,
    }
