"""The account, its settings, positions and history, as Alpaca's own client sees them."""

import warnings
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.requests import CorporateActionsRequest
from alpaca.trading.enums import AssetStatus, CorporateActionType, OrderSide
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetAssetsRequest,
    GetCalendarRequest,
    GetCorporateAnnouncementsRequest,
    GetPortfolioHistoryRequest,
    LimitOrderRequest,
    MarketOrderRequest,
)

from tests.trading_core.paper.alpaca.conftest import Alpaca
from tests.trading_core.paper.alpaca.test_orders import bought, usual


def test_a_new_account_has_its_cash_and_twice_the_buying_power(alpaca: Alpaca) -> None:
    account = alpaca.trading.get_account()
    assert (account.status, account.cash, account.equity) == ("ACTIVE", "100000.00", "100000.00")
    assert account.buying_power == "200000.00"


def test_settings_are_kept_and_obeyed(alpaca: Alpaca) -> None:
    settings = alpaca.trading.get_account_configurations()
    settings.suspend_trade = True
    settings.no_shorting = True
    assert alpaca.trading.set_account_configurations(settings) == settings
    with pytest.raises(APIError, match="new orders are rejected by user request"):
        alpaca.trading.submit_order(MarketOrderRequest(**usual()))
    settings.suspend_trade = False
    alpaca.trading.set_account_configurations(settings)
    with pytest.raises(APIError, match="account is not allowed to short"):
        alpaca.trading.submit_order(MarketOrderRequest(**usual(side=OrderSide.SELL)))


def test_a_position_is_closed_by_quantity_by_percentage_and_whole(alpaca: Alpaca) -> None:
    bought(alpaca, 40)
    held = alpaca.trading.get_open_position("ACME")
    assert (held.qty, held.qty_available, held.side) == ("40", "40", "long")
    assert alpaca.trading.get_open_position(held.asset_id) == held

    def close(**options: Any) -> Any:
        request = ClosePositionRequest(**options) if options else None
        return alpaca.trading.close_position("ACME", request)

    assert close(qty="10").filled_qty == "10"
    assert close(percentage="50").filled_qty == "15"
    assert close().filled_qty == "15"
    with pytest.raises(APIError, match="position does not exist"):
        close()


def test_all_positions_are_closed_each_with_its_own_answer(alpaca: Alpaca) -> None:
    bought(alpaca, 10)
    alpaca.trading.submit_order(MarketOrderRequest(**usual(symbol="BOLT", side=OrderSide.SELL)))
    resting = LimitOrderRequest(**usual(side=OrderSide.SELL, limit_price=900))
    alpaca.trading.submit_order(resting)
    blocked, closed = alpaca.trading.close_all_positions()
    assert (blocked.symbol, blocked.status, blocked.body.code) == ("ACME", 403, 40310000)
    assert (closed.symbol, closed.status, closed.body.side) == ("BOLT", 200, "buy")
    [answer] = alpaca.trading.close_all_positions(cancel_orders=True)
    assert (answer.status, answer.body.filled_qty) == (200, "10")
    assert alpaca.trading.get_all_positions() == []


def test_what_happened_is_told_page_by_page(alpaca: Alpaca) -> None:
    for _ in range(3):
        bought(alpaca, 1)
    whole = alpaca.trading.get("/account/activities", {"direction": "asc"})
    assert [entry["activity_type"] for entry in whole] == ["FILL"] * 3
    page = alpaca.trading.get("/account/activities/FILL", {"direction": "asc", "page_size": 2})
    token = {"direction": "asc", "page_token": page[-1]["id"]}
    assert page + alpaca.trading.get("/account/activities", token) == whole
    assert alpaca.trading.get("/account/activities", {"activity_types": "FEE"}) == []


def test_fees_are_told_one_by_one_and_taken_from_the_cash(running: Alpaca) -> None:
    running.open(fee_per_share_usd=Decimal("0.0035"))
    orders = [bought(running, 10), bought(running, 3)]
    fees = running.trading.get("/account/activities/FEE", {"direction": "asc"})
    assert [fee["net_amount"] for fee in fees] == ["-0.04", "-0.02"]
    spent = sum(Decimal(o.filled_qty) * Decimal(o.filled_avg_price) for o in orders)
    cash = Decimal(running.trading.get_account().cash)
    assert cash == 100_000 - spent - Decimal("0.06")


