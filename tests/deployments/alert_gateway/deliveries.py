"""What Alertmanager sends, in its own words (0.25, webhook version 4)."""

from typing import Any

NEVER = "0001-01-01T00:00:00Z"
BEGUN = "2026-11-20T10:56:59.5Z"


def alert(
    name: str = "CircuitBreakerActive",
    *,
    ended: str = "",
    begun: str = BEGUN,
    fingerprint: str = "23f1f7429f16fa7c",
    **labels: str,
) -> dict[str, Any]:
    """Return one alert; with `ended` it is over."""
    return {
        "status": "resolved" if ended else "firing",
        "labels": {"alertname": name, "severity": "P0", **labels},
        "annotations": {"summary": f"{name} of a test"},
        "startsAt": begun,
        "endsAt": ended or NEVER,
        "generatorURL": "http://127.0.0.1:9090/graph",
        "fingerprint": fingerprint,
    }


def delivery(*alerts: dict[str, Any]) -> dict[str, Any]:
    """Return a delivery; its group fires even when some of its alerts are over."""
    return {
        "receiver": "alert-gateway",
        "status": "firing",
        "alerts": list(alerts),
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://127.0.0.1:9093",
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
    }
