"""Drills: a failover rehearsed on a scratch pair, measured, held against the targets, recorded."""

from datetime import datetime

from infra.sites import scratch_pair
from infra.sites.scratch_pair import PROBE_EVERY, PROBES, Measured
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from trading_core.clock import SystemClock, seconds
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import recoveries
from trading_core.storage.operations.recoveries import (
    RPO_TARGET_SECONDS,
    RTO_TARGET_SECONDS,
    Recovery,
)

_KIND = "drill"
_SUBJECT = "failover on a scratch pair"
_CLEARED_WITHIN = seconds(5)
_KEPT_WITHIN = seconds(5)


@action
def ensure_failover_rehearsed(home: Settings) -> Change[Measured] | Unchanged[Measured]:
    """Fail over between two scratch servers, and leave nothing of them."""
    place = home.root / "drills" / "failover"
    return Change(
        does="fail over between two scratch servers, under writes, and remove both",
        act=lambda _fence: scratch_pair.rehearse(place),
        holds=lambda: not place.exists(),
        within=_CLEARED_WITHIN,
    )


@action
def ensure_drill_kept(
    operations: Database, measured: Measured | None
) -> Change[None] | Unchanged[None]:
    """Keep what the drill measured beside the targets."""
    began_at = SystemClock().now()

    def keep(_fence: int) -> None:
        assert measured is not None, "only a rehearsed plan has nothing measured"
        with operations.transaction() as connection:
            recoveries.record(connection, _record(measured, began_at))

    def holds() -> bool:
        with operations.transaction() as connection:
            found = recoveries.newest(connection, _KIND)
        return found is not None and found.started_at == began_at

    return Change(does="record what the drill measured", act=keep, holds=holds, within=_KEPT_WITHIN)


@check
def check_drill_in_target(measured: Measured) -> CheckResult:
    """Hold what the drill took and cost against the targets of a real failover."""
    in_time = measured.rto_seconds <= RTO_TARGET_SECONDS
    return CheckResult(
        Verdict.PASS if in_time and not measured.lost else Verdict.WARN,
        f"first row {measured.rto_seconds:.2f} s after the kill, {measured.lost} of "
        f"{measured.acknowledged} acknowledged rows lost",
        f"{RTO_TARGET_SECONDS:.0f} s, and what is lost not older than {RPO_TARGET_SECONDS:.0f} s",
        {"promote_seconds": measured.promote_seconds, "write_seconds": measured.write_seconds},
    )


def _record(measured: Measured, began_at: datetime) -> Recovery:
    parts = {
        "detect": measured.detect_seconds,
        "promote": measured.promote_seconds,
        "write": measured.write_seconds,
    }
    return Recovery(
        _KIND,
        _SUBJECT,
        began_at,
        parts,
        measured.rto_seconds,
        # Rows come one after the other: what was lost is not older than the time to notice.
        measured.detect_seconds if measured.lost else 0.0,
        f"{measured.lost} of {measured.acknowledged} rows lost; {PROBES} probes, one every "
        f"{PROBE_EVERY.total_seconds():g} s",
    )
