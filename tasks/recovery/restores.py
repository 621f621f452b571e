"""Restoring the trading database: looked at first, recovered beside, swapped in under approval."""

from contextlib import closing

from prefect import task
from prefect.cache_policies import NO_CACHE

from infra.postgres.restoring.copies import Lacking
from infra.postgres.restoring.restore import Restore
from infra.postgres.restoring.restore_progress import PARTS, Progress
from tasks.closing.reconciliation import check_books_agree
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from tasks.kernel.evidence import Row, say, show_table, warn
from trading_core.broker.contract import TradingApi
from trading_core.broker.http import Endpoint
from trading_core.broker.replay import Replay
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed, TradingError, Unreachable
from trading_core.ledger.session import current_session
from trading_core.lockstep import MinuteEnd
from trading_core.peers import Peer
from trading_core.settings import Settings
from trading_core.storage import migrate
from trading_core.storage.connect import Database
from trading_core.storage.migrate import Schema
from trading_core.storage.operations import recoveries
from trading_core.storage.operations.recoveries import Recovery
from trading_core.storage.trading import days

_KIND = "restore"
_SHOWS_WITHIN = seconds(10)
_ASKED_WITHIN = seconds(30)


@check
def check_target_reachable(restore: Restore) -> CheckResult:
    """Walk backups and archived log to the target: reachable exactly, or by how much not.

    A target that is naive, in the future, before the oldest backup or inside one, a log with a
    segment missing or changed, or a record corrupt: red, with the nearest reachable time.
    """
    expected = f"a verified backup and an unbroken, proven log to {restore.target}"
    try:
        if restore.is_swapped:
            return CheckResult(Verdict.PASS, "the restored data are in place already", expected)
        plan = restore.plan()
    except CheckFailed as error:
        return CheckResult(Verdict.FAIL, f"{error}; {error.next_step}", expected)
    return CheckResult(Verdict.PASS, str(plan), expected, {"backup": plan.backup.id})


@action
def ensure_copies_brought_back(restore: Restore) -> Change[Lacking] | Unchanged[Lacking]:
    """Bring back from the bucket what the target needs and is not here; the catalogue's lines too.

    Raises:
        CheckFailed: The target is none, or no place has a backup that serves.
    """
    bucket = restore.settings.backup_bucket
    try:
        lacking = restore.lacking()
    except Unreachable as error:
        return Unchanged(f"whether bucket {bucket} has what is missing here is unknown: {error}")
    if not lacking:
        return Unchanged(f"bucket {bucket} has nothing that is missing here")
    return Change(
        does=f"bring {lacking} back from bucket {bucket}",
        act=lambda _fence: _bring_back(restore, lacking),
        holds=lambda: restore.has(lacking),
        within=_SHOWS_WITHIN,
        facts={"log": list(lacking.log), "catalogue": [one.id for one in lacking.unknown]},
    )


@action
def ensure_scratch_recovered(restore: Restore) -> Change[Progress] | Unchanged[Progress]:
    """Recover the target beside the live server, prove where it came to, compare with the live."""
    if restore.is_swapped or restore.is_promoted:
        return Unchanged("the recovered data wait for their place, or have it", restore.progress())
    plan = restore.plan()
    if restore.holds(plan):
        return Unchanged(f"{plan} is recovered beside the live server", restore.progress())
    return Change(
        does=f"recover {restore.target} beside the live server",
        act=lambda _fence: restore.recover(plan),
        holds=lambda: restore.holds(plan),
        within=_SHOWS_WITHIN,
        facts={"plan": str(plan), "backup": plan.backup.id},
    )


@task(cache_policy=NO_CACHE)
def notify_comparison(restore: Restore) -> None:
    """Show what a restore would take back and bring back, table by table."""
    found = restore.progress()
    if found is None or current_run().dry_run:
        return
    rows: list[Row] = [{"table": name, **facts} for name, facts in found.compared.items()]
    lost = sum(int(facts["lost"]) for facts in found.compared.values())
    words = f"restores to {found.reached_at}; newest known commit {found.newest_known}"
    if not rows:
        warn(f"{words}; the live database did not answer, so nothing could be compared")
        return
    say(f"{words}; {lost} rows of the live database are not in it")
    show_table(f"{current_run().runbook}-comparison", rows, f"Restored against live: {words}")


@action
def ensure_part_noted(restore: Restore, part: str) -> Change[Progress] | Unchanged[Progress]:
    """Write down when a part of the restore ended: the record of its cost is made of these."""
    found = restore.progress()
    if current_run().dry_run or found is None or part in found.stamps:
        return Unchanged(f"when it was {part} is written down", found, part)

    def holds() -> bool:
        noted = restore.progress()
        return noted is not None and part in noted.stamps

    return Change(
        does=f"write down when it was {part}",
        act=lambda _fence: restore.stamp(part),
        holds=holds,
        within=_SHOWS_WITHIN,
        target=part,
    )


@action
def ensure_archive_level(restore: Restore) -> Change[None] | Unchanged[None]:
    """Have the archive hold all that the server wrote, now that nobody writes to it."""
    if restore.is_swapped or restore.is_level:
        return Unchanged("the server's log is not received any more")

    def holds() -> bool:
        found = restore.progress()
        return found is not None and found.server_end is not None

    return Change(
        does="archive the last of the log",
        act=lambda _fence: restore.note_level(),
        holds=holds,
        within=_SHOWS_WITHIN,
    )


