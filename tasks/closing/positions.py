"""What is held overnight: by our books, and by the broker's."""

from decimal import Decimal

from tasks.kernel import CheckResult, Verdict, check
from trading_core.broker.contract import HeldPosition, TradingApi
from trading_core.clock import poll, seconds
from trading_core.domain.shares import Shares, size
from trading_core.ledger.session import Session, current_session
from trading_core.risk.limits import RiskLimits
from trading_core.storage.connect import Database
from trading_core.storage.trading import config, positions

# Beyond this an overnight position deserves a look before the open (DAY-01, step 8).
UNREALIZED_LOSS_USD_MAX = Decimal(1000)
# Longer than a fill takes from the exchange into our books, were its stream to break meanwhile.
_FILLS_WITHIN = seconds(6)


@check
def check_overnight_positions(broker: TradingApi, database: Database) -> CheckResult:
    """Compare our positions with the broker's, and each with its loss and the limits."""
    theirs = _theirs(broker)
    different = _differences(_ours(current_session(broker), database), theirs)
    return _held_against_limits(theirs, different, database)


@check(within=seconds(15))
def check_positions_agree(broker: TradingApi, database: Database) -> CheckResult:
    """Do the same while orders are under way (HLT-17).

    A fill that one side knows a moment before the other is no difference: a symbol differs when it
    did so at every look, for as long as fills may be on their way.
    """
    session = current_session(broker)
    theirs: dict[str, HeldPosition] = {}
    different: dict[str, str] | None = None

    def agree() -> bool:
        nonlocal theirs, different
        ours, theirs = _ours(session, database), _theirs(broker)
        found = _differences(ours, theirs)
        stayed = found.keys() if different is None else found.keys() & different.keys()
        different = {symbol: words for symbol, words in found.items() if symbol in stayed}
        return not different

    poll(agree, within=_FILLS_WITHIN, every=seconds(0.5))
    return _held_against_limits(theirs, different or {}, database)


def _held_against_limits(
    theirs: dict[str, HeldPosition], different: dict[str, str], database: Database
) -> CheckResult:
    with database.transaction() as connection:
        limits = config.newest(connection, config.RISK_LIMITS, config.DESK)
    expected = (
        f"our positions equal to the broker's, none beyond -${UNREALIZED_LOSS_USD_MAX:,}, "
        "all inside the limits"
    )
    bounds = None if limits is None else RiskLimits.parse(limits.body)
    warnings = [
        f"{symbol} {trouble}"
        for symbol, position in theirs.items()
        if (trouble := _trouble(position, bounds))
    ]
    verdict = Verdict.WARN if warnings else Verdict.PASS
    found = "; ".join(warnings) or f"{len(theirs)} positions, equal on both sides"
    if different:
        verdict, found = Verdict.FAIL, f"different: {', '.join(different.values())}"
    return CheckResult(
        verdict,
        found,
        expected,
        {symbol: _words(position) for symbol, position in _best_first(theirs)},
        len(different),
        0,
        " positions that differ",
    )


def _ours(session: Session, database: Database) -> dict[str, Shares]:
    with database.transaction() as connection:
        held = [one.position for one in positions.of_account(connection, session.account)]
    return {position.symbol: position.quantity for position in held if position.quantity}


def _theirs(broker: TradingApi) -> dict[str, HeldPosition]:
    return {position.symbol: position for position in broker.positions()}


def _differences(ours: dict[str, Shares], theirs: dict[str, HeldPosition]) -> dict[str, str]:
    """Return in words, by symbol, where the two sides differ."""
    there = {symbol: one.quantity for symbol, one in theirs.items()}
    return {
        symbol: f"{symbol} {ours.get(symbol, 0)} here and {there.get(symbol, 0)} there"
        for symbol in sorted(ours.keys() | there.keys())
        if ours.get(symbol) != there.get(symbol)
    }


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
