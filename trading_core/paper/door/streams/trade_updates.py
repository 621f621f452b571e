"""The trading stream: what happens to the account's orders, as it happens."""

from collections.abc import Sequence

from trading_core.paper.door.disk import Disk
from trading_core.paper.door.faults import Faults
from trading_core.paper.door.streams.stream import Authorized, Listener, Message, Stream
from trading_core.paper.door.wire.trading import update_body
from trading_core.paper.exchange import Update

_TRADE_UPDATES = "trade_updates"


class TradeUpdates(Stream):
    """Alpaca's trading stream: auth, listen, then updates of the account's orders."""

    def hear(self, listener: Listener, message: Message) -> None:
        """Answer `auth` and `listen`."""
        data = message.get("data")
        data = data if isinstance(data, dict) else {}
        if message.get("action") in ("auth", "authenticate"):
            key = message.get("key") or data.get("key_id")
            known = self.let_in(listener, key, message.get("secret") or data.get("secret_key"))
            status = "authorized" if known else "unauthorized"
            reply = {"status": status, "action": "authenticate"}
            listener.tell({"stream": "authorization", "data": reply})
        elif message.get("action") == "listen" and listener.authorized:
            wanted = data.get("streams")
            known = isinstance(wanted, list) and _TRADE_UPDATES in wanted
            listener.topics = frozenset({_TRADE_UPDATES} if known else ())
            streams = sorted(listener.topics)
            listener.tell({"stream": "listening", "data": {"streams": streams}})

    def __init__(self, authorized: Authorized, disk: Disk, faults: Faults) -> None:
        super().__init__(authorized, disk)
        self._faults = faults

    def publish(self, updates: Sequence[Update]) -> None:
        """Tell everybody what happened to orders."""
        for body in self._faults.disturbed([update_body(update) for update in updates]):
            for listener in self.listeners():
                if _TRADE_UPDATES in listener.topics:
                    listener.tell(body)
