"""Rotating a secret: one state machine for all, whose state is the stages of the secret store.

A step looks at the stages and at the target itself, so that a run killed anywhere is carried on:

made        PENDING is kept in the store before anybody else hears of it
let in      the database or the broker accepts it
handed out  the files that services read hold it
current     it is CURRENT, and what was so before is PREVIOUS; every service is seen using it
refused     the former one is shut out, and seen refused
forgotten   PREVIOUS is gone: the rotation is over
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import SecretStr

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run, graded
from tasks.kernel.evidence import say
from trading_core.clock import SystemClock, seconds
from trading_core.errors import CheckFailed
from trading_core.secret_store.contract import SecretStore, Stage, Version

AGE_WARN_DAYS = 75.0
AGE_MAX_DAYS = 90.0
_SHOWS_WITHIN = seconds(10)
_ID_LENGTH = 32


class Rotated(Protocol):
    """A secret that can be rotated, and what rotating it means for its target.

    Values are what the store keeps. Methods raise `Unreachable` when the target does not answer.
    """

    @property
    def name(self) -> str:
        """Its name in the store."""
        ...

    @property
    def noun(self) -> str:
        """What it is, for sentences: "broker key"."""
        ...

    @property
    def store(self) -> SecretStore:
        """Where its versions are kept."""
        ...

    @property
    def older_than(self) -> timedelta:
        """A younger one is not rotated again."""
        ...

    def label(self, value: SecretStr) -> str:
        """Return the part of a value that is no secret: a login, the id of a key."""
        ...

    def in_use(self) -> SecretStr:
        """Return the value that the files of this site hold."""
        ...

    def fresh(self) -> SecretStr:
        """Return the value to follow the one in use."""
        ...

    def accepts(self, value: SecretStr) -> bool:
        """Return whether the target lets somebody in with it."""
        ...

    def let_in(self, value: SecretStr) -> None:
        """Have the target accept it; again: nothing."""
        ...

    def shut_out(self, value: SecretStr) -> None:
        """Have the target refuse it and end what stands on it; again: nothing."""
        ...

    def hand_out(self, value: SecretStr) -> None:
        """Write it to every file that services read it from."""
        ...

    def is_handed_out(self, value: SecretStr) -> bool:
        """Return whether all those files hold it."""
        ...


@check
def check_credential_age(secret: Rotated) -> CheckResult:
    """Compare the age of a secret with what is allowed: 90 days, a warning from 75 on."""
    current = secret.store.read(secret.name, Stage.CURRENT)
    expected = f"{secret.noun} younger than {AGE_MAX_DAYS:g} days"
    if current is None or is_adopted(secret, current):
        return CheckResult(Verdict.WARN, "never rotated, age unknown", expected)
    days = (SystemClock().now() - current.created_at) / timedelta(days=1)
    found = graded(
        days, warn=AGE_WARN_DAYS, fail=AGE_MAX_DAYS, unit=" days", what=f"age of the {secret.noun}"
    )
    return CheckResult(found.verdict, found.found, expected, {**found.evidence, **_stages(secret)})


@check
def check_secret_known(secret: Rotated) -> CheckResult:
    """See that the value in use is one the store keeps, and that it works."""
    in_use = secret.in_use()
    kept = {stage: secret.store.read(secret.name, stage) for stage in Stage}
    where = [str(stage) for stage, one in kept.items() if one is not None and one.value == in_use]
    known = bool(where) or kept[Stage.CURRENT] is None
    works = secret.accepts(in_use)
    words = f"{secret.label(in_use)} is {' and '.join(where) or 'not in the store'}"
    return CheckResult(
        Verdict.PASS if known and works else Verdict.FAIL,
        f"{words} and {'works' if works else 'is refused'}",
        f"the {secret.noun} in use kept in the store, and accepted",
        _stages(secret),
    )


@action
def ensure_secret_adopted(secret: Rotated) -> Change[None] | Unchanged[None]:
    """Keep the value in use as CURRENT, where the store never heard of the secret."""
    target = version_id(secret.name)
    if secret.store.read(secret.name, Stage.CURRENT) is not None:
        return Unchanged(f"the store knew the {secret.noun}", target=target)
    return Change(
        does=f"keep the {secret.noun} in use in the secret store",
        act=lambda _fence: adopt(secret),
        holds=lambda: secret.store.read(secret.name, Stage.CURRENT) is not None,
        within=_SHOWS_WITHIN,
        target=target,
    )


@action
def ensure_next_kept(secret: Rotated) -> Change[None] | Unchanged[None]:
    """Make the value that is to follow, and keep it as PENDING before anybody hears of it."""
    target = rotation_id(secret)
    if secret.store.read(secret.name, Stage.PENDING) is not None:
        return Unchanged(f"the next {secret.noun} was made", target=target)
    if secret.store.read(secret.name, Stage.PREVIOUS) is not None:
        return Unchanged(f"the next {secret.noun} is CURRENT already", target=target)
    if not is_due(secret):
        return Unchanged(f"the {secret.noun} was rotated not long ago", target=target)
    return Change(
        does=f"make the next {secret.noun} and keep it as PENDING",
        act=lambda _fence: secret.store.put(
            secret.name, rotation_id(secret), secret.fresh(), Stage.PENDING
        ),
        holds=lambda: secret.store.read(secret.name, Stage.PENDING) is not None,
        within=_SHOWS_WITHIN,
        target=target,
        gated=True,
    )


@action
def ensure_next_let_in(secret: Rotated) -> Change[None] | Unchanged[None]:
    """Have the target accept the next value beside the one in use; first try whether it does."""
    return _with_value(
        secret,
        Stage.PENDING,
        does=f"let the next {secret.noun} in beside the one in use",
        do=secret.let_in,
        shows=secret.accepts,
    )


@action
def ensure_next_handed_out(secret: Rotated) -> Change[None] | Unchanged[None]:
    """Write the next value where services read it, here and on hosts; each uses it from then on."""
    return _with_value(
        secret,
        Stage.PENDING,
        does=f"hand the next {secret.noun} out to every service",
        do=secret.hand_out,
        shows=secret.is_handed_out,
    )


@action
def ensure_next_current(secret: Rotated) -> Change[None] | Unchanged[None]:
    """Make the next value CURRENT in the store, and the one before it PREVIOUS."""
    target = rotation_id(secret)
    pending = secret.store.read(secret.name, Stage.PENDING)
    if pending is None and not _is_next_foreseen(secret):
        return Unchanged(f"no next {secret.noun} waits to become CURRENT", target=target)
    return Change(
        does=f"make the next {secret.noun} CURRENT",
        act=lambda _fence: secret.store.promote(secret.name, _found(secret, Stage.PENDING).id),
        holds=lambda: _is_current(secret, target),
        within=_SHOWS_WITHIN,
        target=target,
        gated=True,
        facts=_named(secret, pending),
    )


@action
def ensure_former_refused(secret: Rotated) -> Change[None] | Unchanged[None]:
    """Shut the former value out, end what stands on it, and see it refused."""
    return _with_value(
        secret,
        Stage.PREVIOUS,
        does=f"shut the former {secret.noun} out",
        do=secret.shut_out,
        shows=lambda value: not secret.accepts(value),
    )


@action
def ensure_former_forgotten(secret: Rotated) -> Change[None] | Unchanged[None]:
    """Take the refused value out of the store: the rotation is over.

    Raises:
        CheckFailed: It is still accepted.
    """
    former = secret.store.read(secret.name, Stage.PREVIOUS)
    current = secret.store.read(secret.name, Stage.CURRENT)
    target = "" if current is None else current.id
    if former is None and not _is_foreseen(secret):
        return Unchanged(f"no former {secret.noun} is kept", target=target)
    if former is not None and not current_run().dry_run and secret.accepts(former.value):
        raise CheckFailed(
            f"{secret.noun}: expected {secret.label(former.value)} to be refused, is accepted",
            next_step=f"end it where it was made, then run {current_run().runbook} again",
        )
    return Change(
        does=f"forget the former {secret.noun}",
        act=lambda _fence: secret.store.drop(secret.name, Stage.PREVIOUS),
        holds=lambda: secret.store.read(secret.name, Stage.PREVIOUS) is None,
        within=_SHOWS_WITHIN,
        target=target,
    )


@task(cache_policy=NO_CACHE)
def notify_rotated(secret: Rotated) -> str:
    """Say which value is in use now and when it is due again; return it as a sentence."""
    current = secret.store.read(secret.name, Stage.CURRENT)
    if current_run().dry_run or current is None:
        sentence = f"the {secret.noun} would be rotated"
    else:
        due = current.created_at + timedelta(days=AGE_MAX_DAYS)
        sentence = f"{secret.noun}: {secret.label(current.value)} is in use, due by {due:%F}"
    say(sentence)
    return sentence


def is_due(secret: Rotated) -> bool:
    """Return whether a rotation is under way, or is to begin."""
    if any(secret.store.read(secret.name, one) for one in (Stage.PENDING, Stage.PREVIOUS)):
        return True
    current = secret.store.read(secret.name, Stage.CURRENT)
    if current is None or is_adopted(secret, current):
        return True
    return SystemClock().now() - current.created_at >= secret.older_than


def adopt(secret: Rotated) -> None:
    """Keep the value in use as CURRENT, under the id of one whose age is not known."""
    secret.store.put(secret.name, version_id(secret.name), secret.in_use(), Stage.CURRENT)


def is_adopted(secret: Rotated, version: Version) -> bool:
    """Return whether a version was found in use and never rotated: its age is not known."""
    return version.id == version_id(secret.name)


def rotation_id(secret: Rotated, salt: str = "") -> str:
    """Return the id of the version a rotation is about, the same before, while and after.

    Args:
        salt: Tells one attempt from another, where the value is not ours to make.
    """
    pending = secret.store.read(secret.name, Stage.PENDING)
    if pending is not None:
        return pending.id
    current = secret.store.read(secret.name, Stage.CURRENT)
    if current is not None and secret.store.read(secret.name, Stage.PREVIOUS) is not None:
        return current.id
    return version_id(secret.name, current.id if current else version_id(secret.name), salt)


def version_id(*parts: str) -> str:
    """Return the id of the version that is about these: the same whenever it is asked for."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:_ID_LENGTH]


