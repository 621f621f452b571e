"""The exchange whose every change is on the disk before it happens.

A command is checked, journalled and then carried out. A new session begins a new journal with the
account as it stood, so starting again never has to replay more than one day.
"""

import fcntl
import os
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import structlog
from pydantic import TypeAdapter

from trading_core.clock import EXCHANGE_ZONE
from trading_core.domain.money import TICKS_PER_DOLLAR, to_cents, to_ticks
from trading_core.errors import CheckFailed, ConfigurationError, InvariantViolated
from trading_core.paper import admission
from trading_core.paper.account.account import Account
from trading_core.paper.account.activities import Activity
from trading_core.paper.account.configuration import Configuration
from trading_core.paper.account.locates import Locate
from trading_core.paper.exchange import Exchange
from trading_core.paper.journal import (
    Journal,
    Record,
    prune_archives,
    resume_journal,
    start_journal,
)
from trading_core.paper.market.corporate_actions import Dividend, dividends, splits
from trading_core.paper.market.sessions import SessionSpec, load_tape
from trading_core.paper.orders.order import PaperOrder
from trading_core.paper.orders.refusals import Refusal, unprocessable
from trading_core.paper.orders.terms import OrderTerms

log = structlog.get_logger(__name__)

_SPEC = TypeAdapter(SessionSpec)
_TERMS = TypeAdapter(OrderTerms)
_CONFIGURATION = TypeAdapter(Configuration)
_FIRST_ACCOUNT = 1
# A quarter of a year: what runbooks ask an exchange for is of days, and reports are made of ours.
SESSIONS_KEPT = 60

Command = Callable[[Exchange, Record], object]


