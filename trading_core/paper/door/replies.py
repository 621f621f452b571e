"""How an endpoint says no."""

from typing import TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from trading_core.paper.door.intake.fields import Body, read_body
from trading_core.paper.orders.refusals import Refusal, unprocessable

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


def answer_in_alpacas_shape(app: FastAPI) -> None:
    """Let every refusal be answered with Alpaca's body: code, message, facts."""
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(RequestValidationError, _misunderstood)
    app.add_exception_handler(HTTPException, _unknown)


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    refusal = error.refusal if isinstance(error, RefusedError) else unprocessable(str(error))
    return JSONResponse(refusal.body(), status_code=refusal.status)


async def _misunderstood(request: Request, error: Exception) -> JSONResponse:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    words = "; ".join(f"{problem['loc'][-1]}: {problem['msg']}" for problem in problems)
    return await _refused(request, RefusedError(unprocessable(words)))


async def _unknown(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 404
    refusal = Refusal(status, status * 100_000, f"{request.method} {request.url.path}: {error}")
    return await _refused(request, RefusedError(refusal))
