"""Runbooks read like runbooks, and a task's name tells whether it changes the world.

Each rule has a sample that breaks it. What a header must say is `deployments.runbooks`'s to refuse.
"""

import ast
from collections.abc import Callable, Iterator

import pytest

from deployments.catalogue import catalogue
from deployments.runbooks import discover
from tests.architecture import sources
from tests.architecture.sources import Source, parsed

FLOW_LINES_MAX = 25
# Which decorator makes a task whose name begins so.
MADE_BY = {"check_": "check", "ensure_": "action", "notify_": "task", "request_": "task"}
# Where a flow may take names from: its desk, tasks, and the core's plain words. Of another runbook
# it may take the flow itself: test_layers.py holds it to that.
FRONT_DOOR = ("prefect", "flows", "tasks", "trading_core.services", "trading_core.domain")
# What changes something wherever it is called: on a broker, the core, a file, a table.
TOUCHES = {
    *("begin", "cancel", "cancel_all", "close_day", "delete", "enable", "end", "freeze_day"),
    *("halt_core", "mark_day", "mkdir", "pause_session", "post", "put", "rename"),
    *("reset_breaker", "save", "set_report", "set_verified", "submit", "unlink"),
    *("write_bytes", "write_json", "write_text"),
}

Rule = Callable[[Source], Iterator[str]]


def flow_bodies_fit_on_half_a_screen(source: Source) -> Iterator[str]:
    """Blank lines and comments are left out: they are there to be read easily."""
    for function in decorated(source, "flow"):
        first = function.body[1] if ast.get_docstring(function) else function.body[0]
        text = source.text.splitlines()[first.lineno - 1 : function.end_lineno]
        lines = [line for line in text if line.strip() and not line.strip().startswith("#")]
        if len(lines) > FLOW_LINES_MAX:
            yield source.at(function, f"{function.name} has {len(lines)} lines")


def flows_look_or_act_in_paragraphs(source: Source) -> Iterator[str]:
    for function in decorated(source, "flow"):
        text = source.text.splitlines()[function.lineno - 1 : function.end_lineno]
        if not {"# Look.", "# Act."} <= {line.strip() for line in text}:
            yield source.at(function, f"{function.name} lacks a paragraph # Look. or # Act.")


def flows_have_no_clients_of_their_own(source: Source) -> Iterator[str]:
    if not list(decorated(source, "flow")):
        return
    for node, module, _ in sources.imports(source):
        of_python = module.split(".")[0] in ("datetime", "typing")
        if not of_python and not module.startswith(FRONT_DOOR):
            yield source.at(node, f"imports {module}")


def flows_call_tasks_only(source: Source) -> Iterator[str]:
    if not list(decorated(source, "flow")):
        return
    for node, module, name in sources.imports(source):
        is_step = module.startswith("tasks.") and module != "tasks.kernel"
        if is_step and not name.startswith(tuple(MADE_BY)):
            yield source.at(node, f"imports {name}, which is no task")


def flows_can_be_rehearsed(source: Source) -> Iterator[str]:
    for function in decorated(source, "flow"):
        names = [one.arg for one in (*function.args.args, *function.args.kwonlyargs)]
        if not {"dry_run", "requested_by"} <= set(names):
            yield source.at(function, f"{function.name} lacks dry_run or requested_by")


def tasks_are_named_for_what_they_do(source: Source) -> Iterator[str]:
    if not source.name.startswith("tasks/") or source.name.startswith("tasks/kernel/"):
        return
    for function in source.tree.body:
        if not isinstance(function, ast.FunctionDef):
            continue
        found = {name for name in MADE_BY.values() if is_made_by(function, name)}
        wanted = {made for verb, made in MADE_BY.items() if function.name.startswith(verb)}
        if found != wanted:
            words = f"is made by {found or 'nothing'}, its name wants {wanted or 'nothing'}"
            yield source.at(function, f"{function.name} {words}")


def checks_and_notices_touch_nothing(source: Source) -> Iterator[str]:
    for function in (*decorated(source, "check"), *decorated(source, "task")):
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                called = node.func
                name = called.attr if isinstance(called, ast.Attribute) else ast.unparse(called)
                if name in TOUCHES:
                    yield source.at(node, f"{function.name} calls {name}")


