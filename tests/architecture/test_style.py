"""The rules of CONTRIBUTING about shape, each with a sample that breaks it.

What ruff and mypy can see is left to them, except where a `noqa` must not be enough.
"""

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from tests.architecture import sources
from tests.architecture.sources import ROOT, Source, parsed

BODY_LINES_MAX = 40
PARAMETERS_MAX = 6
FILE_LINES_MAX = 400
# Names that say where code was put and not what it does.
EMPTY_NAMES = {"util", "utils", "common", "helper", "helpers", "misc", "shared", "base", "lib"}

Rule = Callable[[Source], Iterator[str]]


def bodies_fit_on_a_screen(source: Source) -> Iterator[str]:
    """A body is what follows the docstring, comments and blank lines included."""
    for function in sources.functions(source):
        body = function.body[1:] if ast.get_docstring(function) else function.body
        if body and function.end_lineno is not None:
            lines = function.end_lineno - body[0].lineno + 1
            if lines > BODY_LINES_MAX:
                yield source.at(function, f"{function.name} has {lines} body lines")


def parameters_are_few(source: Source) -> Iterator[str]:
    for function in sources.functions(source):
        given = function.args
        names = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
        count = len([name for name in names if name not in ("self", "cls")])
        if count > PARAMETERS_MAX:
            yield source.at(function, f"{function.name} has {count} parameters")


def files_are_short(source: Source) -> Iterator[str]:
    lines = source.text.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{source.name}: {lines} lines"


def names_say_what_is_inside(source: Source) -> Iterator[str]:
    empty = EMPTY_NAMES & set(re.split(r"[/.]", source.name))
    if empty:
        yield f"{source.name}: called {' and '.join(sorted(empty))}"


def time_is_read_in_one_place(source: Source) -> Iterator[str]:
    if source.name == "trading_core/clock.py":
        return
    for node, module, _ in sources.imports(source):
        if module == "time":
            yield source.at(node, "imports the module time")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in ("now", "utcnow", "today"):
            owner = ast.unparse(node.value)
            if owner.split(".")[-1] in ("datetime", "date"):
                yield source.at(node, f"reads {owner}.{node.attr}")


def modules_say_their_one_idea(source: Source) -> Iterator[str]:
    is_empty_package = source.name.endswith("/__init__.py") and not source.text.strip()
    if not ast.get_docstring(source.tree) and not is_empty_package:
        yield f"{source.name}: no docstring"


def public_names_are_documented(source: Source) -> Iterator[str]:
    if source.name.split("/")[-1].startswith("_") and not source.name.endswith("__.py"):
        return
    for node in source.tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if not node.name.startswith("_") and not ast.get_docstring(node):
            yield source.at(node, f"{node.name} has no docstring")


# Each rule with the smallest file that breaks it.
SHIPPED: dict[Rule, Source] = {
    bodies_fit_on_a_screen: parsed("a.py", "def f():\n" + "    pass\n" * 41),
    parameters_are_few: parsed("a.py", "def f(self, a, b, c, d, e, f, *, g): ...\n"),
    files_are_short: parsed("a.py", "\n" * 401),
    names_say_what_is_inside: parsed("tasks/utils/a.py", ""),
    time_is_read_in_one_place: parsed("a.py", "import time\n"),
    modules_say_their_one_idea: parsed("a.py", "x = 1\n"),
    public_names_are_documented: parsed("a.py", "def f(): ...\n"),
}
TESTS = (bodies_fit_on_a_screen, files_are_short, names_say_what_is_inside)


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.__name__)
def test_what_is_shipped_keeps_the_rule(rule: Rule) -> None:
    faults = _faults(rule, sources.product())

    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("rule", TESTS, ids=lambda rule: rule.__name__)
def test_the_tests_keep_the_rule(rule: Rule) -> None:
    faults = _faults(rule, sources.tests())

    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.__name__)
def test_a_file_that_breaks_the_rule_is_found(rule: Rule) -> None:
    assert list(rule(SHIPPED[rule]))


@pytest.mark.parametrize(
    "text",
    [
        "from time import sleep\n",
        "import datetime\nx = datetime.datetime.now()\n",
        "from datetime import date\nx = date.today()\n",
    ],
)
def test_every_way_of_reading_the_time_is_found(text: str) -> None:
    assert list(time_is_read_in_one_place(parsed("a.py", text)))


def test_a_time_of_day_is_not_the_module_time() -> None:
    text = "from datetime import time\nx = time(9, 30)\ny = clock.now()\n"

    assert not list(time_is_read_in_one_place(parsed("a.py", text)))


@pytest.mark.parametrize("ending", ["rs", "sql", "j2", "sh"])
def test_other_sources_are_short_too(ending: str) -> None:
    written = [
        path
        for folder in (*sources.PRODUCT, "rust_ext/src", "rust_ext/tests", "rust_ext/benches")
        for path in (ROOT / folder).rglob(f"*.{ending}")
    ]
    long = [path for path in written if path.read_text().count("\n") > FILE_LINES_MAX]

    assert not long, "\n".join(path.relative_to(ROOT).as_posix() for path in long)


def _faults(rule: Rule, files: tuple[Source, ...]) -> list[str]:
    return [fault for source in files for fault in rule(source)]
