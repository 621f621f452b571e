"""`python -m deployments.alert_gateway`."""

from trading_core.metrics import Metrics
from trading_core.service import build_app, serve
from trading_core.settings import Settings

if __name__ == "__main__":
    settings = Settings.read()
    app = build_app("alert_gateway", settings, checks={}, status=dict, metrics=Metrics())
    serve(app, "alert_gateway", settings)