class Venue:
    """The one writer of a directory of journals.

    Args:
        directory: Made when it is not there; `journal.jsonl` in it is the current session.
        sessions_kept: Of how many sessions before the current one orders, executions and journals
            are kept. What is older is on record in the trading database.
        grouped: Whether a command returns once it is written. Whoever tells of it waits for the
            `mark` of that moment to be on the disk first.

    Raises:
        ConfigurationError: Another exchange uses the directory, or the session's files have
            changed since it was opened.
        InvariantViolated: The journal is damaged, or replaying it leads elsewhere than it did.
    """

    def __init__(
        self, directory: Path, *, grouped: bool = False, sessions_kept: int = SESSIONS_KEPT
    ) -> None:
        self._grouped = grouped
        self._sessions_kept = sessions_kept
        self._path = directory / "journal.jsonl"
        self._lock = _locked(directory)
        self._journal: Journal | None = None
        self.exchange: Exchange | None = None
        try:
            if self._path.exists():
                self._resume()
        except BaseException:
            self.close()
            raise

    @property
    def failure(self) -> str:
        """Why nothing can be changed any more; empty while all is well."""
        return self._journal.failure if self._journal is not None else ""

    def mark(self) -> tuple[Journal, int] | None:
        """Return the journal and how many records it has now; None before the first session."""
        journal = self._journal
        return None if journal is None else (journal, journal.written)

    def close(self) -> None:
        """Give the directory to whoever wants it next."""
        if self._journal is not None:
            self._journal.close()
        os.close(self._lock)

    def current(self) -> Exchange:
        """Return the exchange with its session; raises `CheckFailed` when none is open."""
        if self.exchange is None:
            raise CheckFailed(
                "exchange: expected an open session, was none",
                next_step="open one: POST /replay/session, or `tradeops day`",
            )
        return self.exchange

    def open_session(self, spec: SessionSpec) -> Exchange:
        """Open a session, unless the very same one is open and still untouched.

        A date later than the account's last one continues the account; any other date begins a
        new account.

        Raises:
            ConfigurationError: The market cannot be loaded; the old session stands.
            Unreachable: The disk did not take it; the old session stands.
        """
        old = self.exchange
        if old is not None and old.spec == spec and old.untouched:
            return old
        tape = load_tape(spec)
        account = _account_for(spec, old)
        _forget(account, self._sessions_kept)
        header = {
            "command": "open",
            "spec": _SPEC.dump_python(spec, mode="json"),
            "tape_sha256": tape.sha256,
            "account": account.record(),
        }
        journal = start_journal(self._path, header, archive=self._archive(old))
        if self._journal is not None:
            self._journal.close()
        self._journal = journal
        journal.grouped = self._grouped
        self.exchange = Exchange(spec, tape, account)
        prune_archives(self._path.parent.glob("journal-*.jsonl"), self._sessions_kept)
        log.info("session opened", account=account.number, date=str(spec.date), source=spec.source)
        return self.exchange

    def submit(self, request: OrderTerms) -> PaperOrder | Refusal:
        """Take an order; raises `Unreachable` when the disk does not."""
        exchange = self.current()
        refusal = admission.refusal_of(exchange, request)
        if refusal is not None:
            return refusal
        record = {"command": "submit", "request": _TERMS.dump_python(request, mode="json")}
        order: PaperOrder = self._carry_out(exchange, record)
        return order

    def replace(self, order_id: str, changes: Mapping[str, Any]) -> PaperOrder | Refusal:
        """Put an order in the place of an open one; return it, or why not.

        Args:
            changes: Fields of the open order's terms, and what they shall be.
        """
        exchange = self.current()
        order = exchange.account.order(order_id)
        refusal = admission.refusal_to_cancel(order, order_id)
        if order is None or refusal is not None:
            return refusal or admission.unknown(order_id)
        terms = admission.terms_left(order, changes)
        if isinstance(terms, Refusal):
            return terms
        refusal = admission.refusal_of(exchange, terms, order)
        if refusal is not None:
            return refusal
        request = _TERMS.dump_python(terms, mode="json")
        new: PaperOrder = self._carry_out(
            exchange, {"command": "replace", "order_id": order_id, "request": request}
        )
        return new

    def cancel(self, order_id: str) -> Refusal | None:
        """Take an order back; return why not, if so."""
        exchange = self.current()
        refusal = admission.refusal_to_cancel(exchange.account.order(order_id), order_id)
        if refusal is None:
            self._carry_out(exchange, {"command": "cancel", "order_id": order_id})
        return refusal

    def configure(self, configuration: Configuration) -> None:
        """Change the account's configuration."""
        record = {"command": "configure", "to": _CONFIGURATION.dump_python(configuration)}
        self._carry_out(self.current(), record)

    def locate(self, symbol: str, shares: int, key: str = "") -> Locate:
        """Find shares of a symbol that is hard to borrow, for the rest of the day."""
        record = {"command": "locate", "symbol": symbol, "shares": shares, "key": key}
        located: Locate = self._carry_out(self.current(), record)
        return located

    def halt(self, symbol: str, *, halted: bool) -> None:
        """Halt a symbol of the session, or let it trade again."""
        exchange = self.current()
        if halted != (symbol in exchange.floor.halted):
            command = "halt" if halted else "resume"
            self._carry_out(exchange, {"command": command, "symbol": symbol})

    def cancel_all(self) -> list[PaperOrder]:
        """Take every open order back, and return them."""
        exchange = self.current()
        if not exchange.account.open_orders():
            return []
        orders: list[PaperOrder] = self._carry_out(exchange, {"command": "cancel_all"})
        return orders

    def advance(self, to: datetime) -> Refusal | None:
        """Move market time; a moment already reached changes nothing."""
        exchange = self.current()
        if to <= exchange.now:
            return None
        ends_at = exchange.tape.hours.ends_at
        if to > ends_at:
            return unprocessable(f"to: expected at most the day's end {ends_at}, was {to}")
        if (to - exchange.tape.hours.midnight) % timedelta(minutes=1):
            return unprocessable(f"to: expected a whole minute, was {to}")
        self._carry_out(exchange, {"command": "advance", "to": to.isoformat()})
        return None

    def _carry_out(self, exchange: Exchange, record: Record) -> Any:
        journal = self._journal
        if journal is not None:
            journal.append({**record, "at": _fingerprint(exchange)})
        try:
            return _COMMANDS[record["command"]](exchange, record)
        except Exception as error:
            if journal is not None:
                journal.give_up(f"{record['command']} was recorded and could not be carried out")
            raise InvariantViolated(
                f"exchange: expected to carry out {record}, was {error!r}",
                next_step="stop trading; the journal and the log show what led here",
            ) from error

    def _archive(self, old: Exchange | None) -> Path | None:
        if old is None:
            return None
        name = f"journal-{old.account.number}-{old.spec.date.isoformat()}.jsonl"
        return self._path.with_name(name)

    def _resume(self) -> None:
        self._journal, records = resume_journal(self._path)
        self._journal.grouped = self._grouped
        if not records or records[0].get("command") != "open":
            raise InvariantViolated(
                f"journal {self._path}: expected it to begin with a session, was empty",
                next_step=f"move it away to begin with a new account: {self._path}",
            )
        header = records[0]
        spec = _SPEC.validate_python(header["spec"])
        tape = load_tape(spec)
        if tape.sha256 != header["tape_sha256"]:
            raise ConfigurationError(
                f"market of {spec.date}: expected the data the session was opened on, was changed",
                next_step=f"restore {spec.directory or 'the release'}, "
                f"or move {self._path} away to begin with a new account",
            )
        exchange = Exchange(spec, tape, Account.of(header["account"]))
        for record in records[1:]:
            # An earlier release wrote the last of them, the cash, as a number.
            if [*record["at"][:-1], str(record["at"][-1])] != _fingerprint(exchange):
                raise InvariantViolated(
                    f"journal {self._path}: expected {record['at']} before record {record['n']}, "
                    f"was {_fingerprint(exchange)}",
                    next_step="run the release that wrote it, or move it away",
                )
            _COMMANDS[record["command"]](exchange, record)
        # Whoever listened then has heard it, or asks over REST now.
        exchange.take_updates()
        self.exchange = exchange
        log.info("session resumed", account=exchange.account.number, records=len(records))


