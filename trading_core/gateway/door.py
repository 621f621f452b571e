"""The door of the control API: what comes in is known, counted, done once, and on record.

A change is written down before it is made and again when it is answered. What permits waits for
PostgreSQL to have it, and is refused without. What protects has threads of its own and is written
to the disk first: it is answered while everything else is overloaded or gone.
"""

import asyncio
import json
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar
from uuid import uuid4

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from trading_core.access.api_token import Caller
from trading_core.access.call import CallLine, Kind
from trading_core.access.call_log import CallLog
from trading_core.clock import Clock
from trading_core.errors import TradingError, Unreachable
from trading_core.gateway import problems
from trading_core.gateway.call import Call
from trading_core.gateway.endpoints import Alias, Endpoint
from trading_core.gateway.gatekeeper import Gatekeeper, Turned
from trading_core.gateway.known_mode import KnownMode
from trading_core.gateway.problems import Refusal
from trading_core.gateway.request_body import read_word, take_form_as_query
from trading_core.gateway.words import Word
from trading_core.metrics import Metrics
from trading_core.service import answer_in_words

T = TypeVar("T")
Answering = Callable[[Request], Awaitable[Response]]

ORDINARY_CALLS_MAX = 24
PROTECTIVE_CALLS_MAX = 8
_REMEMBERED_MAX = 10_000
_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_REPLAYED = {"Idempotent-Replayed": "true"}
# An answer that says the other side may or may not have done it.
_UNCERTAIN = (503, 504)


