"""What Alertmanager sends (webhook version 4), and the episode each alert in it belongs to.

The group's own status says nothing of its alerts: one that has ended arrives among others that
fire. Everything is decided for each alert.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

DEAD_MANS_SWITCH = "DeadMansSwitch"
TEST_ALERT = "TestAlert"


class Alert(BaseModel):
    """One alert of a delivery.

    Attributes:
        starts_at: When the condition began to hold.
        ends_at: When it ended; Alertmanager's year 1 while it holds.
        fingerprint: Alertmanager's digest of the labels.
    """

    model_config = ConfigDict(frozen=True)

    status: Literal["firing", "resolved"]
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = Field(default_factory=dict)
    starts_at: AwareDatetime = Field(alias="startsAt")
    ends_at: AwareDatetime = Field(alias="endsAt")
    fingerprint: str = Field(min_length=1)

    @property
    def name(self) -> str:
        """The rule's name."""
        return self.labels.get("alertname", "unnamed")

    @property
    def episode(self) -> str:
        """The same words for every delivery of one firing of one alert."""
        begun = self.starts_at.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        return f"{self.name}/{self.fingerprint}/{begun}"

    @property
    def is_firing(self) -> bool:
        """Whether the condition holds."""
        return self.status == "firing"

    @property
    def resolved_at(self) -> datetime | None:
        """When the condition ended; None while it holds."""
        return None if self.is_firing else self.ends_at


class Delivery(BaseModel):
    """One request of Alertmanager.

    Attributes:
        truncated: How many alerts it left out, having been told to.
    """

    model_config = ConfigDict(frozen=True)

    version: Literal["4"]
    alerts: list[Alert] = Field(min_length=1)
    truncated: int = Field(default=0, alias="truncatedAlerts")
