"""`python -m deployments.incident_runner`: the warm executor of the incident pool."""

from deployments.incident_runner.app import NAME, incident_runner_app
from trading_core.service import serve
from trading_core.settings import Settings

if __name__ == "__main__":
    settings = Settings.read()
    serve(incident_runner_app(settings), NAME, settings)
