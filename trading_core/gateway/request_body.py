"""Reading what a call is told: JSON, or a form as older scripts send. Strict, and small."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from pydantic import ValidationError

from trading_core.gateway.problems import not_a_request
from trading_core.gateway.words import Word

BYTES_MAX = 65_536
_FORM = "application/x-www-form-urlencoded"
_FAULTS_TOLD = 5


async def read_word(request: Request, shape: type[Word], says: Mapping[str, Any]) -> Word:
    """Return what the caller says.

    Args:
        says: What the path says by itself; a body that says otherwise is refused.

    Raises:
        Refusal: 413, too long; 422, not what the endpoint takes.
    """
    content = _parsed(await _bytes_of(request), request.headers.get("content-type", ""))
    for name, value in says.items():
        if content.setdefault(name, value) != value:
            raise not_a_request(422, f"{name}: this path says {value!r}, was {content[name]!r}")
    try:
        return shape.model_validate_json(json.dumps(content))
    except (ValidationError, UnicodeEncodeError) as error:
        raise not_a_request(422, _in_words(error)) from error


async def take_form_as_query(request: Request) -> None:
    """Have what an older script posts as a form be read as the query of the path it means.

    Raises:
        Refusal: 413, too long; 422, no form.
    """
    said = _parsed(await _bytes_of(request), request.headers.get("content-type", ""))
    try:
        asked = dict(parse_qsl(request.scope["query_string"].decode(), keep_blank_values=True))
        request.scope["query_string"] = urlencode(asked | said).encode()
    except UnicodeError as error:
        raise not_a_request(422, f"expected a form, {error}") from error


async def _bytes_of(request: Request) -> bytes:
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > BYTES_MAX:
            raise not_a_request(413, f"expected at most {BYTES_MAX} bytes, was more")
    return bytes(received)


def _parsed(body: bytes, content_type: str) -> dict[str, Any]:
    try:
        if content_type.startswith(_FORM):
            return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body)))
        found = json.loads(body or b"{}", parse_constant=_refused_constant)
    except (ValueError, RecursionError) as error:
        raise not_a_request(422, f"expected JSON, {error}") from error
    if not isinstance(found, dict):
        raise not_a_request(422, f"expected an object, was {type(found).__name__}")
    return found


def _refused_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _in_words(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'object'}: {fault['msg']}"
        for fault in faults[:_FAULTS_TOLD]
    )
