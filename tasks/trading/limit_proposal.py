"""Limits for a market that moves more or less than the ones in force were made for (TRD-10).

A position in a market that moves 1.2 times as much is as dangerous as one 1.2 times as large: so
what limits a size is divided by the adjustment. What limits a loss stays: the money that may be
lost does not depend on the market.
"""

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import Any

from tasks.kernel import Change, CheckResult, Unchanged, action, check
from tasks.reporting.files import text_written
from tasks.trading.control import Core
from tasks.trading.limits import judged
from trading_core.domain.money import CENT
from trading_core.errors import ConfigurationError
from trading_core.risk import changing
from trading_core.risk.scaling import SIZES
from trading_core.settings import Settings
from trading_core.storage.connect import Database

ADJUSTMENT_MIN, ADJUSTMENT_MAX = 0.25, 4.0
# Shares sold short as well, which the control API's answer leaves as they were located.
_SIZES = (*SIZES, "short_quantity_max")
_SHARE = Decimal(1)


def calculated(body: Mapping[str, Any], adjustment: float) -> dict[str, Decimal]:
    """Return every limit on a size divided by the adjustment, rounded down to shares or cents.

    Raises:
        ConfigurationError: No adjustment anybody can mean.
    """
    if not ADJUSTMENT_MIN <= adjustment <= ADJUSTMENT_MAX:
        raise ConfigurationError(
            f"adjustment: expected {ADJUSTMENT_MIN:g} to {ADJUSTMENT_MAX:g}, was {adjustment:g}",
            next_step="give how many times as much the market moves as the limits were made for",
        )
    by = Decimal(str(adjustment))
    found = {name: Decimal(str(body[name])) / by for name in _SIZES if body.get(name) is not None}
    return {
        name: size.quantize(CENT if "_usd_" in name else _SHARE, rounding=ROUND_DOWN)
        for name, size in found.items()
    }


@check
def check_calculated_limits(core: Core, database: Database, adjustment: float) -> CheckResult:
    """Hold what comes of the adjustment against the hard caps, and say what it would loosen."""
    return judged(core, database, lambda body: calculated(body, adjustment))


@action
def ensure_limits_proposed(
    settings: Settings, database: Database, adjustment: float
) -> Change[Path] | Unchanged[Path]:
    """Write the proposal to a file, with the words change-risk-limits takes; nothing is applied."""
    with database.transaction() as connection:
        present = changing.in_force(connection)
    proposal = changing.propose(present, calculated(present.body, adjustment))
    changes = " ".join(f"{name}={to}" for name, (_, to) in proposal.differences.items())
    lines = [
        f"Proposed from version {present.version} of the limits, adjustment {adjustment:g}.",
        "Nothing is in force by this file: `tradeops run change-risk-limits` with these changes.",
        f"Loosens: {', '.join(proposal.loosened) or 'nothing'}.",
        "",
        *(f"{name}: {was} -> {to}" for name, (was, to) in proposal.differences.items()),
        "",
        f"changes={changes}",
    ]
    name = f"limits-of-version-{present.version}-by-{adjustment:g}.txt"
    path = settings.root / "reports" / "limits" / name
    return text_written(path, "\n".join(lines) + "\n", f"the limits proposed by {adjustment:g}")
