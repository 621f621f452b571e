"""The account, as the exchange tells it."""

from dataclasses import asdict
from decimal import Decimal

from trading_core.domain.money import to_cents
from trading_core.domain.orders import Side
from trading_core.paper.account.account import Account
from trading_core.paper.account.configuration import Configuration
from trading_core.paper.door.wire.values import Body, money
from trading_core.paper.orders.order import derived_id

# Regulation T asks for half of what is held, a broker for a part of it as it stands.
_INITIAL, _MAINTENANCE_LONG, _MAINTENANCE_SHORT = Decimal("0.5"), Decimal("0.25"), Decimal("0.3")


def account_body(account: Account) -> Body:
    """Return the account as it stands."""
    equity, power = str(account.equity_usd()), str(account.buying_power_usd())
    long_usd, short_usd = account.market_value_usd(Side.BUY), account.market_value_usd(Side.SELL)
    maintenance = _MAINTENANCE_LONG * long_usd - _MAINTENANCE_SHORT * short_usd
    settings = account.configuration
    return {
        "id": derived_id(account.number),
        "account_number": account.number,
        "status": "ACTIVE",
        "currency": "USD",
        "cash": money(account.cash_usd),
        "equity": equity,
        "portfolio_value": equity,
        "last_equity": str(account.last_equity_usd),
        "long_market_value": str(to_cents(long_usd)),
        "short_market_value": str(to_cents(short_usd)),
        "initial_margin": str(to_cents(_INITIAL * (long_usd - short_usd))),
        "maintenance_margin": str(to_cents(maintenance)),
        "accrued_fees": "0",
        "buying_power": power,
        "regt_buying_power": power,
        "non_marginable_buying_power": str(max(to_cents(account.cash_usd), Decimal("0.00"))),
        "multiplier": settings.max_margin_multiplier,
        "shorting_enabled": not settings.no_shorting,
        "account_blocked": False,
        "trading_blocked": False,
        "transfers_blocked": False,
        "trade_suspended_by_user": settings.suspend_trade,
    }


def configuration_body(configuration: Configuration) -> Body:
    """Return the account's configuration."""
    return asdict(configuration)
