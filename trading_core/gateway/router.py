"""From the table of endpoints to routes: each path of each endpoint, behind the door."""

import inspect
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response, Security
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from trading_core.gateway.door import Door
from trading_core.gateway.endpoints import ENDPOINTS, Alias, Endpoint
from trading_core.gateway.problems import Problem

# What answers an endpoint. It takes what it needs, by name: `call`, the values of path and query,
# and a `response` where it chooses the status itself.
Handler = Callable[..., Any]
Handlers = Mapping[str, Handler]

_TOKEN = HTTPBearer(
    auto_error=False, scheme_name="token", description="A token of `tradeops tokens issue`."
)
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
    "description": "The same again only when the same request is repeated.",
}
# Older scripts post what the canonical path reads from its query.
_FORM = {
    "requestBody": {
        "required": False,
        "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}},
        "description": "What the query says, as a form.",
    }
}
_REFUSALS = {
    401: "No token in force.",
    403: "The token lacks the scope.",
    404: "There is no such thing.",
    409: "The state does not allow it, or the key stands for another request.",
    413: "The body is too long.",
    422: "Not what this endpoint takes.",
    429: "Too many calls of this token.",
    500: "Our own records contradict each other.",
    503: "Something needed does not answer.",
    504: "It was done, and cannot be seen to hold.",
}


def router_of(door: Door, handlers: Handlers) -> APIRouter:
    """Return the routes of the whole table.

    Args:
        handlers: By the names of the endpoints; one for each.
    """
    router = APIRouter()
    for endpoint in ENDPOINTS:
        answers = _as_route(door, endpoint, handlers[endpoint.name])
        for alias in (Alias(endpoint.path), *endpoint.aliases):
            router.add_api_route(
                alias.path,
                answers,
                methods=[alias.method or endpoint.method],
                summary=endpoint.title,
                deprecated=True if alias.path != endpoint.path else None,
                operation_id=_operation(alias.method or endpoint.method, alias.path),
                dependencies=[Security(_TOKEN)],
                responses=_responses(endpoint),
                response_class=Response if endpoint.media_type else JSONResponse,
                openapi_extra=_extra(endpoint, alias),
                route_class_override=_guarded(door, endpoint, alias),
            )
    return router


def _responses(endpoint: Endpoint) -> dict[int | str, dict[str, Any]]:
    refusals: dict[int | str, dict[str, Any]] = {
        status: {
            "description": words,
            "content": {"application/json": {"schema": Problem.model_json_schema()}},
        }
        for status, words in _REFUSALS.items()
    }
    if not endpoint.media_type:
        return refusals
    return {200: {"description": "A file.", "content": {endpoint.media_type: {}}}, **refusals}


def _guarded(door: Door, endpoint: Endpoint, alias: Alias) -> type[APIRoute]:
    class Guarded(APIRoute):
        """A route behind the door."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answering = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                return await door.let_through(endpoint, alias, request, answering)

            return guarded

    return Guarded


def _as_route(door: Door, endpoint: Endpoint, handler: Handler) -> Handler:
    """Return the handler as FastAPI wants it: asynchronous, its call taken from the request."""

    wanted = dict(inspect.signature(handler).parameters)
    takes_call = wanted.pop("call", None) is not None

    async def answered(request: Request, **values: Any) -> Any:
        if takes_call:
            values["call"] = request.state.call
        return await door.in_threads(endpoint, partial(handler, **values))

    others = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in wanted.values()]
    request = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
    answered.__signature__ = inspect.Signature([request, *others])  # type: ignore[attr-defined]
    return answered


def _extra(endpoint: Endpoint, alias: Alias) -> dict[str, Any]:
    said = {"x-scope": endpoint.scope.value, "x-protective": endpoint.protective}
    if endpoint.body is None:
        return said | (_FORM if alias.method == "POST" else {})
    schema = endpoint.body.model_json_schema()
    schema = _spelt_out(schema, schema.pop("$defs", {}))
    # What the path says by itself need not be said, and cannot be said otherwise.
    for name, value in alias.says.items():
        schema["properties"][name] = {"const": value}
        schema["required"] = [one for one in schema["required"] if one != name]
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    return said | {"parameters": [_KEY], "requestBody": body}


def _spelt_out(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Return a schema with each reference replaced by what it refers to."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _spelt_out(definitions[schema["$ref"].rpartition("/")[2]], definitions)
        return {name: _spelt_out(value, definitions) for name, value in schema.items()}
    if isinstance(schema, list):
        return [_spelt_out(one, definitions) for one in schema]
    return schema


def _operation(method: str, path: str) -> str:
    words = path.strip("/").replace("{", "").replace("}", "")
    return "_".join([method.lower(), *words.replace("-", "_").split("/")])