_COMMANDS: dict[str, Command] = {
    "submit": lambda exchange, r: exchange.submit(_TERMS.validate_python(r["request"])),
    "replace": lambda exchange, r: exchange.replace(
        _known(exchange, r["order_id"]), _TERMS.validate_python(r["request"])
    ),
    "configure": lambda exchange, r: exchange.configure(_CONFIGURATION.validate_python(r["to"])),
    "locate": lambda exchange, r: exchange.locate(r["symbol"], r["shares"], r["key"]),
    "halt": lambda exchange, r: exchange.halt(r["symbol"]),
    "resume": lambda exchange, r: exchange.resume(r["symbol"]),
    "cancel": lambda exchange, r: exchange.cancel(_known(exchange, r["order_id"])),
    "cancel_all": lambda exchange, _: exchange.cancel_all(),
    "advance": lambda exchange, r: exchange.advance(datetime.fromisoformat(r["to"])),
}


def _known(exchange: Exchange, order_id: str) -> PaperOrder:
    order = exchange.account.order(order_id)
    if order is None:
        raise InvariantViolated(
            f"journal: expected order {order_id} to be there, was none",
            next_step="move the journal away to begin with a new account",
        )
    return order


def _fingerprint(exchange: Exchange) -> list[object]:
    """Return what a replay must agree on: time, orders, executions and cash so far."""
    account = exchange.account
    return [
        exchange.now.isoformat(),
        len(account.orders),
        len(account.executions),
        str(account.cash_ticks),
    ]


def _account_for(spec: SessionSpec, old: Exchange | None) -> Account:
    """Return a fresh copy of the account that the session is for."""
    if old is None:
        account = Account(_number(_FIRST_ACCOUNT), to_ticks(spec.cash_usd))
    elif spec.date <= old.spec.date:
        following = int(old.account.number.removeprefix("PA")) + 1
        account = Account(_number(following), to_ticks(spec.cash_usd))
    else:
        account = Account.of(old.account.record())
        # Day orders of a session left before its end end with it; those sent after the close stay.
        if not old.done:
            account.expire_day_orders(old.now)
        account.expire_day_orders(old.now, extended=True)
        account.closes_usd.setdefault(old.spec.date, account.equity_usd())
        _apply_corporate_actions(account, spec, after=old.spec.date)
    account.fee_per_share_ticks = spec.fee_per_share_usd * TICKS_PER_DOLLAR
    return account


def _forget(account: Account, sessions_kept: int) -> None:
    days = sorted(account.closes_usd)
    if len(days) > sessions_kept:
        account.forget_before(datetime.combine(days[-sessions_kept], time(0), EXCHANGE_ZONE))


def _apply_corporate_actions(account: Account, spec: SessionSpec, *, after: date) -> None:
    """Pay and split what is held as it was since the account's last day."""
    # Of one day, a dividend is told per share as it was before a split of that day.
    for dividend in dividends(spec, account.held()):
        if after < dividend.ex_date <= spec.date:
            _pay(account, dividend)
    for split in splits(spec, account.held()):
        if after < split.ex_date <= spec.date:
            before = account.quantity(split.symbol)
            activity = Activity(
                id=split.id,
                kind="SPLIT",
                on=split.ex_date,
                description=f"{split.new} for {split.old} split of {split.symbol}",
                symbol=split.symbol,
                quantity=before * split.ratio - before,
            )
            account.apply_split(split.symbol, split.ratio, activity)


def _pay(account: Account, dividend: Dividend) -> None:
    """Pay a dividend on what is held; who is short pays it."""
    paid_usd = to_cents(account.quantity(dividend.symbol) * dividend.per_share_usd)
    account.pay(
        Activity(
            id=dividend.id,
            kind="DIV",
            on=dividend.ex_date,
            description=f"${dividend.per_share_usd} a share of {dividend.symbol}",
            amount_usd=paid_usd,
            symbol=dividend.symbol,
        )
    )


def _number(count: int) -> str:
    return f"PA{count:07d}"


def _locked(directory: Path) -> int:
    directory.mkdir(parents=True, exist_ok=True)
    handle = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise ConfigurationError(
            f"directory {directory}: expected it to be free, another paper exchange uses it",
            next_step="stop the other one: `tradeops status` shows it",
        ) from error
    return handle
