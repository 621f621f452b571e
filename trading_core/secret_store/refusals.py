"""What every store refuses, in the same words."""

from trading_core.errors import CheckFailed
from trading_core.secret_store.contract import Stage


def id_taken(name: str, version_id: str) -> CheckFailed:
    """Return the refusal of another value under a known id."""
    return CheckFailed(
        f"secret {name}: expected version {version_id} to be new or the same, was another value",
        next_step="run the rotation again: it begins with what the store holds",
    )


def stage_taken(name: str, stage: Stage) -> CheckFailed:
    """Return the refusal of a second rotation."""
    return CheckFailed(
        f"secret {name}: expected nothing {stage}, a rotation is under way",
        next_step="run the rotation again: it carries on the one under way",
    )


def not_pending(name: str, version_id: str) -> CheckFailed:
    """Return the refusal to promote what is not next."""
    return CheckFailed(
        f"secret {name}: expected version {version_id} to be PENDING or CURRENT, was neither",
        next_step="run the rotation again: it begins with what the store holds",
    )


def current_dropped(name: str) -> CheckFailed:
    """Return the refusal to be without a current version."""
    return CheckFailed(
        f"secret {name}: expected PENDING or PREVIOUS to be dropped, was CURRENT",
        next_step="promote another version first: rotate the secret",
    )
