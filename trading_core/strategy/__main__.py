"""`python -m trading_core.strategy`: the strategy engine."""

from trading_core.service import serve
from trading_core.settings import Settings
from trading_core.strategy.app import NAME, strategy_app

if __name__ == "__main__":
    settings = Settings.read()
    serve(strategy_app(settings), NAME, settings)
