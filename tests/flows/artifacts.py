"""What a runbook left in Prefect for people to look at."""

import json
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
)
from prefect.client.schemas.objects import Artifact, State


def table_of(state: State[Any], key: str) -> list[dict[str, Any]]:
    """Return the rows of a table artifact of the run that ended in `state`."""
    rows: list[dict[str, Any]] = json.loads(_data(state, key))
    return rows


def text_of(state: State[Any], key: str) -> str:
    """Return a markdown artifact of the run that ended in `state`."""
    return str(_data(state, key))


def progress_of(state: State[Any], key: str) -> float:
    """Return where a progress artifact of the run that ended in `state` stands, in percent."""
    return float(_data(state, key))


def left_by(state: State[Any]) -> set[str]:
    """Return the keys of everything the run that ended in `state` left."""
    return {str(one.key) for one in _artifacts(state)}


def _data(state: State[Any], key: str) -> Any:
    (found,) = [one for one in _artifacts(state) if one.key == key]
    return found.data


def _artifacts(state: State[Any]) -> list[Artifact]:
    flow_run_id = state.state_details.flow_run_id
    assert flow_run_id is not None
    of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run_id]))
    with get_client(sync_client=True) as client:
        return client.read_artifacts(artifact_filter=of_run)
