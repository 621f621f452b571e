"""Rotate the broker key: a new pair tested, handed out, seen in use; the former one refused.

When:     every 90 days, a warning comes from day 75 on; at once when a key may be known to others
          (older_than_days 0). Where the broker has no door for keys: outside market hours
Changes:  issues a pair, hands it to every service, revokes the former. No service is restarted.
          A broker without a key door: pauses order entry, asks a person for the new pair through
          `tradeops seal`, resumes, and says for how long no order could leave
If red:   what was red is said before the former pair is touched. Run it again: it carries on where
          it stood. Nobody brought a pair: orders go on with the one in use where it still works;
          else order entry stays paused, and the lines above say what is waited for
Covers:   GAP-26
Partly:   SEC-06, GAP-25
"""

from prefect import flow

from flows.desk import Desk, open_run
from tasks.kernel import collect, granted, rehearse
from tasks.people.approvals import request_approval
from tasks.people.findings import notify_checklist
from tasks.people.sealed_input import (
    check_open_orders_kept,
    ensure_order_entry_given_back,
    ensure_order_entry_paused,
    ensure_order_entry_resumed,
    ensure_pair_received,
    notify_downtime,
    request_new_pair,
)
from tasks.security.broker_key import check_next_key, check_services_use_key
from tasks.security.credentials import (
    check_credential_age,
    check_secret_known,
    ensure_former_forgotten,
    ensure_former_refused,
    ensure_next_current,
    ensure_next_handed_out,
    ensure_next_kept,
    ensure_next_let_in,
    ensure_secret_adopted,
    notify_rotated,
)
from tasks.services.processes import check_services
from tasks.trading.broker import check_broker_account

AGAIN = "repair what the red lines name, then run this again"


@flow(name="rotate-broker-key")
def rotate_broker_key(
    reason: str, older_than_days: float = 1, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Make or receive, test, hand out, see in use, refuse the former, forget it.

    Args:
        reason: Why now, as one sentence.
        older_than_days: A key younger than this is left alone; 0: rotate in any case.
        dry_run: Look, and say what would be changed.
        requested_by: Your name or role.
    """
    with open_run(
        "rotate-broker-key", "broker_key", dry_run=dry_run, requested_by=requested_by
    ) as desk:
        key = desk.broker_key(older_than_days)

        # Look.
        asked = {
            "services": check_services.submit(desk.core),
            "key in use": check_secret_known.submit(key),
            "broker account": check_broker_account.submit(desk.broker),
        }
        notify_checklist(collect({"age of the key": check_credential_age.submit(key)}))
        if key.door:
            collect(asked).require_ready(AGAIN)
        plan = rehearse(_act, desk, older_than_days, reason)
        grant = request_approval(desk.approvals, plan, reason)

        # Act.
        with granted(grant):
            return _act(desk, older_than_days, reason)


def _act(desk: Desk, older_than_days: float, reason: str) -> str:
    key = desk.broker_key(older_than_days)
    ensure_secret_adopted(key)
    if key.door:
        _with_door(desk, older_than_days)
    else:
        _by_hand(desk, older_than_days, reason)
    ensure_former_forgotten(key)
    return notify_rotated(key)


def _with_door(desk: Desk, older_than_days: float) -> None:
    key = desk.broker_key(older_than_days)
    ensure_next_kept(key)
    ensure_next_let_in(key)
    tested = {"next key": check_next_key.submit(key)}
    collect(tested).require_ready("nothing uses it yet; look at its account, then run this again")

    ensure_next_handed_out(key)
    ensure_next_current(key)
    seen = {"services": check_services_use_key.submit(key, desk.core)}
    collect(seen).require_confirmed("both keys work; restart what is late, then run this again")

    ensure_former_refused(key)


def _by_hand(desk: Desk, older_than_days: float, reason: str) -> None:
    key = desk.broker_key(older_than_days)
    ensure_order_entry_paused(key, desk.core, reason)
    asked = request_new_pair(desk.sealed_inputs, key, reason, return_state=True)
    if asked.is_failed():
        ensure_order_entry_given_back(key, desk.core, reason, return_state=True)
    ensure_pair_received(key, asked.result())

    ensure_next_handed_out(key)
    ensure_next_current(key)
    seen = {
        "services": check_services_use_key.submit(key, desk.core),
        "open orders": check_open_orders_kept.submit(desk.sealed_inputs, key),
    }
    collect(seen).require_confirmed("order entry stays paused; repair this, then run it again")

    resumed = ensure_order_entry_resumed(key, desk.core, reason)
    notify_downtime(resumed.value)
