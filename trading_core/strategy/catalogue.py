"""Every strategy there is, and what exactly runs under its name.

A strategy's version is a hash of the code that decides and of the parameters it decides with: two
runs with the same version on the same bars send the same signals.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from trading_core.errors import ConfigurationError
from trading_core.strategy import indicators, parameters, rsi_momentum, sma_crossover, stance
from trading_core.strategy.parameters import StrategyParameters
from trading_core.strategy.rsi_momentum import RsiMomentum, RsiParameters
from trading_core.strategy.sma_crossover import SmaCrossover, SmaParameters
from trading_core.strategy.stance import Rule

# What every strategy's decisions pass through, besides its own module.
_SHARED_CODE: tuple[ModuleType, ...] = (indicators, parameters, stance)


@dataclass(frozen=True, slots=True)
class Kind:
    """One strategy of the catalogue: its code, and the parameters it needs."""

    name: str
    module: ModuleType
    parameters: type[StrategyParameters]
    rule: Callable[[Any], Rule]


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(sma_crossover.NAME, sma_crossover, SmaParameters, SmaCrossover),
        Kind(rsi_momentum.NAME, rsi_momentum, RsiParameters, RsiMomentum),
    )
}


def kind_of(name: str) -> Kind:
    """Return the strategy called `name`.

    Raises:
        ConfigurationError: There is no such strategy.
    """
    try:
        return KINDS[name]
    except KeyError:
        raise ConfigurationError(
            f"strategy: expected one of {sorted(KINDS)}, was {name!r}",
            next_step="correct the name; trading_core/strategy/catalogue.py lists them",
        ) from None


def read_parameters(name: str, body: Mapping[str, Any]) -> StrategyParameters:
    """Return the parameters of strategy `name` from their JSON.

    Raises:
        ConfigurationError: One is missing, unknown or out of bounds; all of them are named.
    """
    try:
        return kind_of(name).parameters.model_validate(body)
    except ValidationError as error:
        facts = "; ".join(
            f"{'.'.join(str(part) for part in e['loc']) or 'parameters'}: {e['msg']}"
            for e in error.errors(include_url=False, include_context=False)
        )
        raise ConfigurationError(
            f"strategy {name}: {facts}",
            next_step="correct the parameters; the strategy's module gives their bounds",
        ) from None


def version(name: str, chosen: StrategyParameters) -> str:
    """Return the SHA-256 of the strategy's code and parameters; pausing does not change it."""
    digest = hashlib.sha256()
    for module in (kind_of(name).module, *_SHARED_CODE):
        assert module.__file__ is not None, "strategies are modules on disk"
        digest.update(Path(module.__file__).read_bytes())
    digest.update(canonical(chosen).encode())
    return digest.hexdigest()


def canonical(chosen: StrategyParameters) -> str:
    """Return the parameters that decide, as one spelling: sorted, 0.80 the same as 0.8."""
    deciding = chosen.model_dump(exclude={"enabled"})
    return json.dumps(
        {name: _plain(value) for name, value in deciding.items()},
        sort_keys=True,
        separators=(",", ":"),
    )


def _plain(value: object) -> object:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value
