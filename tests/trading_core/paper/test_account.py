import json
from datetime import UTC, datetime
from decimal import Decimal

from tests.trading_core.paper.exchange_parts import limit, market, ticks
from trading_core.domain.orders import Side
from trading_core.paper.account.account import Account
from trading_core.paper.door.trading.accounts import ActivitiesQuery
from trading_core.paper.orders.words import Duration, Status

NOW = datetime(2024, 3, 5, 14, 30, tzinfo=UTC)


def an_account(cash_usd: str = "1000") -> Account:
    account = Account("PA0000001", ticks(cash_usd))
    account.marks["ACME"] = ticks("10.00") + ticks("10.01")
    return account


def trade(account: Account, name: str, side: Side, quantity: int, price_usd: str) -> None:
    order = account.add_order(market(name, side, quantity), NOW)
    account.execute(order, Decimal(quantity), ticks(price_usd), NOW)


def test_equity_is_cash_and_positions_rounded_once_to_the_cent() -> None:
    account = an_account()
    trade(account, "a", Side.BUY, 3, "10.01")
    assert account.equity_usd() == Decimal("999.98")  # 969.97 + 3 x 10.005 = 999.985, half to even
    trade(account, "b", Side.SELL, 5, "10.00")
    assert account.quantity("ACME") == -2
    assert account.equity_usd() == Decimal("999.96")  # 1019.97 - 2 x 10.005 = 999.96


def test_ids_are_derived_from_the_account_and_the_count() -> None:
    ids = []
    for number in ("PA0000001", "PA0000001", "PA0000002"):
        account = Account(number, ticks("1000"))
        trade(account, "a", Side.BUY, 1, "10")
        ids.append((account.orders[0].id, account.executions[0].id))
    assert ids[0] == ids[1]
    assert len({*ids[0], *ids[2]}) == 4


def test_buying_power_is_twice_the_equity_less_what_is_tied_up() -> None:
    account = an_account()
    assert account.buying_power_usd() == Decimal("2000.00")
    trade(account, "a", Side.SELL, 20, "10.005")
    assert account.buying_power_usd() == Decimal("1799.90")  # short positions tie up as long ones
    account.add_order(limit("b", Side.BUY, 10, "9.00"), NOW)
    assert account.buying_power_usd() == Decimal("1799.90")  # what only closes ties up nothing
    account.add_order(limit("c", Side.BUY, 20, "9.00"), NOW)
    assert account.buying_power_usd() == Decimal("1709.90")


def test_buying_power_is_never_negative() -> None:
    account = an_account("1")
    trade(account, "a", Side.BUY, 1000, "10.005")
    assert account.buying_power_usd() == Decimal("0.00")


def opening_usd(account: Account, side: Side, quantity: int) -> Decimal:
    return account.opening_notional_usd(limit("next", side, quantity, "10.00"))


def test_only_what_enlarges_a_position_needs_buying_power() -> None:
    account = an_account()
    trade(account, "a", Side.BUY, 50, "10")
    assert opening_usd(account, Side.SELL, 50) == 0
    assert opening_usd(account, Side.SELL, 60) == 100
    assert opening_usd(account, Side.BUY, 60) == 600


def test_shares_that_an_open_order_closes_are_not_closed_twice() -> None:
    account = an_account()
    trade(account, "a", Side.BUY, 50, "10")
    account.add_order(limit("b", Side.SELL, 30, "11.00"), NOW)
    assert opening_usd(account, Side.SELL, 50) == 300


def test_an_account_read_back_from_its_record_is_the_same() -> None:
    account = an_account()
    trade(account, "a", Side.BUY, 7, "10.0101")
    trade(account, "b", Side.SELL, 3, "10.02")
    open_order = account.add_order(limit("c", Side.BUY, 10, "9.01", Duration.GTC), NOW)
    account.execute(open_order, Decimal(4), ticks("9.01"), NOW)
    record = json.loads(json.dumps(account.record()))
    again = Account.of(record)
    assert again.record() == account.record()
    assert again.orders == account.orders
    assert again.executions == account.executions
    assert again.positions == account.positions
    assert again.order(open_order.id) == again.order_by_client_id("c") == open_order
    assert again.equity_usd() == account.equity_usd()


def test_day_orders_expire_and_orders_until_cancelled_stay() -> None:
    account = an_account()
    day = account.add_order(limit("day", Side.BUY, 1, "9.00"), NOW)
    stays = account.add_order(limit("gtc", Side.BUY, 1, "9.00", Duration.GTC), NOW)
    assert account.expire_day_orders(NOW) == [day]
    assert (day.status, stays.status) == (Status.EXPIRED, Status.NEW)


def test_todays_profit_starts_from_the_last_close() -> None:
    account = an_account()
    trade(account, "a", Side.BUY, 10, "9.00")
    account.begin_session()
    account.marks["ACME"] = 2 * ticks("11")
    today = account.positions_today["ACME"]
    assert today.unrealized_pnl_usd(account.price_usd("ACME")) == Decimal("9.95")
    trade(account, "b", Side.BUY, 10, "10.50")
    both = account.positions_today["ACME"]
    assert both.unrealized_pnl_usd(account.price_usd("ACME")) == Decimal("14.95")
    assert account.last_equity_usd == Decimal("1010.05")
    assert account.last_prices_usd == {"ACME": Decimal("10.005")}


def test_an_average_price_is_exact_where_it_can_be() -> None:
    account = an_account()
    order = account.add_order(market("a", Side.BUY, 10), NOW)
    assert order.filled_average_usd is None
    account.execute(order, Decimal(4), ticks("10.00"), NOW)
    account.execute(order, Decimal(6), ticks("10.05"), NOW)
    assert str(order.filled_average_usd) == "10.03"
    assert order.status is Status.FILLED


def test_a_fee_is_dated_by_the_exchanges_day_and_not_by_utc() -> None:
    account = an_account()
    account.fee_per_share_ticks = Decimal(ticks("0.0035"))
    evening = datetime(2024, 3, 6, 0, 30, tzinfo=UTC)  # half past seven on the 5th in New York
    order = account.add_order(market("a", Side.BUY, 10), evening)
    account.execute(order, Decimal(10), ticks("10.00"), evening)
    [fee] = ActivitiesQuery().answer(account, frozenset({"FEE"}))
    assert (fee["date"], fee["net_amount"]) == ("2024-03-05", "-0.04")
