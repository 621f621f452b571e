"""Which day is replayed, and from what."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from trading_core.errors import ConfigurationError
from trading_core.paper.market.bar_files import load_bar_files
from trading_core.paper.market.synthetic import make_synthetic
from trading_core.paper.market.tape import Tape

STARTING_CASH_USD = Decimal("100000.00")


@dataclass(frozen=True, slots=True)
class SessionSpec:
    """A request for a session; equal specs replay alike as long as the files are the same.

    Attributes:
        directory: Of the bar files, absolute; None for a synthetic market.
        symbols: None: all that the source has.
        seed: Of a synthetic market; without meaning for bar files.
        cash_usd: What a new account starts with.
        fee_per_share_usd: What every share traded costs.
        hard_to_borrow: Symbols that are sold short only once shares were located.
    """

    source: Literal["bars", "synthetic"]
    directory: str | None
    date: date
    symbols: tuple[str, ...] | None
    seed: int
    cash_usd: Decimal = STARTING_CASH_USD
    fee_per_share_usd: Decimal = Decimal(0)
    hard_to_borrow: tuple[str, ...] = ()


def load_tape(spec: SessionSpec) -> Tape:
    """Return the market that `spec` asks for.

    Raises:
        ConfigurationError: It cannot be had; names the file and line, or the setting.
    """
    if spec.source == "synthetic":
        return make_synthetic(spec.date, spec.seed, spec.symbols)
    if spec.directory is None:
        raise ConfigurationError(
            "directory: expected one for source bars, was none",
            next_step="name the directory that holds minute/, or choose source synthetic",
        )
    return load_bar_files(Path(spec.directory), spec.date, spec.symbols)
