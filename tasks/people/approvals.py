"""Asking people: a request bound to plan, parameters and code, then a wait for valid answers.

What decides is in the operations database, by whatever way it came there. An answer that is not
valid counts for nothing: it is told, and the wait goes on. Nothing is changed meanwhile.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext
from psycopg import Connection

from tasks.kernel import PROJECT, Grant, Kind, Planned, Run, code_sha256, current_run
from tasks.kernel.evidence import say, show_text, warn
from tasks.people.approval_form import Form
from trading_core.approval.judgement import Judgement, judge
from trading_core.approval.request import Answer, Request, canonical
from trading_core.approval.starter import Starter, fault_of_start
from trading_core.clock import poll, seconds, stopwatch_seconds
from trading_core.errors import CheckFailed, Unreachable
from trading_core.storage.connect import Database
from trading_core.storage.operations import approvals as stored
from trading_core.storage.operations import notices, people

ANSWER_WITHIN = timedelta(minutes=30)
_LOOK_EVERY = seconds(0.2)
# Without proof of who started the run, the starter may be one of those who say yes.
_PEOPLE_PROVEN, _PEOPLE_UNPROVEN = 1, 2


@dataclass(frozen=True, slots=True)
class Approvals:
    """Where people are asked.

    Attributes:
        database: The operations database.
        within: How long a request may be answered, and a grant be used.
        project: Whose code a request is bound to.
    """

    database: Database
    within: timedelta = ANSWER_WITHIN
    project: Path = PROJECT


@task(cache_policy=NO_CACHE)
def request_approval(approvals: Approvals, plan: Planned, reason: str) -> Grant | None:
    """Ask people other than the starter to approve a plan, and wait; None in a dry run.

    Raises:
        CheckFailed: Somebody said no, the time is over, or what was asked about has changed.
        Unreachable: The operations database did not answer when it was to be asked.
    """
    run = current_run()
    if run.dry_run:
        say(f"would ask for approval of: {'; '.join(plan.gated) or 'nothing'}")
        return None
    if not plan.gated:
        say("nothing that is planned needs approval")
        return Grant("", "", run.run_id, plan.steps, (), (), float("inf"))
    request = _ask(approvals, plan, reason, run)
    wait = _Wait(approvals, plan, request, run, Form(request, page_of(request)))
    wait.tell()
    return wait.outcome()


@dataclass
class _Wait:
    """One request on its way to an ending."""

    approvals: Approvals
    plan: Planned
    request: Request
    run: Run
    form: Form
    brought: list[Answer] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    judgement: Judgement | None = None
    left: timedelta = timedelta(0)

    def tell(self) -> None:
        """Say what is waited for, until when, and how to answer."""
        request = self.request
        command = f"tradeops approve {request.id} --reason ..."
        warn(f"{title_of(request)}, until {_until(request)}: {command}")
        show_text(f"{request.runbook}-approval", page_of(request), title_of(request))
        self._note("asked for approval", {"plan": [step.does for step in request.plan]})

    def outcome(self) -> Grant:
        """Wait, and return the grant.

        Raises:
            CheckFailed: There is none.
        """
        within = self.request.expires_at - self.request.asked_at
        self.form.open()
        try:
            decided = poll(self._is_decided, within=within, every=_LOOK_EVERY)
        finally:
            self.form.close()
        found = self.judgement
        if found is not None and found.no is not None:
            self._end("refused", f"{found.no.name} said no: {found.no.reason}")
        if not decided or found is None:
            said = "; ".join(sorted(self.told)) or "nobody answered"
            self._end("expired", f"not approved until {_until(self.request)}: {said}")
        if changed := self._what_changed():
            self._end("void", f"{changed} changed while waiting, so the approval is void")
        return self._grant(found)

    def _is_decided(self) -> bool:
        self.brought += self.form.answers()
        try:
            with self.approvals.database.transaction() as connection:
                for given in self.brought:
                    stored.answer(connection, given)
                answers = stored.answers(connection, self.request.id)
                holders = people.holders(connection)
                self.left = self.request.expires_at - people.now(connection)
        except Unreachable as error:
            self._say_once(f"the operations database does not answer: {error}")
            return False
        self.brought.clear()
        self.judgement = found = judge(self.request, answers, holders)
        for _, why in found.worthless:
            self._say_once(f"not an answer: {why}")
        for answer in found.yes:
            self._say_once(f"{answer.name} said yes: {answer.reason}")
        return found.is_granted or found.no is not None

    def _say_once(self, sentence: str) -> None:
        if sentence not in self.told:
            self.told.add(sentence)
            warn(sentence)

    def _what_changed(self) -> str:
        if code_sha256(self.approvals.project) != self.request.code_sha256:
            return "the code"
        if canonical(_parameters()) != canonical(dict(self.request.parameters)):
            return "a parameter"
        planned = set(self.request.plan)
        if new := [step.does for step in self.plan.again().steps if step not in planned]:
            return f"the plan (new: {'; '.join(new)})"
        return ""

    def _grant(self, found: Judgement) -> Grant:
        sentence = f"approved by {' and '.join(answer.name for answer in found.yes)}"
        self._write_ending("granted", sentence)
        grant = Grant(
            request_id=self.request.id,
            digest=self.request.digest,
            run_id=self.run.run_id,
            steps=self.request.plan,
            approved_by=tuple(answer.name for answer in found.yes),
            reasons=tuple(answer.reason for answer in found.yes),
            ends_at_seconds=stopwatch_seconds() + self.left.total_seconds(),
        )
        self._note(sentence, grant.facts)
        say(sentence)
        return grant

    def _end(self, outcome: str, sentence: str) -> NoReturn:
        self._write_ending(outcome, sentence)
        self._note(f"{outcome}: {sentence}", {})
        raise CheckFailed(
            f"{self.run.runbook}: expected approval of {'; '.join(self.request.gated)}; {sentence}",
            next_step=f"nothing was changed; run {self.run.runbook} again to ask anew",
        )

    def _write_ending(self, outcome: str, sentence: str) -> None:
        with self.approvals.database.transaction() as connection:
            stored.end(connection, self.request.id, stored.Ending(outcome, sentence))
            notices.write(connection, _thread(self.request), "ended", f"{outcome}: {sentence}")

    def _note(self, sentence: str, facts: Mapping[str, object]) -> None:
        key = self.run.key("request_approval", self.request.id)
        all_facts = {"approval_sha256": self.request.digest, **facts}
        self.run.ledger.append(self.run, key, Kind.NOTE, sentence, all_facts)


def _ask(approvals: Approvals, plan: Planned, reason: str, run: Run) -> Request:
    """Write a request down; those that earlier, dead runs left open are withdrawn."""
    with approvals.database.transaction() as connection:
        for old in stored.left_open(connection, run.runbook, run.subject):
            withdrawn = stored.Ending("withdrawn", f"its run has ended; run {run.run_id} asks anew")
            stored.end(connection, old.id, withdrawn)
        proof = _proof_of_starter(connection, run)
        asked_at = people.now(connection)
        request = Request(
            runbook=run.runbook,
            subject=run.subject,
            run_id=run.run_id,
            requested_by=run.actor,
            starter_key_id=proof.key_id if proof else "",
            people_needed=_PEOPLE_PROVEN if proof else _PEOPLE_UNPROVEN,
            reason=reason,
            plan=plan.steps,
            parameters=_parameters(),
            code_sha256=code_sha256(approvals.project),
            asked_at=asked_at,
            expires_at=asked_at + approvals.within,
        )
        stored.ask(connection, request, proof.signature if proof else None)
        notices.write(connection, _thread(request), "asked", page_of(request))
    return request


def _proof_of_starter(connection: Connection, run: Run) -> Starter | None:
    """Return the starter when they have proven who they are; say why not otherwise."""
    starter = run.starter or Starter(run.actor)
    holder = people.holders(connection).get(starter.key_id)
    fault = fault_of_start(starter, run.runbook, _parameters(), holder)
    if not fault and stored.is_proof_used(connection, starter.signature, run.run_id):
        fault = f"{starter.name} signed for another run"
    if not fault:
        return starter
    say(f"{fault}: {_PEOPLE_UNPROVEN} other people must say yes")
    return None


def _parameters() -> dict[str, Any]:
    """Return the run's parameters as text where they are no JSON; never who started it."""
    context = FlowRunContext.get()
    given = {} if context is None else dict(context.parameters or {})
    given.pop("requested_by", None)
    plain: dict[str, Any] = json.loads(canonical(given))
    return plain


def title_of(request: Request) -> str:
    """Return in a sentence what is waited for."""
    who = "a person" if request.people_needed == 1 else f"{request.people_needed} people"
    return f"{request.runbook} waits for the yes of {who} other than {request.requested_by}"


def page_of(request: Request) -> str:
    """Return the whole question as Markdown, with the commands that answer it."""
    steps = [f"- {one.does}{' **(needs the yes)**' if one.gated else ''}" for one in request.plan]
    command = f"tradeops approve {request.id} --reason '...'"
    about = f"{request.runbook} of {request.subject}. Reason: {request.reason}."
    ways = f"Yes: `{command}`. No: `{command} --no`. For the form in Prefect: `{command} --code`."
    lines = [
        f"# {title_of(request)}",
        "",
        f"{about} Until {_until(request)}.",
        "",
        *steps,
        "",
        ways,
    ]
    return "\n".join(lines)


def _thread(request: Request) -> str:
    """Return the thread of the messages about a request; whoever sends notices sends them."""
    return f"approval/{request.id}"


def _until(request: Request) -> str:
    return f"{request.expires_at:%F %H:%M:%S} UTC"