def actions_name_one_target(source: Source) -> Iterator[str]:
    """`Unchanged` must name the target that `Change` names: it closes that target's record."""
    for function in decorated(source, "action"):
        calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
        changes = [node for node in calls if ast.unparse(node.func) == "Change"]
        same = [node for node in calls if ast.unparse(node.func) == "Unchanged"]
        targeted = {bool(target(node)) for node in changes}
        if {bool(target(node)) for node in same} - targeted:
            yield source.at(function, f"{function.name}: Change and Unchanged differ in target")


def target(call: ast.Call) -> ast.expr | None:
    """Return what is given for `target`, which is the third argument of `Unchanged`."""
    for keyword in call.keywords:
        if keyword.arg == "target":
            return keyword.value
    is_unchanged = ast.unparse(call.func) == "Unchanged"
    return call.args[2] if is_unchanged and len(call.args) > 2 else None


def decorated(source: Source, name: str) -> Iterator[ast.FunctionDef]:
    """Yield the functions that a decorator of this name makes."""
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef) and is_made_by(node, name):
            yield node


def is_made_by(function: ast.FunctionDef, name: str) -> bool:
    """Whether one of the function's decorators is `name`, called or not."""
    return any(
        ast.unparse(one.func if isinstance(one, ast.Call) else one) == name
        for one in function.decorator_list
    )


FLOW = "@flow(name='a')\ndef a(dry_run=False, requested_by=''):\n    # Look.\n    # Act.\n"
RULES: dict[Rule, Source] = {
    flow_bodies_fit_on_half_a_screen: parsed("flows/a.py", FLOW + "    pass\n" * 26),
    flows_look_or_act_in_paragraphs: parsed("flows/a.py", "@flow(name='a')\ndef a(): ...\n"),
    flows_have_no_clients_of_their_own: parsed("flows/a.py", f"import httpx\n{FLOW}    pass\n"),
    flows_call_tasks_only: parsed(
        "flows/a.py", f"from tasks.trading.broker import cancel\n{FLOW}    pass\n"
    ),
    flows_can_be_rehearsed: parsed("flows/a.py", "@flow(name='a')\ndef a(reason): ...\n"),
    tasks_are_named_for_what_they_do: parsed("tasks/a.py", "@action\ndef check_it(): ...\n"),
    checks_and_notices_touch_nothing: parsed(
        "tasks/a.py", "@check\ndef check_it(broker):\n    broker.cancel_all()\n"
    ),
    actions_name_one_target: parsed(
        "tasks/a.py",
        "@action\ndef ensure_it():\n    Unchanged('so')\n    Change('do', target='x')\n",
    ),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_runbook_and_task_keeps_the_rule(rule: Rule) -> None:
    faults = [fault for source in sources.product() for fault in rule(source)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_file_that_breaks_the_rule_is_found(rule: Rule) -> None:
    assert list(rule(RULES[rule]))


@pytest.mark.parametrize(
    "text",
    [
        "def ensure_it(): ...\n",
        "@check\ndef ensure_it(): ...\n",
        "@action\ndef do_it(): ...\n",
        "@task(retries=1)\ndef check_it(): ...\n",
    ],
)
def test_every_way_of_misnaming_a_task_is_found(text: str) -> None:
    assert list(tasks_are_named_for_what_they_do(parsed("tasks/a.py", text)))


def test_every_file_of_the_flows_is_a_runbook_or_the_desk() -> None:
    files = {source.name for source in sources.product() if source.name.startswith("flows/")}
    runbooks = {runbook.path.as_posix() for runbook in discover()}
    others = {name for name in files - runbooks if not name.endswith("__init__.py")}
    assert others == {"flows/desk.py"}


def test_what_a_runbook_covers_is_in_the_catalogue() -> None:
    known = {entry.id for entry in catalogue().entries}
    unknown = {
        f"{runbook.name}: {one}"
        for runbook in discover()
        for one in (*runbook.covers, *runbook.partly)
        if one not in known
    }
    assert not unknown
