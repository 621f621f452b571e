"""`python -m trading_core.risk`: the risk_manager process."""

from trading_core.risk.app import NAME, app
from trading_core.service import serve
from trading_core.settings import Settings

if __name__ == "__main__":
    settings = Settings.read()
    serve(app(settings), NAME, settings)
