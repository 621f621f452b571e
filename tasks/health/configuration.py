"""The configuration that runs: read, complete, in bounds, and kept from other eyes (HLT-29)."""

import stat
from collections import Counter
from collections.abc import Iterator

from tasks.kernel import CheckResult, Verdict, check
from trading_core.clock import seconds
from trading_core.errors import TradingError
from trading_core.risk.limits import RiskLimits
from trading_core.services import SERVICES
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.trading import config
from trading_core.strategy import catalogue

_SECRETS = ("control_token", "broker_key_id", "broker_secret_key", "trading_dsn", "operations_dsn")


@check(within=seconds(8))
def check_configuration(settings: Settings, database: Database) -> CheckResult:
    """Hold settings, secrets, ports, limits and strategies against what they must be."""
    expected = "settings, secrets, ports, limits and strategies all valid"
    faults = [*_settings(), *_secrets(settings), *_ports(settings), *_versions(database)]
    return CheckResult(
        Verdict.FAIL if faults else Verdict.PASS,
        "; ".join(faults) or "all valid",
        expected,
        {"faults": faults},
        len(faults),
        0,
    )


def _settings() -> Iterator[str]:
    try:
        Settings.read()
    except TradingError as error:
        yield str(error)


def _secrets(settings: Settings) -> Iterator[str]:
    for name in _SECRETS:
        try:
            settings.secret(name)
        except TradingError as error:
            yield str(error)
            continue
        mode = stat.S_IMODE((settings.secrets_dir / name).stat().st_mode)
        if mode & 0o077:
            yield f"secret {name}: expected readable by its owner only, was mode {mode:o}"


def _ports(settings: Settings) -> Iterator[str]:
    places = Counter(
        (settings.address(row.name), settings.port(row.name)) for row in SERVICES if row.port
    )
    for (address, port), count in places.items():
        if count > 1:
            yield f"port {port} of {address}: expected one service, was {count}"


def _versions(database: Database) -> Iterator[str]:
    with database.transaction() as connection:
        limits = config.newest(connection, config.RISK_LIMITS, config.DESK)
        strategies = config.newest_of_kind(connection, config.STRATEGY)
    if limits is None:
        yield "risk limits: expected a version, was none"
    else:
        try:
            RiskLimits.parse(limits.body)
        except TradingError as error:
            yield str(error)
    for one in strategies:
        try:
            catalogue.read_parameters(one.name, one.body)
        except TradingError as error:
            yield str(error)
