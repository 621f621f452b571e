"""Whoever starts a runbook at a terminal proves who they are, when they keep a token there.

What goes into the run's parameters is a signature that is good for this runbook, these parameters
and some minutes; the token stays where it is.
"""

from collections.abc import Mapping
from typing import Any

from trading_core.approval.personal_token import folded
from trading_core.approval.starter import sign_start
from trading_core.approval.token_file import own_token
from trading_core.clock import SystemClock
from trading_core.errors import Unreachable
from trading_core.settings import Settings

_PARAMETER = "requested_by"


def proven(
    settings: Settings,
    runbook: str,
    values: Mapping[str, Any],
    schema: Mapping[str, Any],
) -> tuple[dict[str, Any], str]:
    """Return the values with a signed `requested_by`, and why it is not signed, if it is not.

    Args:
        values: As typed; those that are absent have the defaults of `schema`.

    Raises:
        ConfigurationError: The token's file cannot be used.
    """
    token = own_token(settings)
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    if token is None or _PARAMETER not in properties:
        return dict(values), ""
    try:
        name = _name_of(settings, token.key_id)
    except Unreachable as error:
        return dict(values), f"not signed: {error}"
    if not name:
        return dict(values), f"not signed: token {token.key_id} is unknown"
    typed = values.get(_PARAMETER, name)
    if folded(str(typed)) != folded(name):
        return dict(values), f"not signed: {typed} was typed, the token is of {name}"
    whole = {key: one.get("default") for key, one in properties.items()} | dict(values)
    signed = sign_start(token, name, runbook, whole, SystemClock().now())
    return dict(values) | {_PARAMETER: signed}, ""


def _name_of(settings: Settings, key_id: str) -> str:
    from trading_core.storage.connect import connect
    from trading_core.storage.operations import people

    with connect(settings.secret("operations_dsn"), application="tradeops run") as connection:
        holder = people.holders(connection).get(key_id)
    return "" if holder is None else holder.name
