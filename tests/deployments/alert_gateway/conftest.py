"""A gateway on a real operations database, without a core: a halt leaves its mark on the disk."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deployments.alert_gateway.app import alert_gateway_app
from tests.fix_postgres import OperationsDatabase, free_port
from tests.fix_service import served
from trading_core.settings import Settings

ALERT_TOKEN = "alert-only-for-tests"
CONTROL_TOKEN = "control-only-for-tests"
# Nobody listens there: a halt finds no gateway, no executor and no exchange.
_SERVICES = ("gateway", "trade_executor", "paper_exchange", "market_data", "prefect_server")


@pytest.fixture
def settings(tmp_path: Path, operations_database: OperationsDatabase) -> Settings:
    secrets = {
        "operations_dsn": operations_database.app_dsn.get_secret_value(),
        "alert_token": ALERT_TOKEN,
        "control_token": CONTROL_TOKEN,
        "broker_key_id": "PKTEST",
        "broker_secret_key": "only-for-tests",
    }
    (tmp_path / "secrets").mkdir()
    for name, value in secrets.items():
        (tmp_path / "secrets" / name).write_text(f"{value}\n")
    ports = {name: free_port() for name in (*_SERVICES, "alertmanager", "alert_gateway")}
    return Settings(state_dir=tmp_path, ports=ports, alert_silence_seconds_max=1.0)


@pytest.fixture
def gateway(settings: Settings) -> Iterator[httpx.Client]:
    """The gateway, served, and a client with Alertmanager's token."""
    headers = {"Authorization": f"Bearer {ALERT_TOKEN}"}
    with served(alert_gateway_app(settings), headers=headers, timeout=30) as client:
        yield client
