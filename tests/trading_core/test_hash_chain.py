"""A chain tells whatever was done to it: a line altered, taken out, slipped in, or moved."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from trading_core import hash_chain
from trading_core.access.call import CallLine, Kind
from trading_core.errors import InvariantViolated

AT = datetime(2024, 3, 14, 13, 30, tzinfo=UTC)


def a_chain(length: int) -> list[CallLine]:
    """Return lines that continue one another."""
    lines: list[CallLine] = []
    previous = hash_chain.GENESIS
    for seq in range(1, length + 1):
        drafted = CallLine(
            AT, f"call-{seq}", Kind.ASKED.value, "id", "ann", "ann", "why", "GET /", "k", "f", 0, {}
        )
        lines.append(drafted.placed(seq, previous))
        previous = lines[-1].hash
    return lines


def test_an_unbroken_chain_is_counted() -> None:
    assert hash_chain.verify(a_chain(3), "record") == 3
    assert hash_chain.verify([], "record") == 0


def test_a_line_is_the_same_after_a_file_kept_it() -> None:
    [line] = a_chain(1)
    assert CallLine.from_json(line.as_json()) == line


@pytest.mark.parametrize("fault", ["altered", "forged", "taken out", "swapped", "slipped in"])
def test_whatever_was_done_to_it_is_found(fault: str) -> None:
    lines = a_chain(4)
    altered = replace(lines[1], actor="somebody else")
    broken = {
        "altered": [lines[0], altered, *lines[2:]],
        "forged": [lines[0], replace(altered, hash=altered.digest()), *lines[2:]],
        "taken out": [lines[0], *lines[2:]],
        "swapped": [lines[0], lines[2], lines[1], lines[3]],
        "slipped in": [*lines[:2], lines[1], *lines[2:]],
    }
    with pytest.raises(InvariantViolated, match="does not continue the chain"):
        hash_chain.verify(broken[fault], "record")
