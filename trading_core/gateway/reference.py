"""The page docs/control-api.md, made from the table of endpoints.

`python -m trading_core.gateway.reference > docs/control-api.md` writes it anew.
"""

import sys

from trading_core.domain.modes import ALLOWS, Act, Mode
from trading_core.gateway.endpoints import ENDPOINTS, Alias, Endpoint

_HEAD = """\
# The control API

Made from `trading_core/gateway/endpoints.py`; the same table makes the gateway's router and its
`/openapi.json`. Everything here is asked of the gateway (8080). Health, metrics and the OpenAPI
document need no token; everything else does.

## Tokens

`tradeops tokens issue NAME --scope SCOPE --days N` makes one and shows it once; only a SHA-256 of
it is kept. `tradeops tokens list` and `revoke` do what they say. A token is sent as
`Authorization: Bearer TOKEN`. It has an end (at most 366 days), a number of calls a minute, and
scopes of which none includes another; with `--person` it is somebody's own, by their number in the
firm's list of people, and ends when `tradeops people revoke` takes their last personal token:

| Scope | For |
|---|---|
| `read` | looking |
| `trade` | orders by hand, pausing a strategy |
| `halt` | what stops trading and takes orders back |
| `admin` | what permits: enabling, the breaker's reset, sessions, parameters, tokens, the record |
| `break_glass` | getting out of the market without a second person |

The stack's own services and runbooks have a token of every scope in `secrets/control_token`. What
is destructive and comes from a runbook has been approved there by a second person.

## Changes

Every change says `reason` and `actor` in its body (JSON, or a form as older scripts send) and
carries an `Idempotency-Key`. The same key with the same request has the same answer and is done
once; with another request it is refused with 409. A call that was cut off is done again under its
key where doing it twice is doing it once, and is otherwise answered `OUTCOME_UNKNOWN`: look, then
decide. The answer has the resulting state.

What is refused is told as `{{"code", "message", "next_step"}}`: 401 no token in force, 403 scope
missing, 404 no such thing, 409 the state or the key does not allow it, 413 and 422 not a request,
429 too often, 503 not possible now, 504 done and not seen to hold.

## The record

Each change is written down when it is asked and when it is answered, and each refused token that
we know, in `api_calls` of the operations database: append-only and hash-chained. `tradeops audit
verify` recomputes it. What permits is in PostgreSQL before it is done, and is refused with 503
when PostgreSQL is away. What protects is written to the state directory first
(`gateway/calls.jsonl`, fsynced), is done whatever is down, and is delivered later; when even the
disk is full, it is done all the same and the service's log has the line.

## Protective calls

They have threads, a rate and records of their own and wait for no database: they are answered
while everything else is overloaded, with the tokens last known (`gateway/tokens.json`, hashes
only). Repeated under its key, a protective call acts again, and answers as it did; the keys are
remembered by the process, because doing it twice is doing it once.

A token is ended in PostgreSQL and, at the same moment, on the gateway's disk: it stays ended while
the database is away, and after a restart. What cannot be done while it is away is to end another
one. Such a token can then still protect, which only ever makes trading stop or shrink, and look.

## Modes

`GET /api/v1/mode` says who set the mode, when and why. Looking and what protects are allowed in
every mode; the rest is this table. A mode is entered with everything else gone, is kept on the
executor's disk, and is left only into a halt.

{modes}

## Limits

`GET /api/v1/risk/limits` has the limits in force, with the hard caps that no version exceeds
(`trading_core/risk/caps.py`). A change names some of them:
`{{"limits": {{"order_quantity_max": 400, "position_concentration_max": "0.12"}},
"until": "2026-03-02T16:00:00Z", ...}}`. Shares are whole numbers, dollars and fractions of equity
decimals. Tightening holds at once. Loosening, which is also taking a limit away with `null`, needs
the token of another admin in the header `Second-Token`, or the runbook's approval. Both tokens have
to be people's own, of two people: one person with two tokens, under whatever names, is one voice.
With `until` the limits before are in force again at that time, by themselves. Older names:
`max_shares` is `order_quantity_max`, `max_notional` is `order_notional_usd_max`,
`max_position_concentration` is `position_concentration_max`; `max_position_size` never said of what
it was a share, and `volatility_multiplier` is the `volatility_ratio` of the proposal.

"""


def page() -> str:
    """Return the page."""
    rows = [
        "| Method, path | Scope | Also called | What it does | Covers |",
        "|---|---|---|---|---|",
        *(_row(endpoint) for endpoint in ENDPOINTS),
    ]
    return (
        _HEAD.format(modes=_modes())
        + "## Endpoints\n\n**P** is protective.\n\n"
        + "\n".join(rows)
        + "\n"
    )


def _modes() -> str:
    acts = list(Act)
    lines = [
        f"| Mode | {' | '.join(act.replace('_', ' ') for act in acts)} |",
        f"|---|{'---|' * len(acts)}",
        *(
            f"| `{mode}` | {' | '.join('yes' if act in ALLOWS[mode] else '' for act in acts)} |"
            for mode in Mode
        ),
    ]
    return "\n".join(lines)


def _row(endpoint: Endpoint) -> str:
    also = ", ".join(_alias(alias) for alias in endpoint.aliases)
    mark = " **P**" if endpoint.protective else ""
    cells = (
        f"`{endpoint.name}`{mark}",
        f"`{endpoint.scope}`",
        also,
        endpoint.title,
        ", ".join(endpoint.covers),
    )
    return f"| {' | '.join(cells)} |"


def _alias(alias: Alias) -> str:
    said = ", ".join(f"`{name}` = {value}" for name, value in alias.says.items())
    method = f"{alias.method} " if alias.method else ""
    return f"`{method}{alias.path}`" + (f" (says {said})" if said else "")


if __name__ == "__main__":
    sys.stdout.write(page())
