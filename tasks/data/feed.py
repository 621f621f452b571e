"""The market data service's own switches: which feed, which symbols, collect now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tasks.health.feeds import QUOTE_AGE_SECONDS_MAX
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from trading_core.broker.contract import TradingApi
from trading_core.clock import seconds
from trading_core.errors import ConfigurationError, Unreachable
from trading_core.peers import Peer
from trading_core.settings import Settings

_ANSWER_WITHIN = seconds(30)
_SHOWS_WITHIN = seconds(30)


@dataclass(frozen=True, slots=True)
class Feed:
    """One provider as the service sees it now; `answers` over REST, `connected` its stream."""

    name: str
    active: bool
    connected: bool
    answers: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Symbol:
    """A followed symbol; market times."""

    symbol: str
    last_bar_at: datetime | None
    last_quote_at: datetime | None
    age_seconds: float | None


@dataclass(frozen=True, slots=True)
class Status:
    """What the service says of itself."""

    active: str
    now: datetime | None
    collected_through: datetime | None
    feeds: tuple[Feed, ...]
    symbols: tuple[Symbol, ...]

    def feed(self, name: str) -> Feed:
        """Return the feed called `name`.

        Raises:
            ConfigurationError: There is none.
        """
        for one in self.feeds:
            if one.name == name:
                return one
        raise ConfigurationError(
            f"feed: expected one of {[one.name for one in self.feeds]}, was {name!r}",
            next_step="correct the name",
        )


class MarketDataControl:
    """The service, and the few words it takes. Errors as `trading_core.peers.Peer`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def status(self) -> Status:
        """Return how the data comes in; both feeds are asked for it."""
        with Peer(self._settings, "market_data", answer_within=_ANSWER_WITHIN) as peer:
            answer = peer.get("/data/status")
        try:
            return TypeAdapter(Status).validate_python(answer)
        except ValidationError as error:
            raise Unreachable(
                f"market_data: expected its status, was {error.error_count()} fields wrong",
                next_step="see that all services run the same release: `tradeops status`",
            ) from error

    def choose(self, feed: str, reason: str) -> None:
        """Have a feed listened to, the other one in reserve."""
        self._say("PUT", "/api/v1/config", reason, primary_provider=feed, fallback_enabled=True)

    def follow(self, symbols: Sequence[str], reason: str) -> None:
        """Have other symbols followed."""
        self._say("PUT", "/api/v1/symbols", reason, symbols=list(symbols))

    def collect(self, reason: str) -> None:
        """Have everything up to now collected at once."""
        self._say("POST", "/api/v1/collect-now", reason)

    def _say(self, method: str, path: str, reason: str, **more: Any) -> None:
        body = {"reason": reason, "actor": current_run().actor, **more}
        with Peer(self._settings, "market_data", answer_within=_ANSWER_WITHIN) as peer:
            peer.send(method, path, body=body)


@check
def check_feed_usable(data: MarketDataControl, feed: str) -> CheckResult:
    """Have the service ask one provider: its stream stands and its REST door answers."""
    found = data.status().feed(feed)
    good = found.connected and found.answers
    words = "stream connected, answers" if good else found.detail
    return CheckResult(
        Verdict.PASS if good else Verdict.FAIL, f"{feed}: {words}", "a stream and an answer"
    )


@check
def check_data_fresh(data: MarketDataControl) -> CheckResult:
    """Measure the age of each symbol's last word against market time (DAT-14)."""
    status = data.status()
    expected = f"every symbol heard of within {QUOTE_AGE_SECONDS_MAX:g} s of market time"
    ages = {one.symbol: one.age_seconds for one in status.symbols}
    if not ages or all(age is None for age in ages.values()):
        return CheckResult(Verdict.UNKNOWN, "no symbol's age is known", expected, ages)
    old = [
        f"{symbol} {'never' if age is None else f'{age:.0f} s'}"
        for symbol, age in ages.items()
        if age is None or age > QUOTE_AGE_SECONDS_MAX
    ]
    oldest = max(age for age in ages.values() if age is not None)
    return CheckResult(
        Verdict.FAIL if old else Verdict.PASS,
        f"{len(ages)} symbols, the oldest {oldest:.0f} s" + (f": {', '.join(old)}" if old else ""),
        expected,
        ages,
    )


@action
def ensure_feed_chosen(
    data: MarketDataControl, feed: str, reason: str
) -> Change[None] | Unchanged[None]:
    """Have a feed listened to."""
    return change_of_feed(data, data.status(), feed, reason)


def change_of_feed(
    data: MarketDataControl, status: Status, feed: str, reason: str
) -> Change[None] | Unchanged[None]:
    """Return the change to a feed; nothing to do when it is listened to.

    Raises:
        ConfigurationError: There is no such feed.
    """
    status.feed(feed)
    if status.active == feed:
        return Unchanged(f"{feed} is listened to", target=feed)
    return Change(
        does=f"listen to {feed} instead of {status.active}",
        act=lambda _fence: data.choose(feed, reason),
        holds=lambda: data.status().active == feed,
        within=_SHOWS_WITHIN,
        target=feed,
    )


@action
def ensure_collected(data: MarketDataControl, reason: str) -> Change[None] | Unchanged[None]:
    """Have every ended minute collected, from whichever feed is listened to."""
    return collecting(data, reason)


def collecting(
    data: MarketDataControl, reason: str, *, wanted: bool = True
) -> Change[None] | Unchanged[None]:
    """Return the change that collects; nothing to do when everything is collected.

    Args:
        wanted: Whether there is anything that could be collected.
    """
    if not wanted:
        return Unchanged("the market is closed: there is nothing to collect")
    if _is_level(data.status()):
        return Unchanged("everything up to market time is collected")
    return Change(
        does="collect market data now",
        act=lambda _fence: data.collect(reason),
        holds=lambda: _is_level(data.status()),
        within=_SHOWS_WITHIN,
    )


@check
def check_symbols_free(broker: TradingApi, symbols: Sequence[str]) -> CheckResult:
    """Make sure that no position is held in a symbol that would no longer be followed."""
    held = sorted({one.symbol for one in broker.positions()} - set(symbols))
    return CheckResult(
        Verdict.FAIL if held else Verdict.PASS,
        f"positions in {', '.join(held)}" if held else "no position is left without prices",
        "every held symbol stays followed",
    )


@action
def ensure_symbols_followed(
    data: MarketDataControl, symbols: Sequence[str], reason: str
) -> Change[None] | Unchanged[None]:
    """Have exactly these symbols followed."""
    wanted = sorted(set(symbols))

    def shown() -> bool:
        return [one.symbol for one in data.status().symbols] == wanted

    return Change(
        does=f"follow {', '.join(wanted)}",
        act=lambda _fence: data.follow(wanted, reason),
        holds=shown,
        within=_SHOWS_WITHIN,
        target=",".join(wanted),
        gated=True,
    ).unless_shown("these symbols are followed")


def _is_level(status: Status) -> bool:
    if status.now is None or status.collected_through is None:
        return False
    return (status.now - status.collected_through).total_seconds() < 60
