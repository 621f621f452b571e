"""What a desk offers the runbooks of market data."""

from typing import TYPE_CHECKING

from tasks.data.feed import MarketDataControl
from trading_core.broker.contract import TradingApi
from trading_core.settings import Settings
from trading_core.storage.connect import Database

if TYPE_CHECKING:
    from tasks.data.history import BarHistory


class MarketDataDesk:
    """The part of a desk that is about market data."""

    __slots__ = ()

    settings: Settings
    broker: TradingApi
    database: Database

    @property
    def market_data(self) -> MarketDataControl:
        """The switches of the market data service."""
        return MarketDataControl(self.settings)

    def history(
        self, start: str = "", end: str = "", symbols: tuple[str, ...] = (), source: str = ""
    ) -> "BarHistory":
        """Return the stored bars of some trading days; see `tasks.data.history.Asked`."""
        # pandas takes half a second to import, which every flow's process would pay.
        from tasks.data.history import Asked, BarHistory

        asked = Asked(start, end, symbols, source)
        return BarHistory(self.settings, self.database, self.broker, asked)
