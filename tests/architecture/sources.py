"""The project's source files, read and parsed once for all rules."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("trading_core", "tasks", "flows", "infra", "deployments")


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file. `name` is its path inside the project."""

    name: str
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """The dotted name of the package or module."""
        return self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def at(self, node: ast.AST, fault: str) -> str:
        """Return a fault the way compilers print it, so that editors can jump to it."""
        return f"{self.name}:{getattr(node, 'lineno', 1)}: {fault}"


def parsed(name: str, text: str) -> Source:
    """Return a file as the rules see it."""
    return Source(name, text, ast.parse(text, filename=name))


@cache
def product() -> tuple[Source, ...]:
    """Return every Python file that is shipped."""
    return tuple(_read(PRODUCT))


@cache
def tests() -> tuple[Source, ...]:
    """Return every Python file of the tests."""
    return tuple(_read(("tests",)))


def functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method, nested ones too."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imports(source: Source) -> Iterator[tuple[ast.AST, str, str]]:
    """Yield each import as where, module and name; the name is empty when it is the module."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node, node.module, alias.name) for alias in node.names)


def _read(folders: tuple[str, ...]) -> Iterator[Source]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            yield parsed(name, path.read_text(encoding="utf-8"))
