"""How an endpoint says no."""

from typing import TypeVar

from fastapi import Request

from trading_core.paper.door.intake.fields import Body, read_body
from trading_core.paper.orders.refusals import Refusal

_T = TypeVar("_T")


class RefusedError(Exception):
    """Carries a refusal out of an endpoint; becomes its status, code and message."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def accepted(answer: _T | Refusal) -> _T:
    """Return the answer, unless it is a refusal."""
    if isinstance(answer, Refusal):
        raise RefusedError(answer)
    return answer


async def body_of(request: Request) -> Body:
    """Return the JSON object a request carries."""
    return accepted(read_body(await request.body()))
