"""The machine: processor, memory, disk, and the volumes that matter one by one."""

import psutil

from tasks.health.readings import as_result, measured
from tasks.kernel import CheckResult, Verdict, check
from trading_core.clock import seconds
from trading_core.settings import Settings
from trading_core.status.probes.host import volume_used, volumes

_LARGEST = 5


@check(within=seconds(5))
def check_host(settings: Settings) -> CheckResult:
    """Hold processor, memory and disk against their limits (HLT-11, HLT-27)."""
    names = ("cpu_used_percent", "memory_used_percent", "disk_used_percent")
    result = as_result(measured(settings, *names))
    evidence = {**result.evidence, "largest": _largest()}
    return CheckResult(
        result.verdict,
        result.found,
        result.expected,
        evidence,
        result.value,
        result.limit,
        result.unit,
    )


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
