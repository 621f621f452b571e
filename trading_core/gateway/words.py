"""What the control API is told: each body says who asks and why, beside what is asked."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from trading_core.access.api_token import Scope
from trading_core.access.issuing import CALLS_PER_MINUTE, DAYS_MAX
from trading_core.broker.replay import SessionRequest
from trading_core.domain.orders import Side


def _on_one_line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("expected printable words on one line")
    return text


Line = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_on_one_line)]
Symbol = Annotated[str, Field(pattern="^[A-Z0-9.]{1,12}$")]
StrategyName = Annotated[str, Field(pattern="^[a-z0-9_]{1,40}$")]
OrderId = Annotated[str, Field(pattern="^[A-Za-z0-9_.:-]{1,128}$")]
KeyId = Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
_Dollars = Annotated[Decimal, Field(gt=0, le=10**6, decimal_places=4, allow_inf_nan=False)]
LimitName = Annotated[str, Field(pattern="^[a-z_]{1,60}$")]
LimitValue = Annotated[Decimal, Field(ge=0, le=10**12, allow_inf_nan=False)] | None
# PostgreSQL's bigint.
Fence = Annotated[int, Field(ge=0, lt=2**63)]


class Word(BaseModel):
    """Who says something, and why."""

    model_config = ConfigDict(extra="forbid")

    reason: Line
    actor: Line


class RunWord(Word):
    """Let market time move: until the close, or until it has reached `until`."""

    until: AwareDatetime | None = None


class HaltWord(Word):
    """Stop trading. `fence` is the caller's fencing token; a halt holds without one."""

    fence: Fence | None = None


class PermitWord(Word):
    """Allow something. Without a fencing token of the caller's, the gateway takes a new one."""

    fence: Fence | None = None


class EnableWord(PermitWord):
    """Allow trading; `resume` also ends a halt, `by_hand` is for no strategy: in safe mode."""

    resume: bool = False
    by_hand: bool = False


class ModeWord(HaltWord):
    """Enter a mode that allows less than the present one."""

    mode: Literal["safe_mode", "maintenance", "read_only", "emergency_shutdown"]


class OpenSession(Word):
    """Which day to replay; see `broker.replay.SessionRequest`."""

    source: Literal["bars", "synthetic"]
    date: date
    directory: Path | None = None
    symbols: tuple[Symbol, ...] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    cash_usd: Annotated[Decimal, Field(gt=0, le=10**12, allow_inf_nan=False)] | None = None

    def request(self) -> SessionRequest:
        """Return the request as the exchange's client wants it."""
        directory = None if self.directory is None else self.directory.expanduser().absolute()
        return SessionRequest(
            self.source, self.date, directory, self.symbols, self.seed, self.cash_usd
        )


class OrderWord(Word):
    """One order by hand; without a limit price it is a market order."""

    symbol: Symbol
    side: Side
    quantity: Annotated[int, Field(ge=1, le=10**9)]
    limit_price_usd: _Dollars | None = None


class TrialWord(Word):
    """One share, so many basis points below the market that it is not filled."""

    symbol: Symbol
    away_bps: Annotated[int, Field(ge=50, le=5000)] = 200


class RetryWord(Word):
    """An order that failed on its way is wanted still.

    Attributes:
        wanted_price_usd: Of a share when it was wanted; absent: the order's limit price.
        band_bps: How far from it the market may be now, in basis points.
    """

    wanted_price_usd: _Dollars | None = None
    band_bps: Annotated[int, Field(ge=1, le=1000)] = 100


class StrategyWord(Word):
    """Let a strategy trade, or pause it."""

    enabled: bool


class ParametersWord(Word):
    """Other values of some of a strategy's parameters."""

    parameters: Annotated[dict[StrategyName, int | float | bool], Field(min_length=1)]


class FeedWord(Word):
    """Which market data feed to listen to, and whether to change when it falls silent."""

    primary_provider: Literal["primary", "backup"]
    fallback_enabled: bool = True


class SymbolsWord(Word):
    """Which symbols to follow."""

    symbols: Annotated[list[Symbol], Field(min_length=1, max_length=500)]


class LimitsWord(Word):
    """Other values of some of the desk's limits; null takes a limit away.

    Attributes:
        until: When the limits before are in force again; absent: never by itself.
        approved_by: Who agreed to loosening; counts only from the stack's own runbooks.
    """

    limits: Annotated[dict[LimitName, LimitValue], Field(min_length=1, max_length=40)]
    until: AwareDatetime | None = None
    approved_by: Line | Literal[""] = ""


class KeyWord(Word):
    """A token for somebody."""

    name: Line
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=5)]
    days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = 90
    calls_per_minute: Annotated[int, Field(ge=1, le=60_000)] = CALLS_PER_MINUTE


class CloseWord(Word):
    """Out of a position.

    Attributes:
        max_loss_percent: The share of what is sold that getting out may cost: 0.1 is a tenth.
    """

    max_loss_percent: Annotated[Decimal, Field(ge=0, le=1, allow_inf_nan=False)] = Decimal("0.1")


class ClosePositionWord(CloseWord):
    """Out of one position, or of a part of it.

    Attributes:
        keep: How many shares stay. Not how many go: told twice, that would close twice as many.
    """

    keep: Annotated[Decimal, Field(ge=0, le=10**9, decimal_places=9, allow_inf_nan=False)] = (
        Decimal(0)
    )


class ShutdownWord(CloseWord):
    """Come to rest; with positions closed or carried.

    Attributes:
        timeout_seconds: How long closing may take.
    """

    close_positions: bool = False
    timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 300
    fence: Fence | None = None


class LiquidateWord(CloseWord):
    """Out of the market: of these symbols, or altogether."""

    symbols: Annotated[list[Symbol], Field(min_length=1, max_length=1000)] | None = None
