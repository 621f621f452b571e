"""`python -m deployments.alert_gateway`: the alert gateway."""

from deployments.alert_gateway.app import NAME, alert_gateway_app
from trading_core.service import serve
from trading_core.settings import Settings

if __name__ == "__main__":
    settings = Settings.read()
    serve(alert_gateway_app(settings), NAME, settings)
