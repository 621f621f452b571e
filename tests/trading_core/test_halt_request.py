"""A halt on the disk takes nothing back that lies there unread."""

from pathlib import Path

import pytest

from trading_core import halt_request
from trading_core.halt_request import HaltRequest, Kind, joined

WANTED: list[tuple[Kind, Kind, Kind, bool]] = [
    ("halt", "halt", "halt", False),
    ("breaker", "breaker", "breaker", False),
    ("breaker", "halt", "halt", True),
    ("halt", "breaker", "halt", True),
    ("emergency_shutdown", "halt", "emergency_shutdown", False),
    ("safe_mode", "halt", "halt", False),
    ("read_only", "breaker", "read_only", True),
]


@pytest.mark.parametrize(("before", "now", "kind", "breaker"), WANTED)
def test_two_requests_are_one_that_asks_for_all_of_both(
    tmp_path: Path, before: Kind, now: Kind, kind: Kind, breaker: bool
) -> None:
    halt_request.leave(tmp_path, HaltRequest("first", "ann", before))
    halt_request.leave(tmp_path, HaltRequest("second", "bob", now))

    assert halt_request.pending(tmp_path) == HaltRequest("second", "bob", kind, breaker)


def test_a_third_request_forgets_neither_of_two() -> None:
    breaker, halt = HaltRequest("a", "ann", "breaker"), HaltRequest("b", "bob")
    both = joined(joined(breaker, halt), HaltRequest("c", "cho"))
    assert (both.kind, both.breaker) == ("halt", True)


def test_what_is_taken_is_wanted_no_more(tmp_path: Path) -> None:
    halt_request.leave(tmp_path, HaltRequest("first", "ann", "breaker"))
    halt_request.clear(tmp_path)
    halt_request.leave(tmp_path, HaltRequest("second", "bob"))

    assert halt_request.pending(tmp_path) == HaltRequest("second", "bob")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"reason": "a", "actor": "b", "kind": "nap"}'])
def test_a_request_that_cannot_be_read_is_a_halt(tmp_path: Path, text: str) -> None:
    path = halt_request.path_of(tmp_path)
    path.parent.mkdir()
    path.write_text(text)

    found = halt_request.pending(tmp_path)

    assert found is not None
    assert found.kind == "halt"
    assert found.reason.startswith("a halt request that cannot be read")


def test_one_of_an_older_version_is_read(tmp_path: Path) -> None:
    path = halt_request.path_of(tmp_path)
    path.parent.mkdir()
    path.write_text('{"reason": "a", "actor": "b", "kind": "breaker"}')
    assert halt_request.pending(tmp_path) == HaltRequest("a", "b", "breaker")
