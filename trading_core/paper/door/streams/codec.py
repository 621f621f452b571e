"""The two tongues of a stream: JSON text, and msgpack with real timestamps.

A client that names `application/msgpack` in its handshake is answered in it, and an instant under
the key `t` is then msgpack's own timestamp, as Alpaca's client expects.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

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


class _Msgpack:
    def __init__(self) -> None:
        # Read when the first client asks for it: our own never do.
        import msgpack  # type: ignore[import-untyped]  # it ships no types

        self._msgpack = msgpack

    def write(self, message: object) -> Frame:
        return bytes(self._msgpack.packb(self._with_timestamps(message)))

    def read(self, frame: Frame) -> Mapping[str, Any] | None:
        try:
            body = self._msgpack.unpackb(frame)
        except (ValueError, TypeError, self._msgpack.UnpackException):
            return None
        return body if isinstance(body, dict) else None

    def _with_timestamps(self, message: object) -> object:
        if isinstance(message, list):
            return [self._with_timestamps(one) for one in message]
        if not isinstance(message, dict) or not isinstance(message.get("t"), str):
            return message
        at = self._msgpack.Timestamp.from_datetime(datetime.fromisoformat(message["t"]))
        return {**message, "t": at}


JSON: Codec = _Json()


def codec_for(content_type: str) -> Codec:
    """Return what a client that names this type in its handshake is spoken to in."""
    return _Msgpack() if content_type == "application/msgpack" else JSON
