"""Market data, as Alpaca's own client asks for it."""

from datetime import timedelta
from typing import Any

import pytest
from alpaca.common.enums import Sort
from alpaca.data.requests import (
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockQuotesRequest,
    StockSnapshotRequest,
    StockTradesRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from tests.trading_core.paper.alpaca.conftest import Alpaca

BOTH = ["ACME", "BOLT"]


@pytest.fixture
def later(alpaca: Alpaca) -> Alpaca:
    """Ten minutes after the open."""
    session = alpaca.process.replay.session()
    assert session is not None
    alpaca.play(session.opens_at + timedelta(minutes=10))
    return alpaca


def test_minute_bars_add_up_to_those_of_five_minutes_and_of_the_day(later: Alpaca) -> None:
    def bars(frame: TimeFrame) -> dict[str, list[Any]]:
        found = later.data.get_stock_bars(StockBarsRequest(symbol_or_symbols=BOTH, timeframe=frame))
        return dict(found.data)

    minutes = bars(TimeFrame.Minute)["ACME"]
    fives = bars(TimeFrame(5, TimeFrameUnit.Minute))["ACME"]
    [day] = bars(TimeFrame.Day)["ACME"]
    assert (len(minutes), len(fives)) == (10, 2)
    assert sum(bar.volume for bar in minutes) == sum(bar.volume for bar in fives) == day.volume
    assert fives[0].high == max(bar.high for bar in minutes[:5])
    assert (day.open, day.close) == (minutes[0].open, minutes[-1].close)


def test_bars_come_in_pages_and_backwards(later: Alpaca) -> None:
    request = StockBarsRequest(
        symbol_or_symbols=BOTH, timeframe=TimeFrame.Minute, limit=13, sort=Sort.DESC
    )
    found = later.data.get_stock_bars(request).data
    assert (len(found["ACME"]), len(found["BOLT"])) == (10, 3)
    assert found["ACME"][0].timestamp > found["ACME"][1].timestamp


def test_trades_add_up_to_the_bars(later: Alpaca) -> None:
    request = StockTradesRequest(symbol_or_symbols="ACME")
    trades = later.data.get_stock_trades(request).data["ACME"]
    latest = later.data.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols="ACME"))
    bar = later.data.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols="ACME"))["ACME"]
    assert trades[-1] == latest["ACME"]
    assert trades[-1].price == bar.close
    assert sum(trade.size for trade in trades[-4:]) == bar.volume


def test_the_newest_quote_is_the_last_of_the_history(later: Alpaca) -> None:
    quotes = later.data.get_stock_quotes(StockQuotesRequest(symbol_or_symbols=BOTH)).data
    latest = later.data.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols=BOTH))
    assert {symbol: rows[-1] for symbol, rows in quotes.items()} == latest


def test_a_snapshot_has_all_of_it(later: Alpaca) -> None:
    found = later.data.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols=BOTH))
    assert set(found) == set(BOTH)
    acme = found["ACME"]
    assert acme.latest_trade.price == acme.minute_bar.close == acme.daily_bar.close
    assert acme.latest_quote.bid_price < acme.latest_quote.ask_price


@pytest.mark.parametrize("what", ["bars", "quotes", "trades"])
def test_one_symbols_data_has_an_address_of_its_own(later: Alpaca, what: str) -> None:
    for path in (f"stocks/ACME/{what}", f"stocks/ACME/{what}/latest", "stocks/ACME/snapshot"):
        assert later.data.get(f"/{path}")["symbol"] == "ACME"