def test_equity_is_told_by_the_minute_and_by_the_day(alpaca: Alpaca) -> None:
    bought(alpaca, 100)
    session = alpaca.process.replay.session()
    assert session is not None
    alpaca.play(session.opens_at + timedelta(minutes=7))
    minutes = alpaca.trading.get_portfolio_history(
        GetPortfolioHistoryRequest(period="1D", timeframe="1Min")
    )
    assert len(minutes.equity) == 7
    assert minutes.base_value == 100_000
    equity = float(alpaca.trading.get_account().equity)
    assert minutes.equity[-1] == equity
    assert minutes.profit_loss[-1] == pytest.approx(equity - 100_000)
    days = alpaca.trading.get_portfolio_history()
    assert (days.timeframe, days.equity) == ("1D", [equity])


def test_assets_are_those_of_the_session(alpaca: Alpaca) -> None:
    assets = alpaca.trading.get_all_assets(GetAssetsRequest(status=AssetStatus.ACTIVE))
    assert [asset.symbol for asset in assets] == ["ACME", "BOLT"]
    assert alpaca.trading.get_asset("ACME") == alpaca.trading.get_asset(assets[0].id) == assets[0]
    with pytest.raises(APIError) as caught:
        alpaca.trading.get_asset("NOPE")
    assert (caught.value.status_code, caught.value.code) == (404, 40410000)


def test_the_clock_and_the_calendar_are_the_exchanges(alpaca: Alpaca) -> None:
    clock = alpaca.trading.get_clock()
    assert clock.is_open
    assert clock.next_close > clock.timestamp
    days = GetCalendarRequest(start=date(2024, 11, 27), end=date(2024, 11, 29))
    thursday_left_out = alpaca.trading.get_calendar(days)
    assert [f"{day.close:%d %H:%M}" for day in thursday_left_out] == ["27 16:00", "29 13:00"]


@pytest.mark.real_bars
def test_a_split_is_announced_in_both_forms(running: Alpaca, bars_dir: Any) -> None:
    running.open(source="bars", date=date(2013, 10, 7), directory=bars_dir, symbols=None)
    symbols = CorporateActionsRequest(symbols=["AIG"], start=date(2009, 1, 1), end=date(2010, 1, 1))
    [split] = running.actions.get_corporate_actions(symbols).data["reverse_splits"]
    assert (split.symbol, split.old_rate, split.new_rate) == ("AIG", 20, 1)
    request = GetCorporateAnnouncementsRequest(
        ca_types=[CorporateActionType.SPLIT], since=date(2009, 6, 1), until=date(2009, 8, 1)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        [announced] = running.trading.get_corporate_announcements(request)
    assert announced == running.trading.get_corporate_announcement_by_id(announced.id)
    assert announced.ex_date == split.ex_date


def test_what_is_hard_to_borrow_is_located_before_it_is_sold_short(running: Alpaca) -> None:
    running.open(hard_to_borrow=("ACME",))
    assert not running.trading.get_asset("ACME").easy_to_borrow
    short = MarketOrderRequest(**usual(side=OrderSide.SELL))
    with pytest.raises(APIError, match="cannot be sold short"):
        running.trading.submit_order(short)
    # The client of corporate actions speaks to the same version of the API as locates have.
    v1 = running.actions
    quotes = v1.get("/locates/quotes", {"symbols": "ACME,BOLT"})
    assert [quote["symbol"] for quote in quotes["quotes"]] == ["ACME"]
    assert [error["code"] for error in quotes["errors"]] == ["easy_to_borrow"]
    with pytest.raises(APIError, match="multiple of 100"):
        v1.post("/locates", {"symbol": "ACME", "qty": 10})
    located = v1.post("/locates", {"symbol": "ACME", "qty": 100})
    assert v1.get(f"/locates/{located['id']}") == located
    assert v1.get("/locates")["locates"] == [located]
    assert running.trading.submit_order(short).status == "filled"
    assert running.trading.get_open_position("ACME").side == "short"
