"""A strategy's parameters for the rest of the session: held against their bounds, seen, taken back.

They are changed live, on top of the approved version; the next session begins with that again. What
was there before stands with the intent, for the run that has to take it back.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from tasks.kernel import (
    Change,
    Checklist,
    CheckResult,
    Kind,
    Unchanged,
    Verdict,
    action,
    check,
    current_run,
)
from tasks.trading.control import Core, RunningStrategy
from tasks.trading.strategies import running_strategy
from trading_core.broker.contract import TradingApi
from trading_core.clock import minutes, poll, seconds
from trading_core.errors import CheckFailed, ConfigurationError, TradingError
from trading_core.strategy.catalogue import canonical, read_parameters

RETURN = "total return"
_WATCHED_FOR = minutes(30)
_LOOK_EVERY = seconds(30)
_SHOWS_WITHIN = seconds(10)
Parameters = Mapping[str, Any]


@check
def check_proposed_parameters(core: Core, strategy: str, parameters: str) -> CheckResult:
    """Hold other parameters against their bounds, and say what they would change."""
    expected = "parameters of the strategy, each within its bounds"
    try:
        running = running_strategy(core, strategy)
        differences = _told(running, _wanted(running, parameters))
    except (CheckFailed, ConfigurationError) as error:
        return CheckResult(Verdict.FAIL, str(error), expected)
    facts = {"in_force": dict(running.parameters), "version": running.version}
    return CheckResult(Verdict.PASS, differences or "no difference", expected, facts)


@action
def ensure_strategy_parameters(
    core: Core, strategy: str, parameters: str, reason: str
) -> Change[Parameters] | Unchanged[Parameters]:
    """Give a strategy other parameters, and read them back; the value is what it had before.

    Raises:
        CheckFailed: No such strategy runs, or no session is open.
        ConfigurationError: A parameter is unknown or out of its bounds.
    """
    running = running_strategy(core, strategy)
    wanted = _wanted(running, parameters)
    target = f"{strategy} {_digest(wanted)}"
    if _has(running, wanted):
        words = f"{strategy} has these parameters already"
        return Unchanged(words, _had_before(target), target=target)
    actor, before = current_run().actor, _canonical(strategy, running.parameters)
    changes = _on_the_wire(_differing(running, wanted))

    def change(_fence: int) -> Parameters:
        core.change_parameters(strategy, changes, reason, actor)
        return before

    return Change(
        does=f"change {strategy} for this session: {_told(running, wanted)}",
        act=change,
        holds=lambda: _has(running_strategy(core, strategy), wanted),
        within=_SHOWS_WITHIN,
        target=target,
        gated=True,
        facts={"reason": reason, "before": before, "version_before": running.version},
    )


@check
def check_return_held(broker: TradingApi, drop_percent_max: float) -> CheckResult:
    """Watch what the account is worth for half an hour, and stop at once when it falls too far.

    A rehearsal looks once. A look that fails is passed over; one at the end must succeed.
    """
    began_usd = worth_usd = broker.account().equity_usd
    looks = 1

    def has_fallen() -> bool:
        nonlocal worth_usd, looks
        worth_usd = broker.account().equity_usd
        looks += 1
        return _drop_percent(began_usd, worth_usd) > Decimal(str(drop_percent_max))

    def seen_to_fall() -> bool:
        try:
            return has_fallen()
        except TradingError:
            return False

    within = timedelta(0) if current_run().dry_run else _WATCHED_FOR
    fell = poll(seen_to_fall, within=within, every=_LOOK_EVERY) or has_fallen()
    drop = _drop_percent(began_usd, worth_usd)
    return CheckResult(
        Verdict.FAIL if fell else Verdict.PASS,
        f"${began_usd:,.2f} became ${worth_usd:,.2f} in {looks} looks",
        f"no fall of more than {drop_percent_max:g} % in {within.total_seconds() / 60:g} min",
        {"looks": looks},
        -float(drop),
        -drop_percent_max,
        " %",
    )


@action
def ensure_parameters_taken_back(
    core: Core, strategy: str, before: Parameters | None, watched: Checklist
) -> Change[None] | Unchanged[None]:
    """Give a strategy what it had before where the return has fallen; not known: pause it.

    Nobody is asked: it is the way back to what people had agreed to, or to nothing at all.
    """
    if not watched.is_red(RETURN):
        return Unchanged("the return held, or could not be measured", target=strategy)
    run, running = current_run(), running_strategy(core, strategy)
    reason = "; ".join(line.result.found for line in watched.lines)
    if before is None:
        return Change(
            does=f"pause strategy {strategy}: what it had before is not known",
            act=lambda _fence: core.switch_strategy(strategy, reason, run.actor, enabled=False),
            holds=lambda: not running_strategy(core, strategy).enabled,
            within=_SHOWS_WITHIN,
            target=strategy,
        ).unless_shown(f"{strategy} was paused")
    changes = _on_the_wire(_differing(running, before))
    return Change(
        does=f"take back the parameters of {strategy}: {_told(running, before)}",
        act=lambda _fence: core.change_parameters(strategy, changes, reason, run.actor),
        holds=lambda: _has(running_strategy(core, strategy), before),
        within=_SHOWS_WITHIN,
        target=strategy,
        facts={"reason": reason},
    ).unless_shown(f"{strategy} has what it had before")


def read_changes(text: str) -> dict[str, float | bool]:
    """Return the parameters that "rsi_period=21 short_allowed=true" names.

    Raises:
        ConfigurationError: A word of it is not of that form, or is the strategy's switch.
    """
    found: dict[str, float | bool] = {}
    for word in text.replace(",", " ").split():
        name, _, value = word.partition("=")
        try:
            found[name] = _value(value)
        except ValueError:
            raise _unreadable(word) from None
    if not found or "enabled" in found:
        raise _unreadable(text)
    return found


def _value(text: str) -> float | bool:
    if text in ("true", "false"):
        return text == "true"
    value = float(text)
    return int(value) if value.is_integer() else value


def _unreadable(words: str) -> ConfigurationError:
    return ConfigurationError(
        f"parameters: expected words like rsi_period=21, was {words!r}",
        next_step="write name=value for each; pause-strategy switches a strategy off",
    )


def _wanted(running: RunningStrategy, parameters: str) -> Parameters:
    return _canonical(running.name, {**running.parameters, **read_changes(parameters)})


def _canonical(strategy: str, body: Parameters) -> Parameters:
    """Return parameters within their bounds in the one spelling that decides, without the switch.

    Raises:
        ConfigurationError: One is unknown or out of its bounds.
    """
    spelled: dict[str, Any] = json.loads(canonical(read_parameters(strategy, body)))
    return spelled


def _has(running: RunningStrategy, wanted: Parameters) -> bool:
    return _canonical(running.name, running.parameters) == wanted


def _differing(running: RunningStrategy, wanted: Parameters) -> dict[str, Any]:
    present = _canonical(running.name, running.parameters)
    return {name: value for name, value in wanted.items() if value != present[name]}


def _told(running: RunningStrategy, wanted: Parameters) -> str:
    present = _canonical(running.name, running.parameters)
    changes = _differing(running, wanted).items()
    return ", ".join(f"{name} from {present[name]} to {value}" for name, value in changes)


def _on_the_wire(spelled: Parameters) -> dict[str, float | bool]:
    return {
        name: _value(value) if isinstance(value, str) else value for name, value in spelled.items()
    }


def _had_before(target: str) -> Parameters | None:
    """Return what this very run, taken up again, has found before it changed anything."""
    run = current_run()
    key = run.key("ensure_strategy_parameters", target)
    lines = (line for line in run.ledger.of_run(run.run_id) if line.key == key)
    intent = next((line for line in lines if line.kind == Kind.INTENT), None)
    return None if intent is None else cast("Parameters", intent.facts["before"])


def _digest(wanted: Parameters) -> str:
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:12]


def _drop_percent(began_usd: Decimal, worth_usd: Decimal) -> Decimal:
    return (began_usd - worth_usd) / began_usd * 100
