"""`python -m deployments.incident_runner`."""

from trading_core.metrics import Metrics
from trading_core.service import build_app, serve
from trading_core.settings import Settings

if __name__ == "__main__":
    settings = Settings.read()
    app = build_app("incident_runner", settings, checks={}, status=dict, metrics=Metrics())
    serve(app, "incident_runner", settings)
