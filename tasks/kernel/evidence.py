"""What a run leaves for people: log lines, tables, texts and a progress bar in Prefect.

Evidence is a courtesy and never the truth, which is in the effect ledger: when Prefect cannot take
it, the run goes on and says so in its log.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock
from types import FunctionType
from typing import cast
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext
from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger

Row = Mapping[str, object]


def say(sentence: str) -> None:
    """Write one line to the run's log, which `tradeops run` shows as it comes."""
    _logger().info("%s", sentence)


def warn(sentence: str) -> None:
    """Write one line that should catch the eye."""
    _logger().warning("%s", sentence)


def show_table(key: str, rows: Sequence[Row], description: str) -> None:
    """Publish `rows` as a table artifact; nothing outside a flow run or without rows."""
    if rows:
        table = [{name: _plain(value) for name, value in row.items()} for row in rows]
        _publish(key, lambda: create_table_artifact(table, key, description))


def show_text(key: str, markdown: str, description: str) -> None:
    """Publish a markdown artifact; nothing outside a flow run."""
    _publish(key, lambda: create_markdown_artifact(markdown, key, description))


class Progress:
    """How far a run is, as a share of the steps its runbook names.

    Threads may report at once. A step that comes several times (one per service) counts once, when
    it first ends.
    """

    def __init__(self, runbook: str, steps: Sequence[str]) -> None:
        self._runbook = runbook
        self._open = set(steps)
        self._total = len(self._open)
        self._artifact_id: UUID | None = None
        self._turn = Lock()

    @classmethod
    def of_flow(cls, runbook: str) -> "Progress":
        """Return the progress of the flow under way: its steps are the tasks its body names."""
        context = FlowRunContext.get()
        flow = None if context is None else context.flow
        return cls(runbook, [] if flow is None else list(_steps_named_in(flow.fn)))

    def passed(self, step: str, sentence: str) -> None:
        """Report that a step has ended, and how."""
        with self._turn:
            self._open.discard(step)
            done = self._total - len(self._open)
            counter = f"[{done}/{self._total}] " if self._total else ""
            say(f"{counter}{step}: {sentence}")
            if self._total:
                self._show(100 * done / self._total, f"{step}: {sentence}")

    def _show(self, percent: float, description: str) -> None:
        def publish() -> None:
            if self._artifact_id is None:
                key = f"{self._runbook}-progress"
                made = create_progress_artifact(percent, key, description)
                self._artifact_id = cast("UUID", made)  # a coroutine only inside an event loop
            else:
                update_progress_artifact(self._artifact_id, percent, description)

        _publish("progress", publish)


def _steps_named_in(body: Callable[..., object]) -> Iterator[str]:
    """Yield the steps a flow's body names, and those of the paragraphs it has as functions."""
    for name in body.__code__.co_names:
        if name.startswith(("check_", "ensure_")):
            yield name
        elif name.startswith("_") and isinstance(part := body.__globals__.get(name), FunctionType):
            yield from _steps_named_in(part)


def _publish(what: str, publish: Callable[[], object]) -> None:
    if FlowRunContext.get() is None:
        return
    try:
        publish()
    except Exception as error:  # noqa: BLE001 - a runbook must not fail for want of a picture
        warn(f"{what} could not be shown in Prefect: {type(error).__name__}: {error}")


def _plain(value: object) -> object:
    return value if isinstance(value, int | str | None) else str(value)


def _logger() -> "logging.Logger | logging.LoggerAdapter[logging.Logger]":
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger(__name__)
