"""The two tongues of a stream: JSON text, and msgpack with real timestamps.

A client that names `application/msgpack` in its handshake is answered in it, and an instant under
the key `t` is then msgpack's own timestamp, as Alpaca's client expects.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import msgpack  # type: ignore[import-untyped]  # it ships no types

from trading_core.paper.door.intake.fields import read_body
from trading_core.paper.orders.refusals import Refusal

Frame = str | bytes


class Codec(Protocol):
    """How messages become frames, and frames messages."""

    def write(self, message: object) -> Frame:
        """Return the frame that carries a message."""
        ...

    def read(self, frame: Frame) -> Mapping[str, Any] | None:
        """Return the object a frame carries; None for anything else."""
        ...


@dataclass(frozen=True, slots=True)
class _Json:
    def write(self, message: object) -> Frame:
        return json.dumps(message, separators=(",", ":"))

    def read(self, frame: Frame) -> Mapping[str, Any] | None:
        body = read_body(frame)
        return None if isinstance(body, Refusal) else body


@dataclass(frozen=True, slots=True)
class _Msgpack:
    def write(self, message: object) -> Frame:
        return bytes(msgpack.packb(_with_timestamps(message)))

    def read(self, frame: Frame) -> Mapping[str, Any] | None:
        try:
            body = msgpack.unpackb(frame)
        except (ValueError, TypeError, msgpack.UnpackException):
            return None
        return body if isinstance(body, dict) else None


JSON: Codec = _Json()
CODECS: Mapping[str, Codec] = {"application/msgpack": _Msgpack()}


def _with_timestamps(message: object) -> object:
    if isinstance(message, list):
        return [_with_timestamps(one) for one in message]
    if not isinstance(message, dict) or not isinstance(message.get("t"), str):
        return message
    at = msgpack.Timestamp.from_datetime(datetime.fromisoformat(message["t"]))
    return {**message, "t": at}