def _is_foreseen(secret: Rotated) -> bool:
    """Whether this is a rehearsal in which an earlier step would have prepared for this one."""
    return current_run().dry_run and is_due(secret)


def _is_next_foreseen(secret: Rotated) -> bool:
    """The same for a step with the next value, which is over once there is a former one."""
    return _is_foreseen(secret) and secret.store.read(secret.name, Stage.PREVIOUS) is None


def _is_current(secret: Rotated, version_id: str) -> bool:
    current = secret.store.read(secret.name, Stage.CURRENT)
    pending = secret.store.read(secret.name, Stage.PENDING)
    return current is not None and current.id == version_id and pending is None


def _with_value(
    secret: Rotated,
    stage: Stage,
    *,
    does: str,
    do: Callable[[SecretStr], None],
    shows: Callable[[SecretStr], bool],
) -> Change[None] | Unchanged[None]:
    """Describe a step with the value of one stage; a rehearsal foresees a value not made yet."""
    target, version = rotation_id(secret), secret.store.read(secret.name, stage)
    is_next = stage is Stage.PENDING
    which = f"{'next' if is_next else 'former'} {secret.noun}"
    foreseen = _is_next_foreseen(secret) if is_next else _is_foreseen(secret)
    if version is None and not foreseen:
        return Unchanged(f"there is no {which}", target=target)
    if version is not None and shows(version.value):
        return Unchanged(f"it shows already of the {which}: {does}", target=target)
    return Change(
        does=does,
        act=lambda _fence: do(_found(secret, stage).value),
        holds=lambda: shows(_found(secret, stage).value),
        within=_SHOWS_WITHIN,
        target=target,
        gated=True,
        facts=_named(secret, version),
    )


def _found(secret: Rotated, stage: Stage) -> Version:
    version = secret.store.read(secret.name, stage)
    if version is None:
        raise CheckFailed(
            f"secret {secret.name}: expected a version that is {stage}, was none",
            next_step=f"run {current_run().runbook} again: it begins with what the store holds",
        )
    return version


def _named(secret: Rotated, version: Version | None) -> dict[str, object]:
    return {} if version is None else {"label": secret.label(version.value)}


def _stages(secret: Rotated) -> dict[str, object]:
    """Return what the store holds, without a value: for the record."""
    kept = {stage: secret.store.read(secret.name, stage) for stage in Stage}
    return {
        str(stage): {"label": secret.label(one.value), "since": one.created_at.isoformat()}
        for stage, one in kept.items()
        if one is not None
    }
