"""What the market data service is made of: two feeds, the collector, cache and database."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from threading import Event, Thread

import structlog

from trading_core.broker.http import Endpoint
from trading_core.broker.replay import Replay
from trading_core.domain.market import Bar, Halt, Quote
from trading_core.errors import CheckFailed, ConfigurationError, TradingError
from trading_core.health import Health
from trading_core.lockstep import MINUTE
from trading_core.market_data.archive import Archive
from trading_core.market_data.board import Board
from trading_core.market_data.cache import Cache
from trading_core.market_data.choices import StoredChoices
from trading_core.market_data.collector import Collected, Collector
from trading_core.market_data.feeds import Choice, Feeds
from trading_core.market_data.halts import Halts
from trading_core.market_data.provider import AlpacaProvider, OnHalt, OnNews
from trading_core.market_data.status import DataStatus, FeedLine, freshness
from trading_core.metrics import Metrics
from trading_core.settings import Settings
from trading_core.storage.connect import Database

log = structlog.get_logger(__name__)

NAME = "market_data"
_LOOK_SECONDS = 0.25


class MarketDataService:
    """The collector with its feeds, cache and database."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.endpoint = Endpoint.of(settings)
        self.database = Database(
            settings.live_secret("trading_dsn"), application=NAME, connections_max=4
        )
        self.cache = Cache.of(settings)
        self.choices = StoredChoices(self.database)
        self._messages = metrics.counter("market_data_messages_received_total")
        switches = metrics.counter("market_data_feed_switches_total")
        self.primary = AlpacaProvider(
            "primary",
            primary_endpoint(settings, self.endpoint),
            settings.market_data_feed,
            self._hear_from("primary"),
            self._hear_halts_of("primary"),
        )
        self.backup = AlpacaProvider(
            "backup",
            backup_endpoint(settings, self.endpoint),
            settings.backup_market_data_feed,
            self._hear_from("backup"),
            self._hear_halts_of("backup"),
        )
        self.feeds = Feeds(
            self.primary,
            self.backup,
            self.choices,
            silent_seconds_max=settings.feed_silent_seconds_max,
            on_switch=lambda choice: switches.labels(choice.active).inc(),
        )
        self._replay = Replay(self.endpoint)
        self.collector = Collector(
            self._replay,
            self.feeds,
            Archive(self.database, lambda: self.feeds.active.name),
            self.cache,
            self.choices.followed,
        )
        self.halts = Halts(self.database, self._account)
        self._stopping = Event()
        self._watch = Thread(target=self._keep_watch, name="feeds", daemon=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep the database and the streams for as long as the service runs."""
        with self.database:
            for provider in self.feeds.providers.values():
                provider.start()
            self._watch.start()
            try:
                yield
            finally:
                self._stopping.set()
                self._watch.join(timeout=10)
                for provider in self.feeds.providers.values():
                    provider.stop()
                self._replay.close()
                self.cache.close()

    def board(self) -> Board | None:
        """Return the market data of the open session; looked up when none is known yet."""
        if self.collector.board is None and (session := self.collector.session()):
            self.collector.turn_to(session)
        return self.collector.board

    def board_of(self, symbol: str) -> Board:
        """Return the board, which has `symbol`.

        Raises:
            ConfigurationError: It does not.
        """
        board = self.board()
        if board is None or symbol not in board.scope.symbols:
            known = board.scope.symbols if board else ()
            raise ConfigurationError(
                f"symbol: expected one of {list(known)}, was {symbol!r}",
                next_step="ask for a symbol of the open session: GET /data/status",
            )
        return board

    def quotes(self) -> list[Quote]:
        """Return the newest quote of each symbol of the session."""
        board = self.board()
        return board.quotes() if board else []

    def collect(self, now: datetime, session_id: str | None) -> Collected:
        """Have the minute that ended at `now` complete; errors as `Collector.collect`."""
        return self.collector.collect(now, session_id, by_stream=self.feeds.active.connected)

    def collect_now(self) -> Collected:
        """Ask the feed for everything up to the exchange's present minute, at once.

        Raises:
            CheckFailed: No session is open.
            Unreachable: The exchange, both feeds or the database do not answer.
        """
        session = self.collector.session()
        if session is None:
            raise CheckFailed(
                "session: expected one to be open at the exchange, was none",
                next_step="open one: `tradeops day`, or POST /api/v1/session at the gateway",
            )
        self.collector.turn_to(session)
        whole = session.now - (session.now - session.opens_at) % MINUTE
        now = min(max(whole, session.opens_at), session.closes_at)
        board = self.board()
        if board is not None:
            board.add(self.feeds.latest_quotes(board.scope.symbols).values())
        return self.collector.collect(now, session.session_id, by_stream=False)

    def follow(self, symbols: tuple[str, ...], reason: str, actor: str) -> tuple[str, ...]:
        """Follow other symbols from now on; return those of the open session among them.

        Raises:
            ConfigurationError: The open session does not have one of them; nothing was changed.
            Unreachable: The list could not be kept; nothing was changed.
        """
        session = self.collector.session()
        strangers = sorted(set(symbols) - set(session.symbols if session else symbols))
        if strangers:
            raise ConfigurationError(
                f"symbols: expected some of {list(session.symbols if session else ())}, "
                f"was {', '.join(strangers)} beside them",
                next_step="correct the list; the exchange names its symbols in GET /status",
            )
        self.choices.follow(symbols, reason, actor)
        if session is not None:
            self.collector.begin_again()
        board = self.collector.board
        return board.scope.symbols if board else symbols

    def choose(self, choice: Choice) -> Choice:
        """Listen to the feed of a choice; errors as `Feeds.choose`."""
        self.feeds.choose(choice)
        return self.feeds.choice

    def feed_health(self) -> Health:
        """Return whether the feed listened to is connected; REST can do without it."""
        active = self.feeds.active
        detail = f"{active.name} {'connected' if active.connected else 'not connected'}"
        return Health(active.connected, detail, needed=False)

    def exchange_health(self) -> Health:
        """Return whether the exchange answers, which says what session is open."""
        try:
            session = self.collector.session()
        except TradingError as error:
            return Health(ok=False, detail=str(error))
        return Health(ok=True, detail=session.session_id if session else "no session is open")

    def data_status(self) -> DataStatus:
        """Return how both feeds are, asked now, and how fresh each symbol of the session is."""
        session = None
        with suppress(TradingError):
            session = self.collector.session()
        if session:
            with suppress(TradingError):
                self.collector.turn_to(session)
        now = session.now if session else None
        board = self.collector.board
        if board and session and board.scope.session_id != session.session_id:
            board = None  # yesterday's: without a database it could not be turned
        lines = [FeedLine.of(one, self.feeds, board) for one in self.feeds.providers.values()]
        return DataStatus(
            connected=self.primary.connected,
            backup_reachable=lines[1].is_usable,
            active=self.feeds.choice.active,
            fallback_enabled=self.feeds.choice.fallback_enabled,
            chosen_because=self.feeds.choice.reason,
            feeds=lines,
            session_id=board.scope.session_id if board else None,
            now=now,
            collected_through=self.collector.collected_through,
            symbols=freshness(board, now) if board else [],
        )

    def _hear_from(self, name: str) -> OnNews:
        def hear(news: Bar | Quote) -> None:
            self._messages.inc()
            if self.feeds.active.name == name:
                self.collector.hear(news)

        return hear

    def _hear_halts_of(self, name: str) -> OnHalt:
        def hear(halt: Halt) -> None:
            if self.feeds.active.name == name:
                self.halts.hear(halt)

        return hear

    def _account(self) -> str:
        session = self.collector.session()
        return "" if session is None else session.account_number

    def _keep_watch(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                self.feeds.look()
                self.halts.write()
            except (TradingError, OSError) as error:
                log.warning("feeds not looked at", error=str(error))


def primary_endpoint(settings: Settings, exchange: Endpoint) -> Endpoint:
    """Return where the primary provider is; the exchange itself when no other is set."""
    url = (settings.market_data_endpoint or exchange.base_url).rstrip("/")
    return replace(exchange, base_url=url, stream_url=settings.market_data_stream_endpoint)


def backup_endpoint(settings: Settings, exchange: Endpoint) -> Endpoint:
    """Return where the backup provider is; the primary's own when no other is set."""
    if settings.backup_market_data_endpoint is None:
        return primary_endpoint(settings, exchange)
    url = settings.backup_market_data_endpoint.rstrip("/")
    return replace(exchange, base_url=url, stream_url=settings.backup_market_data_stream_endpoint)
