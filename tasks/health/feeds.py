"""The market data feeds: the stream, its backup, and how fresh what they bring is."""

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from tasks.services.processes import Processes
from tasks.trading.control import Core
from trading_core.broker.contract import TradingApi
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed, NotVerified, TradingError

# Against market time. While the market is open every minute brings quotes; before the open a thin
# symbol is rightly quoted a few times an hour.
QUOTE_AGE_SECONDS_MAX = 120.0
QUOTE_AGE_CLOSED_SECONDS_MAX = 1800.0

# A stream opens itself again within five seconds of its provider being there.
_BACK_BY_ITSELF_WITHIN = seconds(8)
_STOPPED_WITHIN = seconds(30)
_CONNECTED_WITHIN = seconds(45)


@check
def check_data_feeds(core: Core, broker: TradingApi) -> CheckResult:
    """Have both feeds proven, stream and REST door; measure the age of each symbol's last quote."""
    is_open = broker.clock().is_open
    age_seconds_max = QUOTE_AGE_SECONDS_MAX if is_open else QUOTE_AGE_CLOSED_SECONDS_MAX
    status = core.feeds()
    feeds = {"primary": status.connected, "backup": status.backup_reachable}
    usable = [name for name, up in feeds.items() if up]
    silent = [one.symbol for one in status.symbols if one.last_quote_at is None]
    old = [
        f"{one.symbol} {one.age_seconds:.0f} s"
        for one in status.symbols
        if one.age_seconds is not None and one.age_seconds > age_seconds_max
    ]
    words = [f"{' and '.join(usable) or 'neither feed'} usable"]
    lame = [one for one in status.feeds if not (one.connected and one.answers)]
    words += [f"{one.name}: {one.detail}" for one in lame]
    reserve = [one.name for one in status.feeds if one.active and one.name != "primary"]
    words += [f"listening to {name}" for name in reserve]
    words += [f"no quote of {', '.join(silent)}"] if silent else []
    words += [f"old quotes: {', '.join(old)}"] if old else []
    words += [] if status.symbols else ["no symbol is followed"]
    verdict = Verdict.PASS
    if len(usable) < len(feeds) or old or silent or lame or reserve:
        verdict = Verdict.WARN
    if not usable or not status.symbols or len(silent) == len(status.symbols):
        verdict = Verdict.FAIL
    return CheckResult(
        verdict,
        "; ".join(words),
        f"both feeds usable, every quote at most {age_seconds_max:.0f} s old",
        {one.symbol: str(one.last_quote_at) for one in status.symbols},
    )


@action
def ensure_feed_connected(
    core: Core, broker: TradingApi, processes: Processes
) -> Change[None] | Unchanged[None]:
    """See the primary feed come back, or restart our side of it once, when theirs is there.

    Raises:
        CheckFailed: The provider does not answer either: a restart of ours would not help.
    """
    within = seconds(0) if current_run().dry_run else _BACK_BY_ITSELF_WITHIN
    if poll(lambda: _is_connected(core), within=within):
        return Unchanged("the primary feed is connected")
    try:
        broker.clock()
    except TradingError as error:
        raise CheckFailed(
            f"market data feed: expected its provider to answer, was: {error}",
            next_step="call the provider; trading goes on only while a feed works",
        ) from error
    return Change(
        does="restart market_data, to connect the primary feed",
        act=lambda _fence: _restart_collection(processes),
        holds=lambda: _is_connected(core),
        within=_CONNECTED_WITHIN,
    )


def _is_connected(core: Core) -> bool:
    try:
        return core.feeds().connected
    except TradingError:
        return False


def _restart_collection(processes: Processes) -> None:
    processes.end("market_data")
    if not poll(lambda: processes.processes()["market_data"].is_down, within=_STOPPED_WITHIN):
        raise NotVerified(
            "market_data: expected it to have stopped, was still there",
            next_step="read its log, then run market-data-disconnected again",
        )
    processes.begin("market_data")
