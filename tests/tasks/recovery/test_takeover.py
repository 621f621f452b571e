"""What a switch took is read from the ledger, whatever runs it was made in."""

from datetime import UTC, datetime, timedelta

from tasks.recovery.takeover import measured
from trading_core.storage.operations.steps_taken import Taken

NOON = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)


def line(second: float, step: str, kind: str = "proof", **facts: object) -> Taken:
    return Taken(step, kind, NOON + timedelta(seconds=second), facts)


LINES = [
    line(0, "request_approval", "note"),
    line(20, "request_approval", "note"),
    line(21, "ensure_lease_revoked", "intent"),
    line(30, "ensure_lease_revoked"),
    line(33, "ensure_database_fenced"),
    line(34, "ensure_promoted", "intent", rpo_seconds=4.0, rpo_known="seen every 2 s"),
    line(35, "ensure_promoted"),
    line(36, "ensure_clients_pointed"),
    line(50, "ensure_service_running"),
    line(52, "ensure_books_reconciled"),
    line(53, "ensure_trading_carried_on"),
]
BEGAN_AT = NOON + timedelta(seconds=21.5)


def test_the_parts_add_up_to_the_whole() -> None:
    found = measured("failover", "standby", LINES, BEGAN_AT)
    assert (found.rto_seconds, found.rpo_seconds) == (53, 4.0)
    assert sum(found.parts.values()) == found.rto_seconds
    assert {name: found.parts[name] for name in ("decide", "fence", "promote", "start")} == {
        "decide": 20,
        "fence": 13,
        "promote": 2,
        "start": 14,
    }
    assert found.within_targets


def test_it_counts_from_when_the_old_site_was_last_seen() -> None:
    seen_at = (NOON - timedelta(seconds=90)).isoformat()
    lines = [
        Taken(one.step, one.kind, one.at, {**one.facts, "seen_at": seen_at} if one.facts else {})
        for one in LINES
    ]
    found = measured("failover", "standby", lines, BEGAN_AT)
    assert (found.rto_seconds, found.parts["detect"]) == (143, 90)


def test_a_request_that_nobody_granted_before_is_not_counted() -> None:
    before = [line(-900, "request_approval", "note"), line(-100, "request_approval", "note")]
    assert measured("failover", "standby", before + LINES, BEGAN_AT).rto_seconds == 53


def test_what_could_not_be_measured_is_not_within_its_target() -> None:
    lines = [
        Taken(one.step, one.kind, one.at, {**one.facts, "rpo_seconds": None} if one.facts else {})
        for one in LINES
    ]
    found = measured("failover", "standby", lines, BEGAN_AT)
    assert found.rpo_seconds is None
    assert not found.within_targets
