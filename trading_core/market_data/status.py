"""How the market data comes in: each feed proven now, and each symbol's age."""

from datetime import datetime

from pydantic import BaseModel

from trading_core.errors import TradingError
from trading_core.lockstep import MINUTE
from trading_core.market_data.board import Board
from trading_core.market_data.feeds import Feeds, Role
from trading_core.market_data.provider import Provider


class SymbolStatus(BaseModel):
    """How fresh one symbol is. Market times; the age is unknown while the exchange is."""

    symbol: str
    last_bar_at: datetime | None
    last_quote_at: datetime | None
    age_seconds: float | None


class FeedLine(BaseModel):
    """How one feed is.

    Attributes:
        connected: Its stream stands.
        answers: It answered a question over REST just now.
        silent_seconds: How long its stream has said nothing, by the wall clock.
        newest_at: The newest market moment its stream told of.
        detail: What is wrong, in words.
    """

    name: str
    active: bool
    connected: bool
    answers: bool
    silent_seconds: float
    newest_at: datetime | None
    detail: str

    @property
    def is_usable(self) -> bool:
        """Whether data can be had from it: by its stream, or by asking."""
        return self.connected or self.answers

    @classmethod
    def of(cls, provider: Provider, feeds: Feeds, board: Board | None) -> "FeedLine":
        """Ask one feed, and return how it is."""
        detail = "" if provider.connected else "stream not connected"
        answers = True
        try:
            # Without a session there is no symbol to ask about; that it answers is what counts.
            provider.latest_quotes(board.scope.symbols[:1] if board else ("SPY",))
        except TradingError as error:
            answers, detail = False, f"{detail}; {error}".removeprefix("; ")
        return cls(
            name=provider.name,
            active=feeds.active is provider,
            connected=provider.connected,
            answers=answers,
            silent_seconds=round(provider.silent_seconds, 3),
            newest_at=provider.newest_at,
            detail=detail,
        )


class DataStatus(BaseModel):
    """What GET /data/status answers.

    Attributes:
        connected: The primary feed's stream stands.
        backup_reachable: The backup feed is usable: it stands, or answers.
        active: Which feed is listened to.
    """

    connected: bool
    backup_reachable: bool
    active: Role
    fallback_enabled: bool
    chosen_because: str
    feeds: list[FeedLine]
    session_id: str | None
    now: datetime | None
    collected_through: datetime | None
    symbols: list[SymbolStatus]


def freshness(board: Board, now: datetime | None) -> list[SymbolStatus]:
    """Return how fresh each symbol of a board is."""
    quotes = {quote.symbol: quote for quote in board.quotes()}
    last_bars = {bar.symbol: bar for bar in board.bars()}
    statuses = []
    for symbol in board.scope.symbols:
        quote, bar = quotes.get(symbol), last_bars.get(symbol)
        heard_at = max(
            (at for at in (quote and quote.at, bar and bar.started_at + MINUTE) if at),
            default=None,
        )
        statuses.append(
            SymbolStatus(
                symbol=symbol,
                last_bar_at=bar.started_at if bar else None,
                last_quote_at=quote.at if quote else None,
                age_seconds=(now - heard_at).total_seconds() if now and heard_at else None,
            )
        )
    return statuses
