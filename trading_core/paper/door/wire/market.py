"""Market data as the exchange tells it: in JSON numbers."""

from datetime import datetime

from trading_core.paper.door.wire.values import Body, moment, number
from trading_core.paper.floor import ShownQuote
from trading_core.paper.history import Print
from trading_core.paper.market.tape import TradeBar

# One exchange and one tape: the replay knows no others.
_EXCHANGE, _TAPE = "V", "A"


def bar_body(started_at: datetime, bar: TradeBar) -> Body:
    """Return a minute bar. Nobody counted its trades: `n` is 0, and `vw` the mean of its prices."""
    prices = bar.prices
    typical = (prices.open + prices.high + prices.low + prices.close) // 4
    return {
        "t": moment(started_at),
        "o": number(prices.open),
        "h": number(prices.high),
        "l": number(prices.low),
        "c": number(prices.close),
        "v": bar.volume,
        "n": 0,
        "vw": number(typical),
    }


def status_body(at: datetime, *, halted: bool) -> Body:
    """Return whether a symbol trades, in the codes of the tape."""
    return {
        "t": moment(at),
        "sc": "H" if halted else "T",
        "sm": "Trading Halt" if halted else "Trading Resumption",
        "rc": "T12" if halted else "",
        "rm": "Trading Halted; For Information Requested by Listing Market" if halted else "",
        "z": _TAPE,
    }


def trade_body(trade: Print) -> Body:
    """Return a trade."""
    return {
        "t": moment(trade.at),
        "x": _EXCHANGE,
        "p": number(trade.price_ticks),
        "s": trade.shares,
        "c": ["@"],
        "i": trade.number,
        "z": _TAPE,
    }


def quote_body(shown: ShownQuote) -> Body:
    """Return a quote; a side that is not shown has price 0 and size 0."""
    state = shown.state
    return {
        "t": moment(shown.at),
        "bp": number(state.bid_ticks),
        "bs": state.bid_size,
        "bx": _EXCHANGE,
        "ap": number(state.ask_ticks),
        "as": state.ask_size,
        "ax": _EXCHANGE,
        "c": ["R"],
        "z": _TAPE,
    }
