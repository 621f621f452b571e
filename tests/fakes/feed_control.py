"""The market data service's switches in memory: two feeds, each standing or not."""

from typing_extensions import override

from tasks.data.feed import Feed, MarketDataControl, Status
from trading_core.settings import Settings


class FakeFeedControl(MarketDataControl):
    """`tasks.data.feed.MarketDataControl` without a service behind it.

    Attributes:
        active: The feed listened to.
        down: Feeds whose stream and door are gone.
        said: Every word it took.
    """

    def __init__(self) -> None:
        super().__init__(Settings())
        self.active = "primary"
        self.down: set[str] = set()
        self.said: list[str] = []

    @override
    def status(self) -> Status:
        feeds = tuple(
            Feed(name, name == self.active, name not in self.down, name not in self.down, "")
            for name in ("primary", "backup")
        )
        return Status(self.active, None, None, feeds, ())

    @override
    def choose(self, feed: str, reason: str) -> None:
        self.said.append(f"{feed}: {reason}")
        self.active = feed
