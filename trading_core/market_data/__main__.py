"""`python -m trading_core.market_data`: the market data service."""

from trading_core.market_data.app import NAME, market_data_app
from trading_core.service import serve
from trading_core.settings import Settings

if __name__ == "__main__":
    settings = Settings.read()
    serve(market_data_app(settings), NAME, settings)