@action
def ensure_scratch_promoted(restore: Restore) -> Change[None] | Unchanged[None]:
    """End the recovery at its final point; the server's logins become the present ones."""
    if restore.is_swapped or restore.is_promoted:
        return Unchanged("the recovery has ended")
    return Change(
        does=f"end the recovery at {restore.target}",
        act=lambda _fence: restore.promote(),
        holds=lambda: restore.is_promoted,
        within=_SHOWS_WITHIN,
    )


@action
def ensure_database_swapped(restore: Restore) -> Change[None] | Unchanged[None]:
    """Put the recovered data into the live server's place; the replaced data are kept aside."""
    if restore.is_swapped and not restore.scratch.place.exists():
        return Unchanged("the restored data were in place")
    return Change(
        does=f"replace the trading database by its state at {restore.target}",
        act=lambda _fence: restore.swap(),
        holds=lambda: restore.is_swapped,
        within=_SHOWS_WITHIN,
        gated=True,
    )


@action
def ensure_schema_current(settings: Settings) -> Change[None] | Unchanged[None]:
    """Bring the schema of the restored database to the version the services expect."""
    dsn, newest = settings.secret("owner_dsn"), migrate.newest_version(Schema.TRADING)

    def holds() -> bool:
        return migrate.current_version(dsn) == newest

    # In a rehearsal the database may be down: it is not known yet what it will have.
    if current_run().dry_run or holds():
        return Unchanged(f"the schema is to have version {newest}")
    return Change(
        does=f"bring the schema to version {newest}",
        act=lambda _fence: _upgrade(settings),
        holds=holds,
        within=_SHOWS_WITHIN,
    )


@action
def ensure_books_caught_up(
    settings: Settings, database: Database, broker: TradingApi
) -> Change[None] | Unchanged[None]:
    """Have the executor bring back what the exchange has of ours and the database has not."""
    if current_run().dry_run:
        return Unchanged("what is missing is only known once the database is restored")
    return Change(
        does="bring back from the exchange what the restored database lacks",
        act=lambda _fence: _catch_up(settings, database, broker),
        holds=lambda: _agrees(database, broker),
        within=_ASKED_WITHIN,
    )


@check
def check_restored_books(database: Database, broker: TradingApi) -> CheckResult:
    """Compare our books of the exchange's day with the broker's; a rehearsal has none yet."""
    if current_run().dry_run:
        return CheckResult(Verdict.PASS, "compared once restored", "0 breaks once restored")
    return check_books_agree.fn(database, broker, current_session(broker))


@action
def ensure_recovery_recorded(restore: Restore) -> Change[Recovery] | Unchanged[Recovery]:
    """Write down what the restore cost, by parts, beside its targets; then it is finished."""
    found = restore.progress()
    if found is None:
        return Unchanged("the restore was recorded and finished")

    def act(_fence: int) -> Recovery:
        cost = _cost(restore, restore.stamp("reconciled"))
        with restore.operations.transaction() as connection:
            recoveries.record(connection, cost)
        restore.finish()
        return cost

    return Change(
        does=f"record the restore to {restore.target}",
        act=act,
        holds=lambda: restore.progress() is None,
        within=_SHOWS_WITHIN,
    )


@task(cache_policy=NO_CACHE)
def notify_restored(restore: Restore) -> str:
    """Tell what the restore cost and what is due next; return it in a sentence."""
    with restore.operations.transaction() as connection:
        cost = recoveries.newest(connection, _KIND)
    if cost is None or current_run().dry_run:
        return f"would restore the trading database to {restore.target}"
    rows: list[Row] = [
        {"part": part, "seconds": f"{cost.parts[part]:.1f}"} for part in PARTS if part in cost.parts
    ]
    lost = "not measured" if cost.rpo_seconds is None else f"{cost.rpo_seconds:.1f} s"
    words = (
        f"restored to {restore.target}: back after {cost.rto_seconds:.1f} s (target "
        f"{cost.rto_target_seconds:.0f} s), {lost} taken back (target "
        f"{cost.rpo_target_seconds:.0f} s); trading is halted. Next: resume-trading, and "
        "back-up-database, because the log is on a new timeline"
    )
    say(words)
    show_table(f"{current_run().runbook}-parts", rows, words)
    return words


def _bring_back(restore: Restore, lacking: Lacking) -> Lacking:
    restore.bring_back(lacking)
    return lacking


def _upgrade(settings: Settings) -> None:
    migrate.upgrade(settings.secret("owner_dsn"))


def _catch_up(settings: Settings, database: Database, broker: TradingApi) -> None:
    with closing(Replay(Endpoint.of(settings))) as replay:
        replayed = replay.session()
    if replayed is not None:  # its day may have been opened after the target
        with database.transaction() as connection:
            days.open_day(connection, replayed.account_number, replayed.date, replayed.source)
    body = MinuteEnd(now=broker.clock().now).model_dump(mode="json")
    with Peer(settings, "trade_executor") as executor:

        def settled() -> bool:
            try:
                executor.post("/cycle/settle", body, within=_ASKED_WITHIN)
            except TradingError as error:
                warn(f"the executor has not caught up: {error}")
                return False
            return True

        poll(settled, within=_ASKED_WITHIN, every=seconds(1))


def _agrees(database: Database, broker: TradingApi) -> bool:
    found: CheckResult = check_books_agree.fn(database, broker, current_session(broker))
    return found.verdict is Verdict.PASS


def _cost(restore: Restore, progress: Progress) -> Recovery:
    parts = progress.parts()
    return Recovery(
        kind=_KIND,
        subject=restore.target,
        started_at=progress.started_at,
        parts=parts,
        rto_seconds=sum(parts.values()),
        rpo_seconds=progress.lost_seconds(),
        outcome=f"restored to {progress.reached_at}; the replaced data are kept 7 days",
    )