class Door:
    """Lets calls through to what answers them."""

    def __init__(
        self, keeper: Gatekeeper, mode: KnownMode, log: CallLog, clock: Clock, metrics: Metrics
    ) -> None:
        self._keeper = keeper
        self._mode = mode
        self._log = log
        self._clock = clock
        self._refused = metrics.counter("api_calls_refused_total")
        self._ordinary = ThreadPoolExecutor(ORDINARY_CALLS_MAX, "call")
        self._protective = ThreadPoolExecutor(PROTECTIVE_CALLS_MAX, "protective-call")
        self._under_way = 0
        self._keys_under_way: set[tuple[str, str]] = set()
        self._remembered: OrderedDict[tuple[str, str], tuple[str, Response]] = OrderedDict()

    async def let_through(
        self, endpoint: Endpoint, alias: Alias, request: Request, answering: Answering
    ) -> Response:
        """Answer a request, or say why not."""
        try:
            caller = self._keeper.admit(endpoint, request.headers)
            with self._room(endpoint):
                call = await self._read(endpoint, alias, request, caller)
                request.state.call = call
                if not endpoint.changes:
                    if alias.method == "POST":
                        await take_form_as_query(request)
                    return await _answered(request, answering)
                if endpoint.protective:
                    return await self._protect(call, request, answering)
                with self._alone(call):
                    return await self._change(call, request, answering)
        except Turned as turned:
            await self._put_on_record(endpoint, turned.caller, turned.refusal)
            return self._counted(turned.refusal).answer()
        except Refusal as refusal:
            return _challenged(endpoint, self._counted(refusal).answer())

    async def in_threads(self, endpoint: Endpoint, work: Callable[[], T]) -> T:
        """Do blocking work where it delays none of the other kind."""
        pool = self._protective if endpoint.protective else self._ordinary
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    def close(self) -> None:
        """Let go of the threads."""
        self._ordinary.shutdown(wait=False, cancel_futures=True)
        self._protective.shutdown(wait=False, cancel_futures=True)

    async def _read(
        self, endpoint: Endpoint, alias: Alias, request: Request, caller: Caller
    ) -> Call[Any]:
        word: Word | None = None
        key = ""
        if endpoint.body is not None:
            word = await read_word(request, endpoint.body, alias.says)
            key = request.headers.get("idempotency-key", "")
            if not _KEY.fullmatch(key):
                raise problems.no_key()
        path = dict(request.path_params)
        return Call(uuid4().hex, self._clock.now(), endpoint, caller, word, key, path)

    async def _change(self, call: Call[Any], request: Request, answering: Answering) -> Response:
        asked = call.asked()
        if act := call.endpoint.act:
            await self.in_threads(call.endpoint, lambda: self._mode.require(act))
        first, replayed = await self.in_threads(call.endpoint, lambda: self._begun(call, asked))
        if replayed is not None:
            return replayed
        request.state.call = replace(call, again=not first)
        return await self._noted(call, asked, request, answering)

    def _begun(self, call: Call[Any], asked: CallLine) -> tuple[bool, Response | None]:
        """Write down what is asked; return whether for the first time, and the answer it had."""
        try:
            fault, before = self._log.begin(asked)
            if fault:
                raise Turned(call.caller, problems.no_token(fault))
            if before is None:
                return True, None
            if before.asked.fingerprint != asked.fingerprint:
                raise Turned(call.caller, problems.key_of_another_request(call.key))
            done = before.answered
            if done is not None and not (call.endpoint.repeatable and done.status in _UNCERTAIN):
                return False, JSONResponse(done.facts["answer"], done.status, _REPLAYED)
            if not call.endpoint.repeatable:
                raise problems.cut_off(call.key)
            self._log.repeat(asked)
            return False, None
        except Unreachable as error:
            raise problems.no_record(str(error)) from error

    async def _protect(self, call: Call[Any], request: Request, answering: Answering) -> Response:
        asked = call.asked()
        place = (call.caller.id, call.key)
        fingerprint, first = self._remembered.get(place, (asked.fingerprint, None))
        if fingerprint != asked.fingerprint:
            raise Turned(call.caller, problems.key_of_another_request(call.key))
        await self.in_threads(call.endpoint, lambda: self._log.keep(asked))
        # Done again even under a known key: what held then need not hold now.
        answer = await self._noted(call, asked, request, answering)
        if first is not None and first.status_code == answer.status_code:
            return first
        self._remembered[place] = (asked.fingerprint, answer)
        while len(self._remembered) > _REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        return answer

    async def _noted(
        self, call: Call[Any], asked: CallLine, request: Request, answering: Answering
    ) -> Response:
        """Have the call answered, and write down how."""
        write = self._log.keep if call.endpoint.protective else self._log.end

        async def note(status: int, facts: dict[str, Any]) -> None:
            line = asked.followed_by(Kind.ANSWERED, self._clock.now(), status, facts)
            await self.in_threads(call.endpoint, lambda: write(line))

        try:
            answer = await _answered(request, answering)
        except Exception as error:
            await note(500, {"answer": {"code": type(error).__name__, "message": str(error)}})
            raise
        await note(answer.status_code, {"answer": _shown(call.endpoint, answer)})
        return answer

    async def _put_on_record(self, endpoint: Endpoint, caller: Caller, refusal: Refusal) -> None:
        call = Call(uuid4().hex, self._clock.now(), endpoint, caller, None, "", {})
        facts = {"answer": refusal.problem.model_dump()}
        line = call.asked().followed_by(Kind.REFUSED, call.at, refusal.status, facts)
        await self.in_threads(endpoint, lambda: self._log.keep(line))

    def _counted(self, refusal: Refusal) -> Refusal:
        self._refused.labels(refusal.problem.code).inc()
        return refusal

    @contextmanager
    def _room(self, endpoint: Endpoint) -> Iterator[None]:
        if endpoint.protective:
            yield
            return
        if self._under_way >= ORDINARY_CALLS_MAX:
            raise problems.overloaded(ORDINARY_CALLS_MAX)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    @contextmanager
    def _alone(self, call: Call[Any]) -> Iterator[None]:
        place = (call.caller.id, call.key)
        if place in self._keys_under_way:
            raise problems.under_way(call.key)
        self._keys_under_way.add(place)
        try:
            yield
        finally:
            self._keys_under_way.discard(place)


def _challenged(endpoint: Endpoint, answer: Response) -> Response:
    """Have a browser ask its user for the token."""
    if endpoint.page and answer.status_code == 401:
        answer.headers["WWW-Authenticate"] = 'Basic realm="tradeops: a token, as the password"'
    return answer


async def _answered(request: Request, answering: Answering) -> Response:
    try:
        return await answering(request)
    except TradingError as error:
        return answer_in_words(error)
    except RequestValidationError as error:
        faults = "; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.errors())
        return problems.not_a_request(422, faults).answer()
    except Refusal as refusal:
        return refusal.answer()


def _shown(endpoint: Endpoint, answer: Response) -> Any:
    content = json.loads(bytes(answer.body))
    if endpoint.secret_answer and isinstance(content, dict):
        return {name: value for name, value in content.items() if name != "token"}
    return content
