"""The desk a runbook works at: settings, clients, the run and its record, opened in one place.

No flow makes a client of its own. Opening works with the database, the exchange or the core gone:
then looking finds out, and only what needs them fails. Without the operations database nothing can
be changed, save by protective runbooks (break-glass), which write to a local journal that the next
run with that database merges.
"""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from prefect.context import FlowRunContext

from infra.placement import Placement
from infra.postgres.restoring.restore import Restore
from infra.secret_store import homes
from infra.sites import site
from tasks.backup.base_backups import BaseVault
from tasks.closing.backups import Vault
from tasks.closing.trading_day import backup_of
from tasks.data.desk import MarketDataDesk
from tasks.health.change_watch import Watched, changes_watched
from tasks.kernel import (
    Checklist,
    LocalJournal,
    Run,
    begin,
)
from tasks.kernel.evidence import Progress, say, show_table, warn
from tasks.kernel.run_record import hold_window, recording
from tasks.maintenance.desk import MaintenanceDesk
from tasks.people.approvals import Approvals
from tasks.people.sealed_input import SealedInputs
from tasks.planning.gate import pass_gate
from tasks.planning.scheduled_runs import ScheduledRuns
from tasks.recovery.sites import Sites
from tasks.security.broker_key import BrokerKey
from tasks.security.database_login import DatabaseLogin
from tasks.trading.control import Core, HttpCore
from trading_core.approval.starter import Starter
from trading_core.broker.client import Broker
from trading_core.broker.contract import TradingApi
from trading_core.calendar.exchange_calendar import ExchangeCalendar
from trading_core.clock import SystemClock
from trading_core.errors import TradingError, Unreachable
from trading_core.ledger.session import Session, current_session, trading_date_of
from trading_core.on_call.roster import Roster, Shift, shift_at
from trading_core.settings import Settings
from trading_core.storage.connect import Database

UNDATED = "undated"


@dataclass(frozen=True, slots=True)
class Clients:
    """Everything outside this process that a runbook speaks to."""

    core: Core
    broker: TradingApi
    database: Database
    operations: Database


@dataclass(frozen=True, slots=True)
class Desk(MarketDataDesk, MaintenanceDesk):
    """What a flow body hands to its tasks.

    Attributes:
        home: The settings of the stack.
        settings: Of its site that is in use: where the core and the trading database are.
        database: The trading database, of the site.
        operations: The operations database, of no site: it outlives a restore and a failover.
        session: The trading day of the exchange's clock; None when it did not tell.
        processes: Who starts and stops the services, here and on hosts.
    """

    home: Settings
    settings: Settings
    run: Run
    core: Core
    broker: TradingApi
    database: Database
    operations: Database
    session: Session | None
    processes: Placement

    @property
    def day(self) -> Session:
        """The trading day this run is about.

        Raises:
            Unreachable: The exchange did not tell which it is.
        """
        if self.session is None:
            raise Unreachable(
                "trading day: expected the exchange to tell it, was no answer",
                next_step="see whether it runs and a session is open: `tradeops status`",
            )
        return self.session

    def day_of(self, trading_date: date | None) -> Session:
        """Return a trading day of the account; None: the one this run is about."""
        return self.day if trading_date is None else replace(self.day, trading_date=trading_date)

    @property
    def calendar(self) -> ExchangeCalendar:
        """When the exchange trades, with the firm's word above the libraries'."""
        return ExchangeCalendar.of(self.home.calendar_file)

    def scheduled_runs(self, first: date | None, days: int) -> ScheduledRuns:
        """Return the runs that stand, and should stand, at Prefect's server for some days."""
        return ScheduledRuns.of(self.home, self.broker, first, days)

    @property
    def approvals(self) -> Approvals:
        """Where people are asked for their yes."""
        return Approvals(self.operations)

    @property
    def vault(self) -> Vault:
        """Where the day's dumps lie."""
        return Vault.of(self.settings, self.operations)

    @property
    def base_vault(self) -> BaseVault:
        """Where base backups of the trading server and the archive of its log lie."""
        return BaseVault(self.settings, self.operations)

    @property
    def window_after_gap(self) -> str:
        """The window of the base backup that a broken log asks for."""
        return self.base_vault.window_after_gap(backup_window())

    @property
    def newest_window(self) -> str | None:
        """The window of the newest good base backup; None: there is none."""
        return self.base_vault.newest_window()

    @property
    def roster(self) -> Roster:
        """Who is on call, and how they are reached."""
        return Roster.read(self.home.on_call_file)

    @property
    def shift(self) -> Shift:
        """The shift of this moment."""
        return shift_at(self.roster, SystemClock().now(), self.calendar)

    @property
    def changes_watched(self) -> list[Watched]:
        """The changes whose watch is not over, the oldest first."""
        return changes_watched(self.operations, self.database)

    @property
    def secret_homes(self) -> list[Path]:
        """The directories of secret files of every site that takes part."""
        return homes(self.settings)

    @property
    def logs(self) -> Path:
        """Where the services write their logs."""
        return self.settings.root / "logs"

    def sites(self, to: str) -> Sites:
        """Return the sites of a switch to the one called `to`."""
        return Sites.of(self.home, self.operations, to)

    def sites_without(self, back: str) -> Sites:
        """Return the sites of a switch away from the one called `back`."""
        return self.sites(site.other_than(self.home, back))

    def database_login(self, older_than_days: float) -> DatabaseLogin:
        """Return the login of the trading database, rotated when it is older than that."""
        older_than = timedelta(days=older_than_days)
        return DatabaseLogin.of(self.settings, older_than, self.processes)

    def restore(self, target: str, timeline: int | None) -> Restore:
        """Return the restore of the trading database to a target; nothing is begun yet."""
        return Restore(self.settings, self.operations, target, timeline)

    def broker_key(self, older_than_days: float) -> BrokerKey:
        """Return the key pair at the broker, rotated when it is older than that."""
        older_than = timedelta(days=older_than_days)
        return BrokerKey.of(self.settings, older_than, self.processes)

    @property
    def sealed_inputs(self) -> SealedInputs:
        """Where people are asked for a secret."""
        return SealedInputs(self.operations)

    def backup_id(self, books: Checklist) -> str:
        """Return the id of the day's backup, which depends on whether its books agree."""
        return backup_of(self.day, books)


