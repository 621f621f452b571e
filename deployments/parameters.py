"""From words typed by a person to the typed parameters of a runbook."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from trading_core.errors import ConfigurationError

Schema = Mapping[str, Any]


def parse(runbook: str, words: Sequence[str], schema: Schema) -> dict[str, Any]:
    """Return the values of `key=value` words, each in the type the schema gives its key.

    Args:
        runbook: Whose parameters they are, for the errors.
        words: As typed.
        schema: JSON schema of the runbook's parameters.

    Raises:
        ConfigurationError: A word has no `=`, a name is unknown, or a required one is missing.
    """
    values: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise ConfigurationError(
                f"--param: expected key=value, was {word!r}",
                next_step="write it like --param dry_run=true",
            )
        values[key] = _value(text, schema.get("properties", {}).get(key, {}))
    require_known(runbook, values, schema)
    return values


def require_known(runbook: str, values: Mapping[str, Any], schema: Schema) -> None:
    """Make sure that every name is a parameter and none that is required is absent.

    Raises:
        ConfigurationError: Names all that are wrong, and all there are.
    """
    known: Mapping[str, Any] = schema.get("properties", {})
    wrong = [f"there is no {name}" for name in values if name not in known]
    wrong += [f"{name} is missing" for name in schema.get("required", ()) if name not in values]
    if wrong:
        raise ConfigurationError(
            f"{runbook}: expected parameters among {', '.join(known) or 'none'}; "
            f"{', '.join(wrong)}",
            next_step="give each as --param name=value",
        )


def _value(text: str, schema: Schema) -> Any:
    """Read a word as JSON unless the parameter is text, or the word is no JSON: A,B is a list."""
    kinds = {schema.get("type")} | {kind.get("type") for kind in schema.get("anyOf", ())}
    if "null" in kinds and text in ("", "null"):
        return None
    if "string" in kinds:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text.split(",") if "array" in kinds else text
