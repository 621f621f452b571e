"""A run of a runbook, shown to the person who started it: its lines, its progress, its tables."""

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Table

from deployments.orchestrator import Artifact, FlowRun, LogLine

_TRACEBACK = "Traceback (most recent call last)"
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
_LOG_WIDTH = 120
# How the tables of a run's own record are called; the rest is its result.
_RECORD = "-ledger"
_ERROR = 40
_WARNING = 30
# Whose lines are the runbook's own, and what Prefect says in between them.
_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")
_PREFECTS_OWN = ("Beginning flow run", "Finished in state", "Created ", "View at", "Downloading ")
_STATES = {
    "Scheduled": "waiting for a worker",
    "Late": "waiting for a worker",
    "AwaitingConcurrencySlot": "waiting for another run of this runbook",
    "Pending": "a worker has taken it",
    "Submitting": "a worker is starting it",
    "Paused": "waiting for people: see `tradeops approvals`",
}
_OF_NUMBERS = "0123456789.,+-\N{MINUS SIGN}$% "
_COLOURS = {
    "PASS": "green",
    "READY": "green",
    "WARN": "yellow",
    "READY WITH WARNINGS": "yellow",
    "FAIL": "red",
    "UNKNOWN": "magenta",
    "NOT READY": "red",
}


def open_console() -> Console:
    """Return the console to print on: as wide as the terminal; in a log, wide enough."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_LOG_WIDTH)


class Terminal(AbstractContextManager["Terminal"]):
    """A watcher that prints. Use it in a `with` block around following a run."""

    def __init__(self, console: Console, *, everything: bool = False) -> None:
        """`everything` prints Prefect's own lines and whole tracebacks as well."""
        self.console = console
        self.next_step = ""
        self._everything = everything
        self._status = ""
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            console=console,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def state(self, run: FlowRun) -> None:
        """Say what the run waits for; that it runs is seen by itself."""
        words = _STATES.get(run.state_name, "")
        if words and words != self._status:
            self._progress.console.print(f"  [dim]{words}[/]")
        self._status = words

    def line(self, line: LogLine) -> None:
        """Print a line the run wrote."""
        own = line.logger not in _LOGGERS or line.message.startswith(_PREFECTS_OWN)
        if line.level >= _ERROR:
            self.next_step = _next_step(line.message) or self.next_step
        if self._everything:
            shown = line.message
        elif own or _TRACEBACK in line.message:
            return  # what went wrong is said at the end, in its own words
        else:
            shown = line.message.splitlines()[0] if line.message else ""
        colour = "red" if line.level >= _ERROR else "yellow" if line.level >= _WARNING else ""
        text = escape(shown)
        self._progress.console.print(
            f"  [dim]{line.at:%H:%M:%S}[/] " + (f"[{colour}]{text}[/]" if colour else text)
        )

    def progress(self, artifact: Artifact) -> None:
        """Move a bar."""
        if artifact.id not in self._bars:
            words = artifact.description or artifact.key
            self._bars[artifact.id] = self._progress.add_task(words, total=100)
        self._progress.update(self._bars[artifact.id], completed=float(artifact.data or 0))

    def note(self, words: str) -> None:
        """Print something about the run."""
        self._progress.console.print(f"  [yellow]{escape(words)}[/]")


def show_results(
    console: Console, artifacts: Iterable[Artifact], *, with_record: bool = True
) -> None:
    """Print what a run published, the newest of each key.

    Args:
        console: Where to.
        artifacts: All of one run, oldest first.
        with_record: Its record of changes too, not only its result.
    """
    newest = {artifact.key or artifact.id: artifact for artifact in artifacts}
    for key, artifact in newest.items():
        if key.endswith(_RECORD) and not with_record:
            continue
        if artifact.type == "table":
            # Not the table's own title, which would be folded to the width of a narrow table.
            console.print(f"\n[bold]{escape(_title(artifact))}[/]")
            console.print(as_table(artifact))
        elif artifact.type == "markdown":
            # A title of the first rank would be centred, far from all else.
            text = _TITLE.sub(r"**\1**", str(artifact.data))
            console.print(Padding(Markdown(text), (0, 2)))


def show_end(console: Console, run: FlowRun, next_step: str) -> None:
    """Print how a run ended, and after a failure what to do."""
    if run.is_completed:
        console.print(f"[green]done[/] {escape(run.message)}".rstrip())
        return
    said = run.message.removeprefix("Flow run encountered an exception: ")
    console.print(f"[bold red]{run.state_name.lower()}[/] {escape(said)}")
    if next_step:
        console.print(f"next: {escape(next_step)}")


def as_table(artifact: Artifact) -> Table:
    """Return a table artifact as a table of the terminal."""
    rows = _rows(artifact.data)
    table = Table(header_style="dim")
    for name in dict.fromkeys(name for row in rows for name in row):
        numeric = all(_is_number(row.get(name)) for row in rows)
        table.add_column(str(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(coloured(row.get(str(c.header), "")) for c in table.columns))
    return table


def coloured(value: object) -> str:
    """Return a cell's text, a verdict in its colour."""
    text = escape("" if value is None else str(value))
    colour = _COLOURS.get(text)
    return f"[{colour}]{text}[/]" if colour else text


def _title(artifact: Artifact) -> str:
    return (artifact.description or artifact.key).splitlines()[0].lstrip("# ")


def _rows(data: Any) -> list[Mapping[str, Any]]:
    """Return a table's rows: Prefect keeps a list of rows or a dict of columns, as text."""
    content = json.loads(data) if isinstance(data, str) else data
    if isinstance(content, Mapping):
        names = list(content)
        return [dict(zip(names, row, strict=False)) for row in zip(*content.values(), strict=False)]
    return [row if isinstance(row, Mapping) else {"": row} for row in content or []]


def _is_number(value: object) -> bool:
    return not str(value).strip(_OF_NUMBERS)


def _next_step(message: str) -> str:
    """Return what an error's note says to do next; it stands in the log below the traceback."""
    steps = [line.strip() for line in message.splitlines() if line.strip().startswith("next: ")]
    return steps[-1].removeprefix("next: ") if steps else ""
