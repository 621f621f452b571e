"""What Prefect's server is told to keep is what it understands."""

import pytest
from prefect.settings.models.root import Settings

from infra.embedded import prefect


def test_the_server_removes_runs_after_as_long_as_the_timetable_promises(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in prefect.server_environment().items():
        monkeypatch.setenv(name, value)
    vacuum = Settings().server.services.db_vacuum
    assert vacuum.enabled_vacuum_types == {"events", "flow_runs", "orphans"}
    assert vacuum.retention_period == prefect.RUNS_KEPT
