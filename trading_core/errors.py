"""Every error the platform raises, named for what the operator does next.

TradingError
├── ConfigurationError   fix the setting or the input file; nothing has started
├── CheckFailed          fix the cause and run again; nothing was changed
├── NotVerified          look before you retry; we acted and cannot see the effect
├── Unreachable          the other side did not answer; what it did is unknown
└── InvariantViolated    stop trading; our own state is impossible

A refused order is not an error: it is a value with a reason code.
"""


class TradingError(Exception):
    """Base class. `str(error)` is one sentence with the facts; a note carries the next step.

    Args:
        fact: One sentence: the object, what was expected, what was found, the unit.
        next_step: What the operator does now; names a runbook or command that exists.
    """

    def __init__(self, fact: str, *, next_step: str) -> None:
        super().__init__(fact)
        self.next_step = next_step
        self.add_note(f"next: {next_step}")

    def __reduce__(self) -> tuple[object, ...]:
        # Prefect carries errors between processes; the keyword must survive pickling.
        return (_rebuild, (type(self), str(self), self.next_step))


class ConfigurationError(TradingError):
    """A setting or an input file is wrong. Nothing has started."""


class CheckFailed(TradingError):
    """A condition did not hold, so nothing was changed."""


class NotVerified(TradingError):
    """We acted, and looking again did not show the effect within its deadline."""


class Unreachable(TradingError):
    """The other side did not answer, or answered nonsense: its state is unknown."""


class InvariantViolated(TradingError):
    """Our own records contradict each other. Trading stops until a person understands why."""


def _rebuild(kind: type[TradingError], fact: str, next_step: str) -> TradingError:
    return kind(fact, next_step=next_step)
