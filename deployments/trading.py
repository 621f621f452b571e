"""The session as it runs, shown minute by minute: market time, orders, fills, profit."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from deployments.session import Gateway, Session
from trading_core.clock import EXCHANGE_ZONE, pause, seconds, stopwatch_seconds
from trading_core.errors import TradingError, Unreachable
from trading_core.storage.connect import Database
from trading_core.storage.trading import fills, pnl

_LOOK_EVERY = seconds(0.3)
# Longer than a supervisor needs to bring the gateway back.
_AWAY_SECONDS_MAX = 120
# Where nothing moves on the screen, a line now and then.
_LINE_EVERY_MINUTES = 65


def trade(
    gateway: Gateway, database: Database, console: Console, until: datetime | None = None
) -> Session:
    """Let the session run and show it; return it once market time stands still.

    Args:
        until: Where it is to stand still, in market time; None: at the close.

    Ctrl-C makes market time stand still first; the session can be carried on.

    Raises:
        Unreachable: The gateway went away and did not come back.
    """
    session = gateway.run(until)
    screen = _Screen(console, database)
    with screen.bar:
        try:
            return _watch(gateway, session, screen)
        except KeyboardInterrupt:
            with suppress(TradingError):
                gateway.pause("left from the terminal")
            raise


def _watch(gateway: Gateway, session: Session, screen: "_Screen") -> Session:
    heard_seconds = stopwatch_seconds()
    while session.state == "running":
        screen.show(session)
        pause(_LOOK_EVERY)
        try:
            session = gateway.session()
        except Unreachable:
            if stopwatch_seconds() - heard_seconds > _AWAY_SECONDS_MAX:
                raise
            screen.say("the gateway does not answer; its supervisor brings it back")
        else:
            heard_seconds = stopwatch_seconds()
    screen.show(session)
    return session


@dataclass(frozen=True, slots=True)
class _Figures:
    orders: int
    fills: int
    pnl_usd: str

    def __str__(self) -> str:
        return f"{self.orders} orders  {self.fills} fills  P&L {self.pnl_usd}"


class _Screen:
    """A bar on a terminal; lines, now and then, elsewhere."""

    def __init__(self, console: Console, database: Database) -> None:
        self.bar = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.completed:.0f}/{task.total:.0f} min"),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
        )
        self._database = database
        self._task: TaskID | None = None
        self._said = ""
        self._told_minutes: int | None = None

    def show(self, session: Session) -> None:
        """Show where the session stands."""
        time = "" if session.now is None else f"{session.now.astimezone(EXCHANGE_ZONE):%H:%M}"
        figures = self._figures(session)
        if self._task is None:
            self._task = self.bar.add_task(time, total=session.minutes_total, figures="")
        self.bar.update(
            self._task, description=time, completed=session.minutes_done, figures=str(figures)
        )
        if session.reason and session.state != "paused":
            self.say(session.reason)
        if self._told_minutes is None:
            self._told_minutes = session.minutes_done
        if not self.bar.console.is_terminal and (
            session.minutes_done - self._told_minutes >= _LINE_EVERY_MINUTES
        ):
            self._told_minutes = session.minutes_done
            self.bar.console.print(f"  {time}  {figures}")

    def say(self, words: str) -> None:
        """Print something, once."""
        if words != self._said:
            self._said = words
            self.bar.console.print(f"  {words}", style="yellow", markup=False)

    def _figures(self, session: Session) -> _Figures | str:
        if session.trading_date is None:
            return ""
        try:
            with self._database.transaction() as connection:
                profit = pnl.of_day(connection, session.account, session.trading_date)
                row = connection.execute(
                    "SELECT count(*) FROM orders WHERE account = %s AND trading_date = %s",
                    (session.account, session.trading_date),
                ).fetchone()
                count = fills.count_of_day(connection, session.account, session.trading_date)
        except Unreachable:
            return "the database does not answer"
        pnl_usd = "none yet" if profit is None else f"{profit.total_pnl_usd:+,.2f}"
        return _Figures(row[0] if row else 0, count, pnl_usd)
