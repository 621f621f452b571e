"""Market time in lockstep: it moves a minute, and every service finishes the minute before it
moves again. So a replay's result does not depend on how fast the machine is.

Each step of a minute is asked for over HTTP with this body, and is idempotent: after a crash the
same step is simply asked for again.
"""

from datetime import timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict

MINUTE = timedelta(minutes=1)


class MinuteEnd(BaseModel):
    """The minute that has just ended.

    Attributes:
        now: Market time: the end of the minute.
        session_id: The session the minute belongs to; absent, a service looks at the exchange.
    """

    model_config = ConfigDict(frozen=True)

    now: AwareDatetime
    session_id: str | None = None
