"""The wheel: built as the project says, it installs and works where nothing else of ours is."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TRY = """
from trading_core._engine import Engine
engine = Engine(books=1, accounts=2, orders=8)
engine.submit(1, 0, 0, 1, 51, 10)
assert engine.submit(2, 1, 0, 0, 52, 4) == 2
assert engine.position(1, 0) == (4, 204, 0)
print(Engine.__module__, "works")
"""


def run(*command: object, directory: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel; what `make` compiled before is used again."""
    out = tmp_path_factory.mktemp("wheel")
    maturin = Path(sys.executable).with_name("maturin")
    options = ("--release", "--locked", "--quiet", "--interpreter", sys.executable)
    run(maturin, "build", *options, "--out", out, directory=ROOT)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel: Path) -> Path:
    """A new environment with the wheel and nothing else in it; its directory."""
    directory = wheel.with_name("environment")
    venv.create(directory, with_pip=False)
    uv = Path(sys.executable).with_name("uv")
    python = directory / "bin" / "python"
    run(
        uv, "pip", "install", "--quiet", "--no-deps", "--offline", "--python", python, wheel,
        directory=directory,
    )  # fmt: skip
    return directory


def test_one_wheel_is_for_every_python_from_3_11_on(wheel: Path) -> None:
    assert wheel.name.startswith("tradeops-0.1.0-cp311-abi3-")


def test_a_new_environment_trades_with_the_wheel_alone(elsewhere: Path) -> None:
    python = elsewhere / "bin" / "python"
    said = run(python, "-I", "-c", TRY, directory=elsewhere)
    assert said == "trading_core._engine works\n"


def test_a_second_interpreter_is_refused_with_a_reason(elsewhere: Path) -> None:
    python = elsewhere / "bin" / "python"
    script = """
import _xxsubinterpreters as interpreters
import trading_core._engine
try:
    interpreters.run_string(interpreters.create(), "import trading_core._engine")
except interpreters.RunFailedError as error:
    print(error)
"""
    if sys.version_info >= (3, 12):
        pytest.skip("written for the interpreters of 3.11")
    said = run(python, "-I", "-c", script, directory=elsewhere)
    assert "expected one interpreter, was imported by a second" in said
