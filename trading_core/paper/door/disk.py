"""Nothing leaves the exchange before what it tells is on the disk; many answers wait for one flush.

While one flush is under way the exchange goes on taking orders; the next flush carries them all.
"""

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trading_core.errors import Unreachable
from trading_core.paper.journal import Journal
from trading_core.service import answer_in_words

Mark = tuple[Journal, int] | None


class Disk:
    """Waits for the journal.

    Args:
        mark: The journal now, and how many records it has.
    """

    def __init__(self, mark: Callable[[], Mark]) -> None:
        self.mark = mark
        self._flush: asyncio.Future[None] | None = None

    async def reached(self, mark: Mark) -> None:
        """Wait until everything up to a mark is on the disk.

        Raises:
            Unreachable: The disk did not take it.
        """
        if mark is None:
            return
        journal, records = mark
        while journal.flushed < records:
            if self._flush is None or self._flush.done():
                self._flush = asyncio.ensure_future(asyncio.to_thread(journal.flush))
            # A client that leaves takes its own wait with it, and not the others'.
            await asyncio.shield(self._flush)


class OnDisk:
    """The exchange's addresses, each answer held back until the disk has what it tells of."""

    def __init__(self, app: ASGIApp, disk: Disk) -> None:
        self._app = app
        self._disk = disk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        failed = False

        async def told(message: Message) -> None:
            nonlocal failed
            if message["type"] == "http.response.start":
                try:
                    await self._disk.reached(self._disk.mark())
                except Unreachable as error:
                    failed = True
                    await answer_in_words(error)(scope, receive, send)
            if not failed:
                await send(message)

        await self._app(scope, receive, told)
