"""The market data stream: trades, quotes, bars and halts of the symbols a client names."""

from collections.abc import Sequence

from starlette.websockets import WebSocket

from trading_core.paper.door.disk import Disk
from trading_core.paper.door.streams.stream import Authorized, Listener, Message, Stream
from trading_core.paper.door.wire.market import quote_body, status_body
from trading_core.paper.exchange import Exchange

# Each channel's name in a subscription, and the letter its messages carry.
_CHANNELS = {
    "trades": "t",
    "quotes": "q",
    "bars": "b",
    "updatedBars": "u",
    "dailyBars": "d",
    "statuses": "s",
    "lulds": "l",
    "corrections": "c",
    "cancelErrors": "x",
}


class MarketData(Stream):
    """Alpaca's market data stream: auth, subscribe, then what was asked for.

    Topics: `b SPY` for the minute bars of one symbol, `q *` for all quotes.

    Attributes:
        is_down: Nobody is let in, as when a provider has lost the feed.
    """

    def __init__(self, authorized: Authorized, disk: Disk) -> None:
        super().__init__(authorized, disk)
        self.is_down = False

    async def attend(self, socket: WebSocket) -> None:
        """Serve one connection; none while the feed is down."""
        if self.is_down:
            await socket.close()
            return
        await super().attend(socket)

    def greet(self, listener: Listener) -> None:
        """Say that the connection stands."""
        listener.tell([{"T": "success", "msg": "connected"}])

    def hear(self, listener: Listener, message: Message) -> None:
        """Answer `auth`, `subscribe` and `unsubscribe`."""
        action = message.get("action")
        if action == "auth":
            if self.let_in(listener, message.get("key"), message.get("secret")):
                listener.tell([{"T": "success", "msg": "authenticated"}])
            else:
                listener.tell([{"T": "error", "code": 402, "msg": "auth failed"}])
        elif not listener.authorized:
            listener.tell([{"T": "error", "code": 401, "msg": "not authenticated"}])
        elif action in ("subscribe", "unsubscribe"):
            named = _topics(message)
            topics = listener.topics
            listener.topics = topics | named if action == "subscribe" else topics - named
            listener.tell([_subscription(listener.topics)])
        else:
            listener.tell([{"T": "error", "code": 400, "msg": "invalid syntax"}])

    def tell_status(self, exchange: Exchange, symbol: str) -> None:
        """Tell everybody who asks for it that a symbol was halted, or trades again."""
        halted = symbol in exchange.floor.halted
        self._tell([{"T": "s", "S": symbol, **status_body(exchange.now, halted=halted)}])

    def publish(self, exchange: Exchange, minutes: Sequence[Message]) -> None:
        """Tell everybody where the quotes stand now, and the bars of the minutes just ended."""
        quotes = [
            {"T": "q", "S": symbol, **quote_body(shown)}
            for symbol, shown in exchange.quotes.items()
        ]
        # Quotes first: whoever has a minute's bars then knows where its quotes ended, too.
        self._tell([*quotes, *minutes])

    def _tell(self, messages: Sequence[Message]) -> None:
        for listener in self.listeners():
            wanted = [
                m for m in messages if listener.topics & {f"{m['T']} {m['S']}", f"{m['T']} *"}
            ]
            if wanted:
                listener.tell(wanted)


class MarketFeeds:
    """The same market on several feeds, each with listeners and troubles of its own.

    Args:
        feeds: By Alpaca's name: `iex`, `sip`.
    """

    def __init__(self, feeds: dict[str, MarketData]) -> None:
        self.feeds = feeds

    def publish(self, exchange: Exchange, minutes: Sequence[Message]) -> None:
        """Tell the listeners of every feed where the market stands."""
        for feed in self.feeds.values():
            feed.publish(exchange, minutes)

    def tell_status(self, exchange: Exchange, symbol: str) -> None:
        """Tell the listeners of every feed whether a symbol trades."""
        for feed in self.feeds.values():
            feed.tell_status(exchange, symbol)

    def cut(self) -> None:
        """End every connection of every feed."""
        for feed in self.feeds.values():
            feed.cut()

    def take_down(self, names: Sequence[str]) -> None:
        """Have exactly the feeds called so be down."""
        for name, feed in self.feeds.items():
            feed.is_down = name in names
            if feed.is_down:
                feed.cut()


def _topics(message: Message) -> frozenset[str]:
    return frozenset(
        f"{letter} {symbol}"
        for channel, letter in _CHANNELS.items()
        if isinstance(message.get(channel), list)
        for symbol in message[channel]
    )


def _subscription(topics: frozenset[str]) -> Message:
    return {"T": "subscription"} | {
        channel: sorted(topic[2:] for topic in topics if topic.startswith(f"{letter} "))
        for channel, letter in _CHANNELS.items()
    }
