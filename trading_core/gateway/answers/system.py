"""The whole system in one answer: for programs, and as a page for people."""

from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from trading_core.clock import EXCHANGE_ZONE
from trading_core.errors import Unreachable
from trading_core.gateway.router import Handlers
from trading_core.gateway.system_watch import SystemWatch
from trading_core.status.board import age_of

_AGAIN_SECONDS = 10
# It loads nothing from anywhere, and nothing may make it.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "no-store",
}


class SystemAnswers:
    """Answers from the last look at everything."""

    def __init__(self, watch: SystemWatch) -> None:
        self._watch = watch
        folder = FileSystemLoader(Path(__file__).parent)
        pages = Environment(loader=folder, autoescape=True, undefined=StrictUndefined)
        self._page = pages.get_template("system.html.j2")

    def handlers(self) -> Handlers:
        """Return what answers which endpoint."""
        return {"GET /api/v1/system": self.facts, "GET /status/page": self.page}

    def facts(self) -> dict[str, Any]:
        """Return the board for programs."""
        return self._watch.board().as_json()

    def page(self) -> HTMLResponse:
        """Return the board for people; a page also when there is nothing new to show."""
        try:
            board = self._watch.board()
        except Unreachable as error:
            text = self._page.render(board=None, why=str(error), again_seconds=_AGAIN_SECONDS)
            return HTMLResponse(text, headers=_HEADERS)
        ages = {line.name: age_of(line, board.at) for line in board.services}
        text = self._page.render(
            board=board,
            at=board.at.astimezone(EXCHANGE_ZONE),
            ages={name: str(age).partition(".")[0] if age else "" for name, age in ages.items()},
            again_seconds=_AGAIN_SECONDS,
        )
        return HTMLResponse(text, headers=_HEADERS)
