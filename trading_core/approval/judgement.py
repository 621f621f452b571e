"""Which answers count. One that does not is no answer, and is told why in its own sentence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from trading_core.approval.personal_token import folded, is_signed
from trading_core.approval.request import Answer, Request, words_of_answer

APPROVE = "approve"
RUN = "run"
SCOPES = (APPROVE, RUN)


@dataclass(frozen=True, slots=True)
class Holder:
    """A person's token as we know it: its public half, what it may do, and until when.

    Attributes:
        person: Whose it is: their number in the firm's list of people. One person, one voice,
            whatever names and tokens they have.
        scope: "approve", or "run", which proves who starts a runbook and approves nothing.
        valid_until: None: until it is revoked.
    """

    key_id: str
    name: str
    scope: str
    public_key: str
    person: str
    valid_until: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the answers to a request come to.

    Attributes:
        yes: Valid ones, one of each person, in order.
        no: The first valid one.
        worthless: The others, each with why it counts for nothing.
    """

    needed: int
    yes: tuple[Answer, ...]
    no: Answer | None
    worthless: tuple[tuple[Answer, str], ...]

    @property
    def is_granted(self) -> bool:
        """Whether enough people said yes and none said no."""
        return self.no is None and len(self.yes) >= self.needed

    @property
    def missing(self) -> int:
        """How many more people have to say yes."""
        return max(0, self.needed - len(self.yes))


def judge(request: Request, answers: Sequence[Answer], holders: Mapping[str, Holder]) -> Judgement:
    """Weigh all answers to a request, oldest first.

    Args:
        request: As the run that waits has it, not as somebody else tells it.
        answers: As they arrived.
        holders: Every token we know, by key id.
    """
    yes: list[Answer] = []
    worthless: list[tuple[Answer, str]] = []
    heard: set[str] = set()
    starters = _starters(request, holders)
    no: Answer | None = None
    for answer in answers:
        holder = holders.get(answer.key_id)
        why = fault_of(request, answer, holder)
        if not why and holder is not None and holder.person in starters:
            why = f"{answer.name} is the person who started this run and cannot approve it"
        if not why and holder is not None and holder.person in heard:
            why = f"{answer.name} has answered already"
        if why or holder is None:
            worthless.append((answer, why))
            continue
        heard.add(holder.person)
        theirs = replace(answer, name=holder.name)  # as we know it, however it was typed
        if answer.says == "yes":
            yes.append(theirs)
        else:
            no = no or theirs
    return Judgement(request.people_needed, tuple(yes), no, tuple(worthless))


def fault_of(request: Request, answer: Answer, holder: Holder | None) -> str:
    """Return why an answer counts for nothing, as a sentence; empty when it counts."""
    if answer.says not in ("yes", "no"):
        return f"an answer of {answer.says or 'nothing'} is neither yes nor no"
    if not answer.reason.strip():
        return "an answer without a reason"
    if not answer.name.strip():
        return "an answer without a name"
    if holder is None:
        return f"{answer.name}: signed with no token that we know"
    return next((why for rule in _RULES if (why := rule(request, answer, holder))), "")


def _starters(request: Request, holders: Mapping[str, Holder]) -> set[str]:
    """Return who the starter is: by the token they signed with, or by whatever name they gave."""
    name = folded(request.requested_by)
    return {
        one.person
        for one in holders.values()
        if one.key_id == request.starter_key_id or folded(one.name) == name
    }


def _is_theirs(_request: Request, answer: Answer, holder: Holder) -> str:
    if folded(answer.name) != folded(holder.name):
        return f"{answer.name}: signed with a token of somebody else"
    return ""


def _is_signed(request: Request, answer: Answer, holder: Holder) -> str:
    words = words_of_answer(request.digest, answer.says, answer.name, answer.reason)
    if is_signed(holder.public_key, words, answer.signature):
        return ""
    return (
        f"{answer.name}: the signature is not under this plan, code and parameters, "
        "this answer and this reason"
    )


def _is_in_force(_request: Request, answer: Answer, holder: Holder) -> str:
    if holder.revoked_at is not None:
        return f"{answer.name}: the token was revoked at {holder.revoked_at:%F %H:%M} UTC"
    at = answer.at
    if holder.valid_until is not None and at is not None and at > holder.valid_until:
        return f"{answer.name}: the token was valid until {holder.valid_until:%F %H:%M} UTC"
    return ""


def _may_approve(_request: Request, answer: Answer, holder: Holder) -> str:
    if holder.scope != APPROVE:
        return f"{answer.name}: the token is for {holder.scope}, not for {APPROVE}"
    return ""


def _is_another_person(request: Request, answer: Answer, _holder: Holder) -> str:
    if folded(answer.name) == folded(request.requested_by):
        return f"{answer.name} started this run and cannot approve it"
    return ""


def _is_in_time(request: Request, answer: Answer, _holder: Holder) -> str:
    if answer.at is not None and answer.at > request.expires_at:
        return (
            f"{answer.name}: answered after {request.expires_at:%F %H:%M:%S} UTC, when it expired"
        )
    return ""


_Rule = Callable[[Request, Answer, Holder], str]
_RULES: tuple[_Rule, ...] = (
    _is_theirs,
    _is_signed,
    _is_in_force,
    _may_approve,
    _is_another_person,
    _is_in_time,
)
