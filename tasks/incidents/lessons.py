"""What people wrote into a post-mortem: whether it is complete, and which actions are late."""

from dataclasses import dataclass
from datetime import date

from tasks.incidents.post_mortem import ACTION_COLUMNS, DUTY, UNWRITTEN, path_of
from tasks.kernel import CheckResult, Verdict, check
from tasks.security.wording import some
from trading_core.settings import Settings


@dataclass(frozen=True, slots=True)
class Action:
    """One row of a post-mortem's table of actions, in the words people wrote.

    Attributes:
        done: When it was done; empty: it is not.
    """

    what: str
    ticket: str
    owner: str
    due: str
    done: str

    @property
    def due_on(self) -> date | None:
        """Its date; None: nobody wrote one that is one."""
        try:
            return date.fromisoformat(self.due)
        except ValueError:
            return None

    @property
    def is_complete(self) -> bool:
        """Whether everything is said that an action needs before it is begun."""
        return all((self.what, self.ticket, self.owner, self.due_on))


@check
def check_post_mortem_complete(settings: Settings, duty_id: str) -> CheckResult:
    """See that nothing is left to write before the duty of a post-mortem is confirmed (REP-08).

    Any other duty has no such page, and passes.
    """
    expected = "no place left to be written, every action with ticket, owner and date"
    name, _, incident_id = duty_id.partition("/")
    if name != DUTY:
        return CheckResult(Verdict.PASS, "not the duty of a post-mortem", expected)
    path = path_of(settings, incident_id)
    if not path.is_file():
        return CheckResult(Verdict.FAIL, f"there is no {path}", expected)
    text = path.read_text()
    left = text.lower().count(UNWRITTEN)
    loose = [one.what or "an action" for one in actions_of(text) if not one.is_complete]
    words = [f"{left} places of {path.name} are to be written"] if left else []
    words += [f"without ticket, owner or date: {some(loose)}"] if loose else []
    return CheckResult(
        Verdict.FAIL if words else Verdict.PASS,
        "; ".join(words) or f"{path.name} is complete",
        expected,
        {"unwritten": left, "actions": loose},
        left + len(loose),
        0,
        " places",
    )


@check
def check_actions_done(settings: Settings, day: date) -> CheckResult:
    """Name the actions of post-mortems that should be done by a day and are not (REP-08)."""
    pages = sorted(path_of(settings, "any").parent.glob("*.md"))
    every = [(path, one) for path in pages for one in actions_of(path.read_text())]
    late = [
        f"{path.stem}: {one.what} ({one.owner}), due {one.due}"
        for path, one in every
        if not one.done and one.due_on is not None and one.due_on < day
    ]
    return CheckResult(
        Verdict.WARN if late else Verdict.PASS,
        f"{len(late)} of {len(every)} actions are overdue" + (f": {some(late)}" if late else ""),
        "every action of a post-mortem done by its date",
        {"overdue": late},
        len(late),
        0,
        " actions",
    )


def actions_of(text: str) -> list[Action]:
    """Return the rows of a post-mortem's table of actions that somebody has written into."""
    lines = iter(text.splitlines())
    if not any(_cells(line) == ACTION_COLUMNS for line in lines):
        return []
    found: list[Action] = []
    for line in lines:
        cells = _cells(line)
        if cells is None:
            break
        if not set("".join(cells)) <= {"-", ":"} and UNWRITTEN not in line.lower():
            found.append(Action(*(*cells, *[""] * len(ACTION_COLUMNS))[: len(ACTION_COLUMNS)]))
    return found


def _cells(line: str) -> tuple[str, ...] | None:
    row = line.strip()
    return tuple(one.strip() for one in row.strip("|").split("|")) if row[:1] == "|" else None
