"""What is held overnight: by our books, and by the broker's."""

from decimal import Decimal

from tasks.kernel import CheckResult, Verdict, check
from trading_core.broker.contract import HeldPosition, TradingApi
from trading_core.domain.shares import size
from trading_core.ledger.session import current_session
from trading_core.risk.limits import RiskLimits
from trading_core.storage.connect import Database
from trading_core.storage.trading import config, positions

# Beyond this an overnight position deserves a look before the open (DAY-01, step 8).
UNREALIZED_LOSS_USD_MAX = Decimal(1000)


@check
def check_overnight_positions(broker: TradingApi, database: Database) -> CheckResult:
    """Compare our positions with the broker's, and each with its loss and the limits."""
    session = current_session(broker)
    with database.transaction() as connection:
        held = [one.position for one in positions.of_account(connection, session.account)]
        limits = config.newest(connection, config.RISK_LIMITS, config.DESK)
    ours = {position.symbol: position.quantity for position in held if position.quantity}
    theirs = {position.symbol: position for position in broker.positions()}
    expected = (
        f"our positions equal to the broker's, none beyond -${UNREALIZED_LOSS_USD_MAX:,}, "
        "all inside the limits"
    )
    different = [
        f"{symbol} {ours.get(symbol, 0)} here and "
        f"{theirs[symbol].quantity if symbol in theirs else 0} there"
        for symbol in sorted(ours.keys() | theirs.keys())
        if ours.get(symbol) != (theirs[symbol].quantity if symbol in theirs else None)
    ]
    evidence = {symbol: _words(position) for symbol, position in _best_first(theirs)}
    if different:
        return CheckResult(Verdict.FAIL, f"different: {', '.join(different)}", expected, evidence)
    bounds = None if limits is None else RiskLimits.parse(limits.body)
    warnings = [
        f"{symbol} {trouble}"
        for symbol, position in theirs.items()
        if (trouble := _trouble(position, bounds))
    ]
    return CheckResult(
        Verdict.WARN if warnings else Verdict.PASS,
        "; ".join(warnings) or f"{len(theirs)} positions, equal on both sides",
        expected,
        evidence,
    )


def _trouble(position: HeldPosition, limits: RiskLimits | None) -> str:
    unrealized_usd = _unrealized_usd(position)
    if unrealized_usd < -UNREALIZED_LOSS_USD_MAX:
        return f"at -${-unrealized_usd:,.2f} unrealised"
    if limits is None:
        return ""
    if size(position.quantity) > limits.position_quantity_max:
        return f"{position.quantity} shares, limit {limits.position_quantity_max}"
    if abs(position.market_value_usd) > limits.position_notional_usd_max:
        worth = f"${abs(position.market_value_usd):,.2f}"
        return f"worth {worth}, limit ${limits.position_notional_usd_max:,.2f}"
    return ""


def _best_first(held: dict[str, HeldPosition]) -> list[tuple[str, HeldPosition]]:
    return sorted(held.items(), key=lambda item: -_unrealized_usd(item[1]))


def _unrealized_usd(position: HeldPosition) -> Decimal:
    return position.market_value_usd - position.cost_basis_usd


def _words(position: HeldPosition) -> str:
    side = "long" if position.quantity > 0 else "short"
    return (
        f"{side} {abs(position.quantity)} at ${position.entry_price_usd:,.4f}, "
        f"unrealised ${_unrealized_usd(position):,.2f}"
    )
