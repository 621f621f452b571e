"""Rotate the database password: a new login beside the old, everybody over, the old one refused.

When:     every 90 days, a warning comes from day 75 on; after a person with access has left; at
          once when the password may be known to others (older_than_days 0)
Changes:  gives the login that is not in use a new password, hands it to every service, and lets the
          former login in no more. No service is restarted and no order waits
If red:   nothing is lost: until the former login is refused both work. Repair what the line names
          and run this again; it carries on where it stood. It asks for approval and waits
Covers:   SEC-07, GAP-26
Partly:   GAP-25
"""

from prefect import flow

from flows.desk import Desk, open_run
from tasks.health.database import check_database
from tasks.kernel import collect, granted, rehearse
from tasks.people.approvals import request_approval
from tasks.people.findings import notify_checklist
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
from tasks.security.database_login import check_next_login, check_services_use_login
from tasks.services.processes import check_services

AGED = "age of the password"


@flow(name="rotate-database-password")
def rotate_database_password(
    reason: str, older_than_days: float = 1, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Make, test, hand out, see in use, refuse the former, forget it.

    Args:
        reason: Why now, as one sentence.
        older_than_days: A password younger than this is left alone; 0: rotate in any case.
        dry_run: Look, and say what would be changed.
        requested_by: Your name or role.
    """
    with open_run(
        "rotate-database-password", "trading_dsn", dry_run=dry_run, requested_by=requested_by
    ) as desk:
        login = desk.database_login(older_than_days)

        # Look.
        age = check_credential_age.submit(login)
        asked = {
            "services": check_services.submit(desk.core),
            "database": check_database.submit(desk.database),
            "login in use": check_secret_known.submit(login),
        }
        notify_checklist(collect({AGED: age}))
        collect(asked).require_ready("repair what the red lines name, then run this again")
        plan = rehearse(_act, desk, older_than_days)
        grant = request_approval(desk.approvals, plan, reason)

        # Act.
        with granted(grant):
            return _act(desk, older_than_days)


def _act(desk: Desk, older_than_days: float) -> str:
    login = desk.database_login(older_than_days)
    ensure_secret_adopted(login)
    ensure_next_kept(login)
    ensure_next_let_in(login)
    tested = {"next login": check_next_login.submit(login)}
    collect(tested).require_ready("nothing uses it yet; repair its rights, then run this again")

    ensure_next_handed_out(login)
    ensure_next_current(login)
    seen = {"services": check_services_use_login.submit(login, desk.core)}
    collect(seen).require_confirmed("both logins work; restart what is late, then run this again")

    ensure_former_refused(login)
    ensure_former_forgotten(login)
    return notify_rotated(login)
