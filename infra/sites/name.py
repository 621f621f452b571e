"""The name people and outside programs reach the trading site by, in Route 53.

`trading.<zone>` is an alias of `<site>.<zone>`, which has the site's address. The short time to
live is there from the first day: one that is lowered during a failover comes too late.
"""

import uuid
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal

from infra import cloud
from trading_core.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_route53.type_defs import ChangeTypeDef

ZONE = "tradeops.internal."
NAME = f"trading.{ZONE}"
TTL_SECONDS = 30
_IN_SYNC = "INSYNC"


class SiteName:
    """The record, as one client of the name service sees it."""

    def __init__(self, settings: Settings) -> None:
        self._route53: Route53Client = cloud.client(settings, "route53")

    def site(self) -> str | None:
        """Return the site the name leads to; None when it leads nowhere.

        Raises:
            Unreachable: The name service does not answer.
        """
        with cloud.asked(f"the name {NAME}"):
            zone = self._zone()
            if zone is None:
                return None
            found = self._route53.list_resource_record_sets(
                HostedZoneId=zone, StartRecordName=NAME, StartRecordType="CNAME", MaxItems="1"
            )["ResourceRecordSets"]
        if not found or found[0]["Name"] != NAME or found[0]["Type"] != "CNAME":
            return None
        return found[0]["ResourceRecords"][0]["Value"].removesuffix(f".{ZONE}")

    def lead_to(self, site: Settings) -> str:
        """Have the name lead to a site; return the id of the change, which takes a while.

        Raises:
            Unreachable: The name service does not answer.
        """
        with cloud.asked(f"the name {NAME}"):
            zone = self._zone() or self._make_zone()
            answer = self._route53.change_resource_record_sets(
                HostedZoneId=zone, ChangeBatch={"Changes": _changes(site)}
            )
        return answer["ChangeInfo"]["Id"]

    def is_in_sync(self, change_id: str) -> bool:
        """Whether every server of the name service has the change.

        Raises:
            Unreachable: The name service does not answer.
        """
        with cloud.asked(f"the change {change_id}"):
            return self._route53.get_change(Id=change_id)["ChangeInfo"]["Status"] == _IN_SYNC

    def _zone(self) -> str | None:
        answer = self._route53.list_hosted_zones_by_name(DNSName=ZONE, MaxItems="1")
        found = [zone["Id"] for zone in answer["HostedZones"] if zone["Name"] == ZONE]
        return found[0] if found else None

    def _make_zone(self) -> str:
        made = self._route53.create_hosted_zone(Name=ZONE, CallerReference=str(uuid.uuid4()))
        return made["HostedZone"]["Id"]


def _changes(site: Settings) -> "list[ChangeTypeDef]":
    changes = [_upsert(NAME, "CNAME", f"{site.site}.{ZONE}")]
    if _is_address(site.host):
        changes.append(_upsert(f"{site.site}.{ZONE}", "A", site.host))
    return changes


def _upsert(name: str, kind: Literal["A", "CNAME"], value: str) -> "ChangeTypeDef":
    return {
        "Action": "UPSERT",
        "ResourceRecordSet": {
            "Name": name,
            "Type": kind,
            "TTL": TTL_SECONDS,
            "ResourceRecords": [{"Value": value}],
        },
    }


def _is_address(host: str) -> bool:
    try:
        return ip_address(host).version == 4
    except ValueError:
        return False
