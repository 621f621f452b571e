"""The market data stream: trades, quotes, bars and halts of the symbols a client names."""

from collections.abc import Sequence

from trading_core.paper.door.streams.stream import Listener, Message, Stream
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
    """

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
