"""A day is one command, given as often as it takes: bad input starts nothing, nothing is lost."""

import re
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from deployments.day import DEFAULT_DATE, make_request
from deployments.session import Gateway
from tests.deployments.fix_desk import clear_desk
from tests.faults.session import recorded, session_on
from tests.fix_stack import PROJECT, Stack, settings_for
from trading_core.clock import poll, seconds
from trading_core.errors import ConfigurationError

# A half day: every part of the machinery in half the minutes.
_DATE = date(2012, 11, 23)
_DAY = ("day", "--date", str(_DATE), "--seed", "5", "--symbols", "ACME,BOLT")
# Ctrl-C is heeded even where the tests run in the background, which ignore it and pass that on.
_HEED_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
_PROGRAM = (sys.executable, "-c", f"{_HEED_CTRL_C}; from deployments.cli.main import main; main()")
_WITHIN = seconds(120)


def test_the_default_is_a_synthetic_market_on_a_trading_day() -> None:
    request = make_request(None, None, None, 1)
    assert (request.source, request.trading_date) == ("synthetic", DEFAULT_DATE)


@pytest.mark.parametrize(
    ("directory", "day", "symbols", "words"),
    [
        (None, date(2013, 10, 6), None, "weekend"),
        (None, None, ("NOPE",), "'NOPE'"),
        (Path("/nowhere"), date(2013, 10, 7), None, "/nowhere"),
        (Path("/nowhere"), None, None, "--date"),
    ],
)
def test_input_that_cannot_be_traded_is_refused(
    directory: Path | None, day: date | None, symbols: tuple[str, ...] | None, words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        make_request(directory, day, symbols, 1)


def test_bad_input_starts_nothing_and_exits_with_2(tmp_path: Path) -> None:
    stack = Stack(settings_for(tmp_path / "state", 0))
    answer = stack.tradeops("day", "--date", "2013-10-06")
    assert answer.returncode == 2, answer.stderr
    assert "weekend" in answer.stderr
    assert not (tmp_path / "state").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_day_left_in_the_middle_is_carried_on_and_comes_out_as_one_that_was_not(
    stack: Stack,
) -> None:
    account, _ = _left_twice_and_carried_on(stack)
    with session_on(stack) as session:
        undisturbed = session.open(_DATE, seed=5, symbols=["ACME", "BOLT"])
        session.play({})
    clear_desk(stack)

    assert undisturbed != account
    assert recorded(stack, account), "a day without a fill proves nothing"
    assert recorded(stack, account) == recorded(stack, undisturbed)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.soak
def test_the_command_carried_on_and_given_at_once_print_the_same_day(stack: Stack) -> None:
    account, digest = _left_twice_and_carried_on(stack)
    at_once = stack.tradeops(*_DAY)
    assert at_once.returncode == 0, at_once.stdout + at_once.stderr
    assert _account(at_once.stdout) != account
    assert _digest(at_once.stdout) == digest


def _left_twice_and_carried_on(stack: Stack) -> tuple[str, str]:
    """Leave the day by Ctrl-C and by SIGKILL, then let it end; return account and digest."""
    clear_desk(stack)
    assert _leave_at_minute(20, stack, signal.SIGINT) == 130
    with Gateway(stack.settings) as gateway:
        assert gateway.session().state == "paused"

    other = stack.tradeops("day", "--date", "2012-11-26")
    assert other.returncode == 1
    assert "tradeops day --date 2012-11-23 --seed 5" in other.stderr

    assert _leave_at_minute(60, stack, signal.SIGKILL) == -signal.SIGKILL
    carried_on = stack.tradeops(*_DAY)
    assert carried_on.returncode == 0, carried_on.stdout + carried_on.stderr
    # Market time went on without the command: it may have reached the close.
    assert re.search("under way: (carry on with the session|close the day)", carried_on.stdout)
    return _account(carried_on.stdout), _digest(carried_on.stdout)


def _leave_at_minute(minute: int, stack: Stack, how: signal.Signals) -> int:
    """Start the day, end its command after `minute` minutes of market; return its exit code."""
    command = subprocess.Popen(
        [*_PROGRAM, *_DAY],
        cwd=PROJECT,
        env=stack.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with command, Gateway(stack.settings) as gateway:
        reached = poll(
            lambda: command.poll() is not None or _is_at(gateway, minute), within=_WITHIN
        )
        if not reached or command.poll() is not None:
            command.kill()
            raise AssertionError(command.communicate()[0])
        command.send_signal(how)
        command.communicate(timeout=60)
    return command.returncode


def _is_at(gateway: Gateway, minute: int) -> bool:
    session = gateway.session()
    return session.trading_date == _DATE and session.minutes_done >= minute


def _account(output: str) -> str:
    return str(re.findall(r"account (PA\d+)", output)[-1])


def _digest(output: str) -> str:
    return str(re.findall(r"\b[0-9a-f]{64}\b", output)[-1])
