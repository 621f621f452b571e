"""The board drawn for a terminal: the answer first, what is wrong next, then everything."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from trading_core.clock import EXCHANGE_ZONE
from trading_core.status.board import Board, Part, age_of
from trading_core.status.indicators import Level, Reading
from trading_core.status.probes.services import ServiceLine

_COLOURS = {
    Level.HEALTHY: "green",
    Level.WARNING: "yellow",
    Level.CRITICAL: "bold red",
    Level.UNKNOWN: "magenta",
}
# Never by colour alone: a log, and some eyes, have none.
_MARKS = {Level.HEALTHY: "ok", Level.WARNING: "WARN", Level.CRITICAL: "CRIT", Level.UNKNOWN: "?"}
_TROUBLES_SHOWN = 8
_VALUE_WIDTH = 20
_WIDE = 100
_LEFT = ("trading", "speed and errors")


def screen_of(board: Board) -> RenderableType:
    """Return the whole board as one screen: in two columns where there is room."""
    parts = {part.name: _part(part) for part in board.parts if part.name != "services"}
    left = [parts[name] for name in _LEFT]
    right = [panel for name, panel in parts.items() if name not in _LEFT]
    half = (len(board.services) + 1) // 2
    services = [
        _services(lines, board.at) for lines in (board.services[:half], board.services[half:])
    ]
    return Group(
        _headline(board),
        *_troubles(board),
        Panel(_Halves(*services), title=_count(board), title_align="left", padding=(0, 1)),
        _Halves(Group(*left), Group(*right)),
    )


class _Halves:
    """Two things side by side on a wide terminal, one below the other on a narrow one."""

    def __init__(self, left: RenderableType, right: RenderableType) -> None:
        self._left, self._right = left, right

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        if options.max_width < _WIDE:
            yield from (self._left, self._right)
            return
        grid = Table.grid(expand=True)
        grid.add_column(ratio=1)
        grid.add_column(ratio=1)
        grid.add_row(self._left, self._right)
        yield grid


def _count(board: Board) -> str:
    return f"services {sum(line.ready for line in board.services)}/{len(board.services)}"


def _headline(board: Board) -> Panel:
    desk = board.desk
    word = Text(f" {board.level.value.upper()} ", style=f"reverse {_COLOURS[board.level]}")
    score = board.score.value
    facts = Table.grid(padding=(0, 2))
    facts.add_row("trading", f"{desk.mode}, breaker {desk.breaker}", "P&L", desk.pnl)
    facts.add_row("session", desk.session, "open orders", desk.open_orders)
    facts.add_row("because", desk.reason, "positions", _positions(board))
    title = Text.assemble(
        word,
        f"  health {score:.1f} %  " if score is not None else "  health unknown  ",
        (f"site {board.site}, {board.at.astimezone(EXCHANGE_ZONE):%F %T %Z}", "dim"),
    )
    return Panel(Group(title, facts), padding=(0, 1))


def _positions(board: Board) -> str:
    held = [f"{quantity} {symbol}" for symbol, quantity, _ in board.desk.positions]
    return ", ".join(held) or ("none" if board.desk.open_orders != "UNKNOWN" else "UNKNOWN")


def _troubles(board: Board) -> list[RenderableType]:
    bad = board.troubles
    if not bad:
        return []
    table = Table.grid(padding=(0, 1))
    for one in bad[:_TROUBLES_SHOWN]:
        expected = f"expected {one.expected}" if one.expected else ""
        table.add_row(_mark(one.level), escape(one.title), escape(one.found), expected)
    if len(bad) > _TROUBLES_SHOWN:
        table.add_row("", f"and {len(bad) - _TROUBLES_SHOWN} more below", "", "")
    return [Panel(table, title="what is wrong", title_align="left", padding=(0, 1))]


def _services(lines: Sequence[ServiceLine], now: datetime) -> Table:
    table = Table.grid(padding=(0, 1))
    for line in lines:
        up = age_of(line, now)
        told = [f"pid {line.pid}"] if line.pid else []
        told += [f"up {timedelta(seconds=int(up.total_seconds()))}"] if up else []
        found = ", ".join(told) if told and line.ready else line.reading.found
        port = line.address.rpartition(":")[2]
        table.add_row(_mark(line.reading.level), line.name, port, escape(found))
    return table


def _part(part: Part) -> Panel:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(width=4)
    table.add_column(ratio=1)
    table.add_column(max_width=_VALUE_WIDTH, justify="right")
    for one in part.readings:
        table.add_row(_mark(one.level), escape(one.title), escape(_short(one)))
    title = f"{part.name} {part.healthy}/{len(part.counted)}"
    colour = _COLOURS[part.level]
    return Panel(table, title=title, title_align="left", border_style=colour, padding=(0, 1))


def _mark(level: Level) -> Text:
    return Text(_MARKS[level], style=_COLOURS[level])


def _short(reading: Reading) -> str:
    if reading.value is None:
        words = reading.found
        return words if len(words) <= _VALUE_WIDTH else f"{words[: _VALUE_WIDTH - 1]}…"
    return f"{reading.value:.4g}{reading.unit}"
