"""Words typed by a person become the values the runbook's parameters are typed for."""

from typing import Any

import pytest

from deployments.parameters import parse
from trading_core.errors import ConfigurationError

_SCHEMA: dict[str, Any] = {
    "properties": {
        "trading_date": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
        "dry_run": {"type": "boolean"},
        "reason": {"type": "string"},
        "minutes": {"type": "integer"},
        "symbols": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["reason"],
}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("dry_run=true", True),
        ("minutes=12", 12),
        ("reason=a = b", "a = b"),
        ("reason=42", "42"),
        ("reason=", ""),
        ("trading_date=2013-10-07", "2013-10-07"),
        ("trading_date=null", None),
        ("symbols=AIG,SPY", ["AIG", "SPY"]),
        ('symbols=["AIG"]', ["AIG"]),
        ("minutes=soon", "soon"),  # the server says what is wrong with it
    ],
)
def test_a_word_becomes_a_value_of_its_parameters_type(word: str, value: object) -> None:
    name = word.partition("=")[0]
    assert parse("halt", ["reason=drill", word], _SCHEMA)[name] == value


def test_a_word_without_an_equals_sign_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="expected key=value, was 'dry_run'"):
        parse("halt", ["dry_run"], _SCHEMA)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ConfigurationError, match=r"among trading_date, dry_run.*there is no raeson"
    ):
        parse("halt", ["reason=drill", "raeson=drill"], _SCHEMA)


def test_a_missing_required_parameter_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="reason is missing"):
        parse("halt", [], _SCHEMA)