@contextmanager
def open_run(
    runbook: str,
    subject: str | None = None,
    *,
    dry_run: bool,
    requested_by: str,
    break_glass: bool = False,
) -> Iterator[Desk]:
    """Open a run of `runbook`, and leave its evidence behind however it ends.

    Args:
        subject: What it is about; None: the trading day of the exchange's clock.
        dry_run: Describe every change, make none.
        requested_by: The role or person who started it, with their signature when they gave one.
        break_glass: Whether it may change the world with the database gone, and beside another
            run of itself. Protective runbooks only.

    Raises:
        ConfigurationError: A setting or a secret is missing.
        CheckFailed: Another run of the same runbook on the same subject is under way; or this one
            is late, asked people, and was not let in.
    """
    home = Settings.read()
    settings = site.in_use(home)
    run_id = _run_id()
    starter = Starter.read(requested_by, SystemClock().now())
    with ExitStack() as opened:
        clients = opened.enter_context(clients_of(settings))
        session = _session(clients.broker) if subject is None else None
        about = subject or (str(session) if session else UNDATED)
        journal = LocalJournal(settings.root / "runbooks" / "break_glass.jsonl")
        name = f"{runbook} by {starter.name} ({run_id[-8:]})"
        record = opened.enter_context(recording(settings, name, journal, break_glass))
        if record.connection and not dry_run and not break_glass:
            hold_window(record.connection, runbook, about)
        run = Run(
            runbook=runbook,
            subject=about,
            run_id=run_id,
            actor=starter.name,
            starter=starter,
            ledger=record.ledger,
            fence=record.fence,
            dry_run=dry_run,
            progress=Progress.of_flow(runbook),
        )
        opened.enter_context(_told(run))
        with begin(run):
            _pass_gate(home, clients)
            yield Desk(
                home,
                settings,
                run,
                clients.core,
                clients.broker,
                clients.database,
                clients.operations,
                session,
                opened.enter_context(closing(Placement(settings))),
            )


def _pass_gate(home: Settings, clients: Clients) -> None:
    """Leave here when this run was planned for another hour and its runbook then does nothing."""
    pass_gate(
        lambda: clients.broker.clock().now,
        Approvals(clients.operations),
        on_wall_clock=home.schedules_active,
    )


def backup_window(named: str | None = None, hours: int = 6) -> str:
    """Return the window of the wall clock that a base backup is of, by its first moment (UTC)."""
    if named:
        return named
    now = SystemClock().now()
    return f"{now.replace(hour=now.hour - now.hour % hours):%Y-%m-%dT%H00Z}"


def wall_date() -> date:
    """Return the exchange's date by this machine's clock: what is done daily needs no exchange."""
    return trading_date_of(SystemClock().now())


@contextmanager
def clients_of(settings: Settings) -> Iterator[Clients]:
    """Lend clients of the stack that `settings` describe."""
    with ExitStack() as opened:
        core = opened.enter_context(closing(HttpCore(settings)))
        broker = opened.enter_context(closing(Broker.of(settings)))
        database, operations = (
            opened.enter_context(Database(settings.live_secret(dsn), application="runbook"))
            for dsn in ("trading_dsn", "operations_dsn")
        )
        yield Clients(core, broker, database, operations)


@contextmanager
def _told(run: Run) -> Iterator[None]:
    """Say what begins, and leave the evidence of what was done or would be."""
    doing = "rehearsing" if run.dry_run else "running"
    say(f"{doing} {run.runbook} on {run.subject} for {run.actor}")
    try:
        yield
    except TradingError as error:
        warn(f"{type(error).__name__}: {error}")
        warn(f"next: {error.next_step}")
        raise
    finally:
        if run.dry_run:
            _show_plan(run)
        else:
            _show_ledger(run)


def _show_plan(run: Run) -> None:
    for step in run.plan:
        say(f"would {step}")
    if not run.plan:
        say("nothing would be changed")
    rows = [{"step": number, "would": step} for number, step in enumerate(run.plan, start=1)]
    show_table(f"{run.runbook}-plan", rows, f"What {run.runbook} would change on {run.subject}")


def _show_ledger(run: Run) -> None:
    try:
        lines = run.ledger.of_run(run.run_id)
    except Unreachable as error:
        warn(f"the effect ledger cannot be shown: {error}")
        return
    rows = [
        {"at": f"{line.at:%F %T.%f}", "kind": line.kind, "key": line.key, "what": line.sentence}
        for line in lines
    ]
    show_table(f"{run.runbook}-ledger", rows, f"What {run.runbook} changed on {run.subject}")


def _session(broker: TradingApi) -> Session | None:
    try:
        return current_session(broker)
    except TradingError as error:
        warn(f"trading day unknown: {error}")
        return None


def _run_id() -> str:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return str(uuid.uuid4())
    return str(context.flow_run.id)
