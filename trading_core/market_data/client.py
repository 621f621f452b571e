"""Asking the market data service, for the services that live on its bars and quotes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from trading_core.domain.market import Bar, Quote
from trading_core.errors import Unreachable
from trading_core.peers import Peer
from trading_core.settings import Settings

_T = TypeVar("_T")


class BarsAnswer(BaseModel):
    """What GET /bars answers.

    Attributes:
        collected_through: End of the newest minute that is complete; None before the first.
    """

    model_config = ConfigDict(frozen=True)

    session_id: str | None
    collected_through: datetime | None
    bars: list[Bar]


@dataclass(frozen=True, slots=True)
class MarketData:
    """The service's answers as our own types."""

    peer: Peer

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return a client of the stack's market data service."""
        return cls(Peer(settings, "market_data"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exit: object) -> None:
        self.peer.close()

    def bars(self, *, after: datetime | None = None) -> BarsAnswer:
        """Return the session's bars that started at or after `after`, by time and symbol.

        Raises:
            Unreachable: The service did not answer.
        """
        parameters = {} if after is None else {"after": after.isoformat()}
        return _read(_BARS, self.peer.get("/bars", parameters))

    def quotes(self) -> dict[str, Quote]:
        """Return the newest quote of each symbol that has one; errors as `bars`."""
        quotes = _read(_QUOTES, self.peer.get("/quotes")["quotes"])
        return {quote.symbol: quote for quote in quotes}


_BARS = TypeAdapter(BarsAnswer)
_QUOTES = TypeAdapter(list[Quote])


def _read(adapter: TypeAdapter[_T], body: Any) -> _T:
    try:
        return adapter.validate_python(body)
    except ValidationError as error:
        raise Unreachable(
            f"market_data: expected its own answer, was {error.error_count()} fields wrong",
            next_step="see that all services run the same release: `tradeops status`",
        ) from error
