"""The machine: processor, memory, disk, and the volumes that matter one by one."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import psutil

from tasks.health.readings import as_result, measured
from tasks.kernel import CheckResult, Verdict, check, current_run
from trading_core.clock import pause, seconds, stopwatch_seconds
from trading_core.errors import ConfigurationError
from trading_core.settings import Settings
from trading_core.status.indicators import Limits
from trading_core.status.probes.host import volume_used, volumes

_LARGEST = 5
_BETWEEN_LOOKS = seconds(10)
# As a person calls them, and as the table of indicators does.
_PARTS = {
    "cpu": "cpu_used_percent",
    "memory": "memory_used_percent",
    "disk": "disk_used_percent",
}


@check(within=seconds(5))
def check_host(settings: Settings) -> CheckResult:
    """Hold processor, memory and disk against their limits (HLT-11, HLT-27)."""
    result = as_result(measured(settings, *_PARTS.values()))
    return replace(result, evidence={**result.evidence, "largest": _largest()})


@check
def check_host_for(settings: Settings, minutes: float, limits: str) -> CheckResult:
    """Watch the machine for a while: none of its parts may pass its limit (HLT-11).

    Ends at the first look that finds one over. A rehearsal looks once.

    Args:
        minutes: How long to watch; 0: one look.
        limits: In percent, "cpu=85 memory=90 disk=95"; what is not named is not watched.

    Raises:
        ConfigurationError: A limit is of no part of the machine, or no share.
    """
    parts = host_limits(limits)
    ours = settings.model_copy(update={"indicators": {**settings.indicators, **parts}})
    within = timedelta(minutes=0 if current_run().dry_run else minutes)
    began_seconds, looks = stopwatch_seconds(), 0
    while True:
        result, looks = as_result(measured(ours, *parts)), looks + 1
        gone = timedelta(seconds=stopwatch_seconds() - began_seconds)
        if result.verdict is not Verdict.PASS or gone >= within:
            break
        pause(min(_BETWEEN_LOOKS, within - gone))
    found = f"{result.found}, in look {looks} after {gone.total_seconds():.0f} s"
    return replace(result, found=found, evidence={**result.evidence, "largest": _largest()})


def host_limits(words: str) -> Mapping[str, Limits]:
    """Return limits as typed by a person, "cpu=85 memory=90", by indicator.

    Raises:
        ConfigurationError: A limit is of no part of the machine, or no share.
    """
    found: dict[str, Limits] = {}
    for word in words.split():
        part, _, share = word.partition("=")
        try:
            percent = float(share)
        except ValueError:
            percent = 0.0
        if part not in _PARTS or not 0 < percent <= 100:
            raise ConfigurationError(
                f"limits: expected {'=, '.join(_PARTS)}= with a percentage each, was {word!r}",
                next_step='write them like "cpu=85 memory=90 disk=95"',
            )
        found[_PARTS[part]] = Limits(critical=percent)
    if not found:
        raise ConfigurationError("limits: expected one or more, was none", next_step="name one")
    return found


@check(within=seconds(5))
def check_volumes(settings: Settings) -> CheckResult:
    """Measure how full each volume is that the stack writes to, and what is left of it (HLT-30)."""
    warn_percent = settings.disk_used_percent_max
    used = {path: max(volume_used(path).values()) for path in volumes(settings.root).values()}
    if not used:
        return CheckResult(Verdict.UNKNOWN, f"{settings.root} is not there", "a volume to measure")
    fullest = max(used, key=lambda path: used[path])
    free_gb = psutil.disk_usage(str(fullest)).free / 1e9
    return CheckResult(
        Verdict.WARN if used[fullest] >= warn_percent else Verdict.PASS,
        f"{len(used)} volumes, the fullest {fullest} with {used[fullest]:.1f} %, {free_gb:.1f} GB"
        " left",
        f"every volume below {warn_percent:g} %",
        {str(path): percent for path, percent in used.items()},
        used[fullest],
        warn_percent,
        " %",
    )


def _largest() -> list[str]:
    """Return who takes most memory, for whoever has to act on it."""
    sizes = []
    for process in psutil.process_iter(["name", "memory_info"]):
        info = process.info.get("memory_info")
        if info is not None:
            sizes.append((info.rss, f"{process.info['name']} ({process.pid})"))
    return [f"{who}: {size / 1e6:.0f} MB" for size, who in sorted(sizes, reverse=True)[:_LARGEST]]
