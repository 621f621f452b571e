"""Steps that wait for each other: each begins once what it needs is ready, the others at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from trading_core.clock import pause, poll, seconds, stopwatch_seconds
from trading_core.errors import InvariantViolated, NotVerified

_LOOK_EVERY = seconds(0.1)
_WITHIN = seconds(60)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to bring about.

    Attributes:
        needs: Names of steps that must be ready first; names of no step are taken as ready.
        begin: Sets it going; may do all of it.
        is_ready: Whether it holds. Asked before `begin` is called: then there is nothing to do.
        why_not: Says what is known about a step that did not become ready.
        within: How long after `begin` it may take.
        settle: How long to wait once it is ready before anything else begins.
    """

    name: str
    needs: tuple[str, ...]
    begin: Callable[[], None]
    is_ready: Callable[[], bool]
    why_not: Callable[[], str] = str
    within: timedelta = _WITHIN
    settle: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Progress:
    """What an observer is told.

    Attributes:
        done: Whether the step is ready; otherwise it has just begun.
        elapsed_seconds: Since it began; 0 for a step that was ready before.
    """

    name: str
    done: bool
    elapsed_seconds: float = 0.0


Observer = Callable[[Progress], None]


def carry_out(steps: Sequence[Step], observe: Observer) -> None:
    """Bring every step about.

    Raises:
        NotVerified: A step was not ready in its time; those it held up were not begun.
    """
    names = {step.name for step in steps}
    begun_at: dict[str, float] = {}
    ready: set[str] = set()

    def look() -> bool:
        for step in steps:
            if step.name in ready or (set(step.needs) & names) - ready:
                continue
            if step.name not in begun_at:
                begun_at[step.name] = _begin(step, observe)
            elapsed_seconds = stopwatch_seconds() - begun_at[step.name]
            if step.is_ready():
                ready.add(step.name)
                observe(Progress(step.name, done=True, elapsed_seconds=elapsed_seconds))
                pause(step.settle)
            elif elapsed_seconds > step.within.total_seconds():
                raise _late(step)
        return len(ready) == len(steps)

    if not poll(
        look, within=sum((s.within + s.settle for s in steps), start=seconds(1)), every=_LOOK_EVERY
    ):
        raise InvariantViolated(
            f"steps: {sorted(names - ready)} wait for each other",
            next_step="correct what they need",
        )


def _begin(step: Step, observe: Observer) -> float:
    if not step.is_ready():
        observe(Progress(step.name, done=False))
        begun = stopwatch_seconds()
        step.begin()
        return begun
    return stopwatch_seconds()


def _late(step: Step) -> NotVerified:
    return NotVerified(
        f"{step.name}: expected ready within {step.within.total_seconds():.0f} s, was not"
        f"{'; ' if step.why_not() else ''}{step.why_not()}",
        next_step="correct the cause and run `tradeops up` again: what is up stays up",
    )
