"""The strategies of one session at work: every bar in, stances out. Pure: no clock, no I/O.

Feeding the same bars gives the same desk, so a restarted service becomes the one that crashed by
reading the session's bars again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from trading_core.domain.market import Bar
from trading_core.domain.money import to_ticks
from trading_core.lockstep import MINUTE
from trading_core.strategy.catalogue import kind_of
from trading_core.strategy.parameters import StrategyParameters
from trading_core.strategy.stance import Rule, Stance


@dataclass(frozen=True, slots=True)
class Turn:
    """A strategy changed its mind about a symbol when the minute ending at `at` was complete."""

    strategy: str
    symbol: str
    stance: Stance
    at: datetime


class Trader:
    """One strategy with its parameters, and its rule on each symbol.

    Attributes:
        config_version: The approved version its parameters came from.
    """

    def __init__(self, name: str, parameters: StrategyParameters, config_version: int) -> None:
        self.name = name
        self.parameters = parameters
        self.config_version = config_version
        self._rules: dict[str, Rule] = {}
        self._last_turns: dict[str, Turn] = {}

    def feed(self, bar: Bar) -> None:
        """Take in the next bar of its symbol."""
        rule = self._rules.get(bar.symbol)
        if rule is None:
            rule = self._rules[bar.symbol] = kind_of(self.name).rule(self.parameters)
        stance = rule.on_close(to_ticks(bar.close_usd))
        if stance is not None:
            self._last_turns[bar.symbol] = Turn(
                self.name, bar.symbol, stance, bar.started_at + MINUTE
            )

    def turns_at(self, moment: datetime) -> list[Turn]:
        """Return the turns of the minute that ended at `moment`, by symbol."""
        return [turn for _, turn in sorted(self._last_turns.items()) if turn.at == moment]


class Desk:
    """All strategies of one session, in the order of their names."""

    def __init__(self, session_id: str, traders: Iterable[Trader]) -> None:
        self.session_id = session_id
        self.traders = {trader.name: trader for trader in sorted(traders, key=lambda t: t.name)}
        self.fed_through: datetime | None = None

    def feed(self, bars: Iterable[Bar], through: datetime) -> None:
        """Take in bars none of which was fed before; every minute up to `through` is then in."""
        for bar in sorted(bars, key=_by_time):
            for trader in self.traders.values():
                trader.feed(bar)
        self.fed_through = through

    def replace(self, trader: Trader, session_bars: Iterable[Bar]) -> None:
        """Put `trader` in the place of the one of its name, as if it had seen the whole session.

        Args:
            session_bars: All bars that were fed so far.
        """
        for bar in sorted(session_bars, key=_by_time):
            trader.feed(bar)
        self.traders[trader.name] = trader

    def turns_at(self, moment: datetime) -> list[Turn]:
        """Return the turns of the minute that ended at `moment`, by strategy and symbol."""
        return [turn for trader in self.traders.values() for turn in trader.turns_at(moment)]


def _by_time(bar: Bar) -> tuple[datetime, str]:
    return bar.started_at, bar.symbol
