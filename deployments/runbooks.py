"""Every runbook, read from the header of its file, without running or importing it.

A runbook is a file under flows/ with one flow in it. Its header is the module's docstring: a title
that promises something, then what an operator asks first: When, Changes, If red, Covers; and
Partly, where a procedure's steps are not all there yet. Reading the source alone keeps seconds of
imports out of listing them.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import flows
from trading_core.errors import ConfigurationError

FLOWS = Path(flows.__file__).parent
_LABELS = ("When", "Changes", "If red", "Covers")
_PARTLY = "Partly"


@dataclass(frozen=True, slots=True)
class Runbook:
    """One runbook, as its header describes it.

    Attributes:
        name: Of file, flow, deployment and page alike: `end-of-day`.
        title: The promise, one line.
        when: When it is run.
        changes: What it changes.
        if_red: What the operator does when it fails.
        covers: Ids of the catalogue it does everything of.
        partly: Ids of the catalogue it does only some steps of.
        path: The file, relative to the project.
        function: The flow's function in it.
    """

    name: str
    title: str
    when: str
    changes: str
    if_red: str
    covers: tuple[str, ...]
    path: Path
    function: str
    partly: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The folder it lives in: daily, services, emergency."""
        return self.path.parent.name

    @property
    def entrypoint(self) -> str:
        """Where a worker finds the flow: `flows.daily.end_of_day.end_of_day`."""
        return ".".join((*self.path.with_suffix("").parts, self.function))

    @property
    def description(self) -> str:
        """The header as Markdown, for people who see the runbook elsewhere than here."""
        facts = {
            "When": self.when,
            "Changes": self.changes,
            "If red": self.if_red,
            "Covers": ", ".join(self.covers),
        }
        if self.partly:
            facts[_PARTLY] = ", ".join(self.partly)
        lines = [f"**{label}:** {words}" for label, words in facts.items()]
        return "\n\n".join([f"### {self.title}", *lines, f"`{self.path}`"])


def discover(folder: Path = FLOWS) -> tuple[Runbook, ...]:
    """Return every runbook under `folder`, by group and name.

    Raises:
        ConfigurationError: A header lacks a line, a file has two flows, or names do not agree.
    """
    read = (_read(file, folder) for file in sorted(folder.rglob("*.py")))
    return tuple(runbook for runbook in read if runbook is not None)


def find(name: str, folder: Path = FLOWS) -> Runbook:
    """Return the runbook called `name`; underscores are taken as hyphens.

    Raises:
        ConfigurationError: There is no such runbook.
    """
    runbooks = discover(folder)
    for runbook in runbooks:
        if runbook.name == name.replace("_", "-"):
            return runbook
    raise ConfigurationError(
        f"runbook: expected one of {', '.join(r.name for r in runbooks)}, was {name!r}",
        next_step="see `tradeops runbooks`",
    )


def _read(file: Path, folder: Path) -> Runbook | None:
    path = file.relative_to(folder.parent)
    module = ast.parse(file.read_text(), filename=str(path))
    found = list(_flows(module))
    if not found:
        return None
    if len(found) > 1:
        _wrong(path, "one flow", ", ".join(node.name for node, _ in found))
    node, name = found[0]
    if not file.stem == node.name == name.replace("-", "_"):
        _wrong(
            path,
            f"a flow {file.stem} named {file.stem.replace('_', '-')}",
            f"{node.name} named {name}",
        )
    title, facts = _header(path, ast.get_docstring(module) or "")
    return Runbook(
        name=name,
        title=title,
        when=facts["When"],
        changes=facts["Changes"],
        if_red=facts["If red"],
        covers=_ids(facts["Covers"]),
        partly=_ids(facts.get(_PARTLY, "")),
        path=path,
        function=node.name,
    )


def _flows(module: ast.Module) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, str]]:
    """Yield the module's flow functions, each with the name its decorator gives it."""
    for node in module.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if ast.unparse(called) in ("flow", "prefect.flow"):
                yield node, _given_name(decorator) or node.name.replace("_", "-")


def _given_name(decorator: ast.expr) -> str | None:
    if isinstance(decorator, ast.Call):
        for keyword in decorator.keywords:
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
    return None


def _header(path: Path, docstring: str) -> tuple[str, dict[str, str]]:
    """Return the title and the labelled facts; a fact may go on over several lines."""
    title, _, rest = docstring.partition("\n\n")
    facts: dict[str, str] = {}
    label = ""
    for line in rest.splitlines():
        before, _, after = line.partition(":")
        if before in (*_LABELS, _PARTLY):
            label, facts[before] = before, after.strip()
        elif not line.strip():
            label = ""
        elif label:
            facts[label] += f" {line.strip()}"
    missing = [label for label in _LABELS if not facts.get(label)]
    if missing or not title:
        _wrong(
            path, f"a header with title, {', '.join(_LABELS)}", f"one without {missing or 'title'}"
        )
    return " ".join(title.split()).rstrip("."), facts


def _ids(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.rstrip(".").split(",") if word.strip())


def _wrong(path: Path, expected: str, found: str) -> None:
    raise ConfigurationError(
        f"{path}: expected {expected}, was {found}",
        next_step="correct the file; CONTRIBUTING.md shows a runbook",
    )
