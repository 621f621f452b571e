"""README and CONTRIBUTING name only what exists: files, verbs of make, commands of tradeops."""

import re

import pytest
import typer

from deployments.cli.main import build
from tests.architecture.sources import ROOT

PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
# What looks like a path and is made only when the stack runs, or stands for many.
NOT_FILES = re.compile(r"^(/|var/$|source |tradeops |make )|[<*]|000N")


def _text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def _quoted(page: str) -> list[str]:
    # A block of commands is not a list of files.
    prose = re.sub(r"```.*?```", "", _text(page), flags=re.DOTALL)
    return re.findall(r"`([^`]+)`", prose)


@pytest.mark.parametrize("page", PAGES)
def test_every_path_in_quotes_exists(page: str) -> None:
    paths = [word for word in _quoted(page) if "/" in word and not NOT_FILES.search(word)]

    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_and_picture_exists(page: str) -> None:
    text = _text(page)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    anchors = {f"#{heading.lower().replace(' ', '-')}" for heading in headings}
    targets = re.findall(r"\]\(([^)]+)\)", text)

    assert [t for t in targets if t not in anchors and not (ROOT / t).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_verb_of_make_exists(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = set(re.findall(r"(?:`|^)make ([a-z]+)", _text(page), flags=re.MULTILINE))

    assert [verb for verb in verbs if not re.search(rf"^{verb}:", makefile, re.MULTILINE)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_tradeops_exists(page: str) -> None:
    command = typer.main.get_command(build())
    known = set(getattr(command, "commands", {}))

    assert set(re.findall(r"(?:`|^)tradeops ([a-z]+)", _text(page), re.MULTILINE)) <= known
