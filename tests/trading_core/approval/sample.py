"""A request as somebody would be asked it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from trading_core.approval.request import Request, Step

ASKED_AT = datetime(2026, 3, 2, 14, 30, 0, 123456, tzinfo=UTC)


def a_request(**differently: Any) -> Request:
    """Return ann's request to stop two services."""
    known: dict[str, Any] = {
        "runbook": "stop-system",
        "subject": "core",
        "run_id": "run-1",
        "requested_by": "ann",
        "starter_key_id": "0" * 12,
        "people_needed": 1,
        "reason": "maintenance",
        "plan": (Step("stop gateway", gated=True), Step("write it down", gated=False)),
        "parameters": {"positions": "carry", "dry_run": False},
        "code_sha256": "c" * 64,
        "asked_at": ASKED_AT,
        "expires_at": ASKED_AT + timedelta(minutes=30),
    }
    return Request(**known | differently)
