"""What a played minute brings to the market data stream."""

from datetime import datetime, timedelta

from trading_core.paper.door.wire.market import bar_body, trade_body
from trading_core.paper.door.wire.values import Body
from trading_core.paper.exchange import Exchange
from trading_core.paper.history import bars, prints_of


def minute_messages(exchange: Exchange, before: datetime) -> list[Body]:
    """Return the trades and bars of the minutes that ended after `before`, oldest first.

    A minute's bar comes after its trades, and is followed by the bar of the day so far.
    """
    found: list[tuple[datetime, str, str, Body]] = []
    for symbol in exchange.tape.symbols:
        ended = exchange.bars(symbol, before, exchange.now)
        for at, bar in ended:
            trades = [trade_body(one) for one in prints_of(exchange, at, bar)]
            found += [(at, "", symbol, {"T": "t", "S": symbol, **body}) for body in trades]
            found.append((at, "b", symbol, {"T": "b", "S": symbol, **bar_body(at, bar)}))
        if ended:
            midnight = exchange.tape.hours.midnight
            [(_, day)] = bars(exchange, symbol, midnight, exchange.now, timedelta(days=1))
            told = {"T": "d", "S": symbol, **bar_body(midnight, day)}
            found.append((ended[-1][0], "d", symbol, told))
    return [body for *_, body in sorted(found, key=lambda row: row[:3])]
