"""The strategies that run, against those somebody approved."""

from tasks.kernel import CheckResult, Verdict, check
from tasks.trading.control import Core
from trading_core.storage.connect import Database
from trading_core.storage.trading import config
from trading_core.storage.trading.config import ConfigVersion
from trading_core.strategy import catalogue


@check
def check_model_versions(core: Core, database: Database) -> CheckResult:
    """Compare each running strategy's code and parameters with the newest approved version."""
    expected = "every strategy runs the code and parameters that were approved"
    with database.transaction() as connection:
        approved = {one.name: one for one in config.newest_of_kind(connection, config.STRATEGY)}
    running = {one.name: one.version for one in core.strategies()}
    wrong = [
        f"{name}: {trouble}"
        for name in sorted(approved.keys() | running.keys())
        if (trouble := _trouble(approved.get(name), running.get(name)))
    ]
    if not approved:
        wrong.append("no strategy is approved")
    versions = ", ".join(f"{name} {version[:8]}" for name, version in sorted(running.items()))
    return CheckResult(
        Verdict.FAIL if wrong else Verdict.PASS,
        "; ".join(wrong) or versions,
        expected,
        running,
    )


def _trouble(approved: ConfigVersion | None, running: str | None) -> str:
    if approved is None:
        return "runs, and nobody approved it"
    if running is None:
        return f"version {approved.version} is approved, and does not run"
    wanted = catalogue.version(
        approved.name, catalogue.read_parameters(approved.name, approved.body)
    )
    if running != wanted:
        return f"runs {running[:8]}, approved is {wanted[:8]} (version {approved.version})"
    return ""
