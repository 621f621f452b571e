"""A warm executor: it has Prefect and every runbook imported before anything happens."""
