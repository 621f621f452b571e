"""A question with a stated time: what is not answered within it is unknown; nobody waits for it.

A thread cannot be ended from outside, so one that overruns goes on without us, as a daemon: it
holds up neither the answer nor the end of the process.
"""

from collections.abc import Callable, Mapping
from contextvars import copy_context
from datetime import timedelta
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

from trading_core.clock import stopwatch_seconds
from trading_core.errors import Unreachable

T = TypeVar("T")


class OutOfTime(Unreachable):
    """The time given to a question was up before there was an answer."""


def answered_within(question: Callable[[], T], within: timedelta, what: str) -> T:
    """Return the answer to one question; errors of `question` pass through.

    Raises:
        OutOfTime: The time was up.
    """
    [answer] = together({what: question}, {what: within}).values()
    if isinstance(answer, Exception):
        raise answer
    return answer


def together(
    questions: Mapping[str, Callable[[], T]], within: Mapping[str, timedelta]
) -> dict[str, T | Exception]:
    """Ask everything at once; return each answer, or the error that came instead.

    Args:
        within: How long each may take, by name.
    """
    answers: SimpleQueue[tuple[str, T | Exception]] = SimpleQueue()
    began_seconds = stopwatch_seconds()
    for name, question in questions.items():
        context = copy_context()
        target = lambda n=name, q=question, c=context: answers.put((n, c.run(_tried, q)))  # noqa: E731
        Thread(target=target, name=f"asks {name}", daemon=True).start()
    found: dict[str, T | Exception] = {}
    for name in sorted(questions, key=lambda one: within[one]):
        while name not in found:
            left_seconds = within[name].total_seconds() - (stopwatch_seconds() - began_seconds)
            try:
                who, answer = answers.get(timeout=max(left_seconds, 0))
            except Empty:
                found[name] = _late(name, within[name])
            else:
                found.setdefault(who, answer)
    return {name: found[name] for name in questions}


def _tried(question: Callable[[], T]) -> T | Exception:
    try:
        return question()
    except Exception as error:  # noqa: BLE001 - whatever went wrong, nothing was measured
        return error


def _late(name: str, within: timedelta) -> OutOfTime:
    return OutOfTime(
        f"{name}: expected an answer within {within.total_seconds():g} s, was none",
        next_step=f"see what keeps {name}; nothing is known of it until it answers in time",
    )
