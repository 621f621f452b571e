"""A desk on the stack of the test run on which no day is under way, whoever worked there before."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from deployments.session import DayRequest, Gateway, Session
from tests.fix_stack import Stack
from trading_core.clock import poll, seconds

_TO_ITS_END = seconds(240)
# As if end-of-day had found nothing wrong with any of them.
_COMPARE = """
    INSERT INTO reconciliations (account, trading_date, compared, breaks, break_count)
    SELECT account, trading_date, '{}', '[]', 0 FROM trading_days WHERE closed_at IS NULL
    ON CONFLICT DO NOTHING
"""
_CLOSE = "UPDATE trading_days SET closed_at = now() WHERE closed_at IS NULL"


def clear_desk(stack: Stack) -> None:
    """Let a session that is under way run to its end, and take every day for closed."""
    with Gateway(stack.settings) as gateway:
        if gateway.session().state in ("running", "paused"):
            gateway.run()
            assert poll(lambda: gateway.session().state != "running", within=_TO_ITS_END)
    dsn = stack.settings.secret("owner_dsn").get_secret_value()
    with psycopg.connect(dsn) as connection:
        connection.execute(_COMPARE)
        connection.execute(_CLOSE)


@contextmanager
def open_session(stack: Stack, request: DayRequest) -> Iterator[Session]:
    """Lend a session that is open, and leave the desk clear for whoever comes next."""
    clear_desk(stack)
    try:
        with Gateway(stack.settings) as gateway:
            yield gateway.open(request)
    finally:
        clear_desk(stack)
