"""`python -m trading_core.gateway`: the gateway."""

from trading_core.gateway.app import NAME, gateway_app
from trading_core.service import serve
from trading_core.settings import Settings

if __name__ == "__main__":
    settings = Settings.read()
    serve(gateway_app(settings), NAME, settings)
