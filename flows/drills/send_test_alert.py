"""Send a test alert: it goes the way of a real one, and arrives on every channel in time.

When:     before each shift, and after any change of monitoring
Changes:  has one alert fire that says it is a test; sends one message to people
If red:   a real alert would not arrive either: look with `tradeops status` at prometheus,
          alertmanager and alert_gateway, and tell people by another channel that alerting is down
Covers:   MON-04, ALR-26, RTE-07, GAP-62
"""

from prefect import flow

from flows.desk import open_run
from tasks.health.monitoring import check_alerting, check_notice_sent, ensure_test_alert_arrived
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.people.notices import notify_emergency


@flow(name="send-test-alert")
def send_test_alert(
    test: str = "shift", dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Hear the dead man's switch, fire, see it arrive, see the message taken.

    Args:
        test: What the test is called; a name that arrived already is not sent again.
        dry_run: Only ask whether alerting is heard of.
        requested_by: Your name or role.
    """
    with open_run("send-test-alert", test, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        heard = notify_checklist(collect({"alerting": check_alerting.submit(desk.settings)}))
        heard.require_ready("look at prometheus, alertmanager and alert_gateway")

        # Act.
        arrived = ensure_test_alert_arrived(desk.settings)
        notify_emergency(desk.settings, desk.operations, f"This is a test: {test}")
        if not dry_run:
            sent = check_notice_sent.submit(desk.operations, desk.run.run_id, "emergency")
            collect({"message": sent}).require_ready("tell people by another channel")
        return arrived.sentence
