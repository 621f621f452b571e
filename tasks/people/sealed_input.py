"""A new key pair from a person, sealed: for a broker whose dashboard ends the old pair at once.

Order entry is paused while somebody goes to the dashboard. What they bring is sealed to a key of
this request, so that form, database and log hold ciphertext; it is opened in memory, held against
what was true before anything was touched (account, equity, paper or live), and only then believed.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import SecretStr

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from tasks.kernel.evidence import say, show_text, warn
from tasks.security.broker_key import BrokerKey
from tasks.security.credentials import is_due, rotation_id
from tasks.trading.control import Core
from trading_core.broker.contract import Account
from trading_core.broker.keys import read_pair
from trading_core.clock import SystemClock, poll, seconds
from trading_core.domain.state import TradingState
from trading_core.errors import CheckFailed, TradingError, Unreachable
from trading_core.secret_store import sealed
from trading_core.secret_store.contract import Stage
from trading_core.storage.connect import Database
from trading_core.storage.operations import sealed_inputs
from trading_core.storage.operations.sealed_inputs import SealedAnswer, SealedRequest

ANSWER_WITHIN = timedelta(minutes=30)
_LOOK_EVERY = seconds(0.5)
_SHOWS_WITHIN = seconds(10)
_RESUMES = "resume order entry"
_PAUSED = "order entry waits for a new broker key"
# With positions held the equity moves with the market while somebody is at the dashboard.
_EQUITY_APART_MAX = Decimal("0.01")
_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class SealedInputs:
    """Where a person is asked.

    Attributes:
        database: The operations database.
        within: How long a request may be answered.
    """

    database: Database
    within: timedelta = ANSWER_WITHIN


@dataclass(frozen=True, slots=True)
class NewPair:
    """A pair that was brought and passed every comparison. Its repr shows the id only."""

    request_id: str
    value: SecretStr


@action
def ensure_order_entry_paused(
    key: BrokerKey, core: Core, reason: str
) -> Change[None] | Unchanged[None]:
    """Let no order leave while there may be no key that works; open orders stay where they are."""
    state = core.state()
    if not _waits_for_pair(key):
        return Unchanged("no new key is waited for")
    if not state.accepts_orders:
        return Unchanged(f"no order was being accepted: {state.reason}")
    run = current_run()
    return Change(
        does="pause order entry",
        act=lambda fence: core.pause_orders(f"{_PAUSED}: {reason}", run.actor, fence),
        holds=lambda: not core.state().accepts_orders,
        within=_SHOWS_WITHIN,
        gated=True,
        facts={"reason": reason},
    )


@task(cache_policy=NO_CACHE)
def request_new_pair(inputs: SealedInputs, key: BrokerKey, reason: str) -> NewPair | None:
    """Ask a person for the new pair, and wait; None in a dry run or when there is one already.

    An answer that does not open, or opens another account, counts for nothing: it is told why, and
    the wait goes on.

    Raises:
        CheckFailed: Nobody brought the right pair in time.
    """
    if current_run().dry_run or not _waits_for_pair(key):
        return None
    if key.store.read(key.name, Stage.PENDING) is not None:
        return None
    request = _open_request(inputs, key) or _asked(inputs, key, reason)
    _tell(request)
    wait = _Wait(inputs, key, request)
    within = request.expires_at - SystemClock().now()
    if not poll(wait.is_over, within=max(within, timedelta(0)), every=_LOOK_EVERY):
        raise CheckFailed(
            f"broker key: expected a new pair within {inputs.within.total_seconds():.0f} s, "
            f"{wait.trouble or 'nobody brought one'}",
            next_step=f"nothing was changed at the services; run {current_run().runbook} again: it "
            "asks anew",
        )
    return wait.found


@action
def ensure_pair_received(key: BrokerKey, pair: NewPair | None) -> Change[None] | Unchanged[None]:
    """Keep the pair that was brought as PENDING."""
    target = rotation_id(key, "" if pair is None else pair.request_id)
    if not _waits_for_pair(key):
        return Unchanged("no new key is waited for", target=target)
    if key.store.read(key.name, Stage.PENDING) is not None:
        return Unchanged("the new key was received", target=target)
    return Change(
        does="keep the key pair that a person brings as PENDING",
        act=lambda _fence: key.store.put(key.name, target, _brought(pair), Stage.PENDING),
        holds=lambda: key.store.read(key.name, Stage.PENDING) is not None,
        within=_SHOWS_WITHIN,
        target=target,
        gated=True,
        facts={} if pair is None else {"request": pair.request_id, "label": key.label(pair.value)},
    )


@check
def check_open_orders_kept(inputs: SealedInputs, key: BrokerKey) -> CheckResult:
    """Compare the open orders with those before the pair was changed: none may be lost or new.

    One that was filled or expired by itself meanwhile is no loss.
    """
    expected = "the open orders of before, or filled since, and no others"
    with inputs.database.transaction() as connection:
        request = sealed_inputs.newest(connection, key.name)
    if request is None or current_run().dry_run:
        return CheckResult(Verdict.PASS, "nothing to compare", expected)
    before = set(request.reference["open_orders"])
    with key.broker(key.in_use()) as broker:
        now = {one.request.client_order_id for one in broker.orders("open")}
        known = {one.request.client_order_id for one in broker.orders("all")}
    lost, strange = sorted(before - known), sorted(now - before)
    return CheckResult(
        Verdict.FAIL if lost or strange else Verdict.PASS,
        f"{len(before)} before, {len(now)} now, {len(lost)} lost, {len(strange)} new",
        expected,
        {"lost": lost, "new": strange},
    )


@action
def ensure_order_entry_resumed(
    key: BrokerKey, core: Core, reason: str
) -> Change[float] | Unchanged[float]:
    """Let orders leave again, if it was this runbook that paused them; the value is for how long.

    A halt or an open breaker of meanwhile is left as it is.
    """
    state = core.state()
    foreseen = current_run().dry_run and state.accepts_orders and _waits_for_pair(key)
    if not _paused_by_us(state) and not foreseen:
        return Unchanged("order entry was not paused by this runbook")
    run = current_run()

    def resume(fence: int) -> float:
        core.enable(reason, run.actor, fence, resume=False)
        return (core.state().changed_at - state.changed_at).total_seconds()

    return Change(
        does=_RESUMES,
        act=resume,
        holds=lambda: core.state().accepts_orders,
        within=_SHOWS_WITHIN,
        gated=True,
        facts={"paused_at": state.changed_at.isoformat()},
    )


@action
def ensure_order_entry_given_back(
    key: BrokerKey, core: Core, reason: str
) -> Change[None] | Unchanged[None]:
    """Let orders leave again when nobody brought a pair and the one in use still works.

    Where it no longer does, somebody made a new pair and has not brought it: the pause stays.
    """
    state = core.state()
    if not _paused_by_us(state):
        return Unchanged("order entry was not paused by this runbook")
    if not key.accepts(key.in_use()):
        warn(
            "order entry stays paused: the broker refuses the pair in use, so a new one was made; "
            f"run {current_run().runbook} again and bring it with `tradeops seal`"
        )
        return Unchanged("order entry stays paused: the broker refuses the pair in use")
    run = current_run()
    return Change(
        does=_RESUMES,
        act=lambda fence: core.enable(
            f"nobody brought a new broker key: {reason}", run.actor, fence, resume=False
        ),
        holds=lambda: core.state().accepts_orders,
        within=_SHOWS_WITHIN,
        gated=True,
        facts={"paused_at": state.changed_at.isoformat()},
    )


@task(cache_policy=NO_CACHE)
def notify_downtime(seconds_paused: float | None) -> None:
    """Say for how long no order could leave: measured, not promised."""
    if seconds_paused is None:
        say("order entry: not paused by this run")
        return
    sentence = f"order entry was paused for {seconds_paused:.1f} s"
    warn(sentence)
    show_text(f"{current_run().runbook}-downtime", f"# {sentence}", sentence)


class _Wait:
    """One request on its way to a pair that is believed."""

    def __init__(self, inputs: SealedInputs, key: BrokerKey, request: SealedRequest) -> None:
        self._inputs = inputs
        self._key = key
        self._request = request
        self._seen: set[int] = set()
        self.found: NewPair | None = None
        self.trouble = ""

    def is_over(self) -> bool:
        try:
            with self._inputs.database.transaction() as connection:
                given = sealed_inputs.answers(connection, self._request.id)
        except Unreachable as error:
            self._note(f"the operations database does not answer: {error}")
            return False
        for answer in given:
            if self.found is None and answer.id not in self._seen:
                self._consider(answer)
        return self.found is not None

    def _consider(self, answer: SealedAnswer) -> None:
        try:
            value = self._opened(answer)
            with self._key.broker(value) as broker:
                account = broker.account()
        except Unreachable as error:
            self._note(f"the broker does not answer: {error}")
            return  # looked at again: it says nothing about the pair
        except TradingError as error:
            self._refuse(answer, str(error))
            return
        if different := _difference(self._request.reference, account):
            self._refuse(answer, different)
            return
        say(f"{answer.given_by} brought the pair {self._key.label(value)}")
        self.found = NewPair(self._request.id, value)

    def _opened(self, answer: SealedAnswer) -> SecretStr:
        private = self._key.store.read(_private_name(self._request.id), Stage.CURRENT)
        if private is None:
            raise CheckFailed(
                "sealed answer: expected the private half of its request, is not in the store",
                next_step="run this again: it asks anew",
            )
        value = sealed.unseal(private.value, self._request.id, answer.sealed)
        return SecretStr(read_pair(value.get_secret_value()).as_text())

    def _refuse(self, answer: SealedAnswer, why: str) -> None:
        self._seen.add(answer.id)
        self._note(f"answer {answer.id} of {answer.given_by} is not taken: {why}")

    def _note(self, sentence: str) -> None:
        if sentence != self.trouble:
            self.trouble = sentence
            warn(sentence)


def _difference(reference: Mapping[str, Any], account: Account) -> str:
    """Return in words how an account differs from the one expected; empty when it does not."""
    if account.account_number != reference["account"]:
        return f"expected account {reference['account']}, opens {account.account_number}"
    if account.environment != reference["environment"]:
        return f"expected a {reference['environment']} key, is a {account.environment} one"
    equity_usd = Decimal(reference["equity_usd"])
    if abs(account.equity_usd - equity_usd) > abs(equity_usd) * _EQUITY_APART_MAX:
        return f"expected about ${equity_usd:,.2f} of equity, found ${account.equity_usd:,.2f}"
    return ""


def _open_request(inputs: SealedInputs, key: BrokerKey) -> SealedRequest | None:
    """Return the request a killed run left, when it can still be answered and opened."""
    with inputs.database.transaction() as connection:
        left = sealed_inputs.newest(connection, key.name)
    current = key.store.read(key.name, Stage.CURRENT)
    if left is None or left.expires_at <= SystemClock().now():
        return None
    if current is None or left.reference["version"] != current.id:
        return None  # it was answered, and that rotation is over
    known = key.store.read(_private_name(left.id), Stage.CURRENT)
    return None if known is None else left


def _asked(inputs: SealedInputs, key: BrokerKey, reason: str) -> SealedRequest:
    """Measure what the answer is held against while the old pair works, and write it all down."""
    with key.broker(key.in_use()) as broker:
        account, open_orders = broker.account(), broker.orders("open")
    current = key.store.read(key.name, Stage.CURRENT)
    private, request_id = sealed.new_private_key(), secrets.token_hex(_ID_BYTES)
    now = SystemClock().now()
    request = SealedRequest(
        id=request_id,
        secret=key.name,
        public_key=sealed.public_half(private),
        reference={
            "account": account.account_number,
            "environment": account.environment,
            "equity_usd": str(account.equity_usd),
            "open_orders": [one.request.client_order_id for one in open_orders],
            "version": "" if current is None else current.id,
        },
        reason=reason,
        asked_by=current_run().actor,
        asked_at=now,
        expires_at=now + inputs.within,
    )
    # The private half first: a question nobody could read the answer of must not be asked.
    key.store.put(_private_name(request_id), request_id, private, Stage.CURRENT)
    with inputs.database.transaction() as connection:
        sealed_inputs.ask(connection, request)
    return request


def _tell(request: SealedRequest) -> None:
    number = request.reference["account"]
    title = f"a new key pair of {request.reference['environment']} account {number} is waited for"
    command = f"tradeops seal {request.id[:10]}"
    warn(f"{title}, until {request.expires_at:%F %H:%M:%S} UTC: {command}")
    steps = [
        f"# {title}",
        f"1. In the broker's dashboard, on account {number}: make a new pair; the old one ends.",
        f"2. `{command}` asks for both halves without showing them, and seals them.",
        f"Until {request.expires_at:%F %H:%M:%S} UTC. Never type a key into a form or a chat.",
    ]
    show_text(f"{current_run().runbook}-sealed-input", "\n\n".join(steps), title)


def _waits_for_pair(key: BrokerKey) -> bool:
    """Whether the new pair is not in use yet; false when none is due."""
    return is_due(key) and key.store.read(key.name, Stage.PREVIOUS) is None


def _paused_by_us(state: TradingState) -> bool:
    return not state.accepts_orders and state.reason.startswith(_PAUSED)


def _brought(pair: NewPair | None) -> SecretStr:
    if pair is None:
        raise CheckFailed(
            "broker key: expected a pair that a person brought, was none",
            next_step=f"run {current_run().runbook} again: it asks for it",
        )
    return pair.value


def _private_name(request_id: str) -> str:
    return f"sealed_input.{request_id}"
