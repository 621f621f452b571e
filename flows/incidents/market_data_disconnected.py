"""Market data disconnected: no trading without data, our side brought back, theirs asked about.

When:     the alert MarketDataDisconnected starts it; or by hand, when prices stand still
Changes:  opens an incident; halts trading unless the backup feed works; restarts market_data once
          when the provider answers and we are not connected; listens to the backup while the
          primary is away, collects, fills the minutes that were missed and validates them. Never
          resumes trading, and leaves the way back to the primary to switch-data-feed
If red:   it could not say how things stand: look with `tradeops status`, then run it again
Covers:   ALR-03, A2P-02, INC-02
Partly:   INC-00, RTE-10, REP-10
"""

from typing import Any

from prefect import flow

from flows.desk import Desk, open_run
from tasks.data.outage import (
    check_outage_valid,
    ensure_outage_collected,
    ensure_outage_filled,
    ensure_working_feed_chosen,
)
from tasks.health.broker import check_provider_status
from tasks.health.feeds import check_data_feeds, ensure_feed_connected
from tasks.health.redis import check_bars_published
from tasks.incidents.crashes import check_last_words, check_process
from tasks.incidents.record import (
    ensure_findings_recorded,
    ensure_incident_opened,
    ensure_incident_settled,
)
from tasks.kernel import collect, confirmed
from tasks.people.notices import notify_findings, notify_opened, notify_standing
from tasks.trading.broker import check_broker_account
from tasks.trading.core import ensure_halted_without_feed

REASON = "data_feed_down"
OTHERWISE = "Who calls the data provider? When it is back: market-data-disconnected again"


@flow(name="market-data-disconnected")
def market_data_disconnected(
    alert: str = "", dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Contain, tell, look, bring back, settle.

    Args:
        alert: The alert's episode; empty: the incident is about today.
        dry_run: Look, and say what would be done.
        requested_by: Your name or role.
    """
    with open_run(
        "market-data-disconnected", alert or None, dry_run=dry_run, requested_by=requested_by
    ) as desk:
        settings, operations, core = desk.settings, desk.operations, desk.core

        # Act.
        ensure_incident_opened(operations, "market data feed disconnected", "P0")
        contained = ensure_halted_without_feed(settings, core, REASON, return_state=True)
        notify_opened(settings, operations)

        # Look.
        asked = {
            "our side": check_process.submit(desk.processes, "market_data"),
            "feeds": check_data_feeds.submit(core, desk.broker),
            "provider": check_broker_account.submit(desk.broker),
            "provider status": check_provider_status.submit(settings),
            "bars published": check_bars_published.submit(settings),
            "last words": check_last_words.submit(desk.processes, "market_data"),
        }
        findings = notify_findings(settings, operations, collect(asked))

        # Act.
        ensure_findings_recorded(operations, findings)
        standing = confirmed({"contained": contained} | _bring_data_back(desk))
        standing += collect({"bars valid": check_outage_valid.submit(desk.history())})
        ensure_incident_settled(operations, core, standing, OTHERWISE)
        return notify_standing(settings, operations)


def _bring_data_back(desk: Desk) -> dict[str, Any]:
    """Reconnect the primary; meanwhile listen to what works, and fill what was missed."""
    data, broker = desk.market_data, desk.broker
    back = ensure_feed_connected(desk.core, broker, desk.processes, return_state=True)
    return {
        "primary feed": back,
        "feed in use": ensure_working_feed_chosen(data, REASON, return_state=True),
        "collected": ensure_outage_collected(data, broker, REASON, return_state=True),
        "minutes filled": ensure_outage_filled(desk.history(), data, return_state=True),
    }
