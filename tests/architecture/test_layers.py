"""Who may import whom, where import-linter cannot tell; the layers themselves are its contracts."""

import ast
from collections.abc import Callable, Iterator

import pytest

from tests.architecture import sources
from tests.architecture.sources import Source, parsed

ENGINE = "trading_core._engine"
ENGINE_USERS = (
    "trading_core.engine",
    "trading_core.paper",
    "trading_core.risk",
    "trading_core.ledger",
)
# What every runbook may use; anything else in flows/ is a runbook and keeps its inside to itself.
OPEN_TO_RUNBOOKS = ("flows.desk",)

Rule = Callable[[Source], Iterator[str]]


def the_engine_has_three_users(source: Source) -> Iterator[str]:
    """The extension is a binary: import-linter cannot see it, and ruff's ban can be waved away."""
    if source.package.startswith(ENGINE_USERS):
        return
    for node, module, name in sources.imports(source):
        if ENGINE in (module, f"{module}.{name}"):
            yield source.at(node, "imports the engine")


def a_runbook_uses_another_only_whole(source: Source) -> Iterator[str]:
    """Of another runbook only the flow itself may be imported: the name the file has."""
    if not source.package.startswith("flows."):
        return
    for node, module, name in sources.imports(source):
        is_runbook = module.startswith("flows.") and module not in OPEN_TO_RUNBOOKS
        if is_runbook and name != module.rpartition(".")[2]:
            yield source.at(node, f"imports {name or 'all'} of {module}")


def settings_come_from_one_place(source: Source) -> Iterator[str]:
    """The core and the runbooks are given settings; they look up no variable themselves.

    Handing the whole environment on to a child process is not looking into it.
    """
    is_bound = source.package.startswith(("trading_core.", "tasks.", "flows."))
    if not is_bound or source.package == "trading_core.settings":
        return
    for node in ast.walk(source.tree):
        is_lookup = isinstance(node, ast.Subscript | ast.Attribute)
        if is_lookup and ast.unparse(node).startswith(("os.environ[", "os.environ.", "os.getenv")):
            yield source.at(node, f"reads {ast.unparse(node)}")


# Each rule with the smallest file that breaks it.
RULES: dict[Rule, Source] = {
    the_engine_has_three_users: parsed("tasks/a.py", "from trading_core import _engine\n"),
    a_runbook_uses_another_only_whole: parsed(
        "flows/daily/a.py", "from flows.services.stop_system import check_positions\n"
    ),
    settings_come_from_one_place: parsed("tasks/a.py", "x = os.environ['HOME']\n"),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps_the_rule(rule: Rule) -> None:
    faults = [fault for source in sources.product() for fault in rule(source)]

    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_file_that_breaks_the_rule_is_found(rule: Rule) -> None:
    assert list(rule(RULES[rule]))


def test_a_runbook_may_call_the_flow_of_another() -> None:
    text = "from flows.desk import open_run\nfrom flows.daily.end_of_day import end_of_day\n"

    assert not list(a_runbook_uses_another_only_whole(parsed("flows/daily/a.py", text)))


@pytest.mark.parametrize("text", ["os.environ.get('A')", "os.environ['A']", "os.getenv('A')"])
def test_every_way_of_reading_a_variable_is_found(text: str) -> None:
    assert list(settings_come_from_one_place(parsed("trading_core/a.py", text)))


def test_handing_the_environment_on_is_not_reading_it() -> None:
    text = "run(env={**os.environ, 'PGPASSWORD': password})"

    assert not list(settings_come_from_one_place(parsed("tasks/a.py", text)))
