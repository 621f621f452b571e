"""A runbook only for tests: it says, publishes, waits and fails as it is told."""

from pathlib import Path
from typing import cast
from uuid import UUID

from prefect import flow, get_run_logger
from prefect.artifacts import (
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed

NAME = "sample"


@flow(name=NAME)
def sample(words: str = "hello", door: str | None = None, fail: bool = False) -> None:
    """Do nothing to the world."""
    get_run_logger().info(words)
    progress = cast(
        UUID, create_progress_artifact(25.0, key="sample-progress", description="doing nothing")
    )
    if door is not None:
        poll(Path(door).exists, within=seconds(240))
    update_progress_artifact(progress, 75.0)
    create_table_artifact([{"line": "floor", "verdict": "PASS"}], key=NAME, description="Floors")
    if fail:
        raise CheckFailed("floor: expected clean, was not", next_step="sweep it")
