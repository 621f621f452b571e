"""What every test can rely on: fixtures by subject in fix_*.py, and loud skips with a count.

A test that needs a program of the system says so with `@pytest.mark.needs("chromium")`. When the
program is missing, the test is skipped, and the end of the run names it and how to get it.
"""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from infra.lab import needs as lab_needs
from tests.ground import within_reach

pytest_plugins = [
    "tests.fix_postgres",
    "tests.fix_stack",
    "tests.fix_core",
    "tests.fix_cloud",
    "tests.fix_lab",
]

# What the package manager calls the program, where the names differ.
_PACKAGES = {
    "sshd": "openssh-server",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "promtool": "prometheus",
}
# The real market data stands beside the project when it stands anywhere.
BARS = Path(__file__).resolve().parents[2] / "shared" / "data" / "bars"

_missing: Counter[str] = Counter()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(program): skipped, and counted, without the program")
    config.addinivalue_line("markers", "lab: skipped, and counted, where no lab host can run")
    config.addinivalue_line("markers", "real_bars: skipped, and counted, without the bar files")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        program = str(marker.args[0])
        if shutil.which(program) is None:
            package = _PACKAGES.get(program, program)
            _missing[f"{program} (install the package {package})"] += 1
            pytest.skip(f"needs {program}: install the package {package}")
    if any(item.iter_markers("lab")) and (lacking := lab_needs.missing()):
        _missing[f"a lab host ({'; '.join(lacking)})"] += 1
        pytest.skip(f"needs a lab host: {'; '.join(lacking)}")
    if any(item.iter_markers("real_bars")) and not BARS.is_dir():
        _missing["real bar files (../shared/data/bars)"] += 1
        pytest.skip(f"needs real bar files in {BARS}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _missing:
        return
    total = sum(_missing.values())
    terminalreporter.section(f"{total} tests did not run: something is not installed", red=True)
    for what, count in sorted(_missing.items()):
        terminalreporter.write_line(f"{count:4d} need {what}")


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """pytest's directory of one test; PostgreSQL's account gets through it to its data."""
    return within_reach(tmp_path)


@pytest.fixture(scope="session")
def bars_dir() -> Path:
    """The directory of real minute bars; mark the test `real_bars` to be skipped without it."""
    return BARS
