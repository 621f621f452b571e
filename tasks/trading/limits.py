"""The desk's limits: what is proposed beside what is in force and used, and putting it in force."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from tasks.trading.control import Core
from trading_core.clock import seconds
from trading_core.errors import ConfigurationError
from trading_core.risk import changing
from trading_core.risk.changing import Proposal
from trading_core.storage.connect import Database

_SHOWS_WITHIN = seconds(10)


@check
def check_proposed_limits(core: Core, database: Database, changes: str) -> CheckResult:
    """Hold a proposal against the hard caps, and say what it loosens and how the day stands."""
    return judged(core, database, lambda _body: read_changes(changes))


@action
def ensure_risk_limits(
    core: Core, database: Database, changes: str, reason: str, until: datetime | None
) -> Change[None] | Unchanged[None]:
    """Put other limits in force, and read them back from the database and from the core.

    Raises:
        ConfigurationError: The result is no set of limits, or beyond a hard cap.
    """
    proposal = _proposal(database, changes)
    # What shall be in force, not what was before: the run after a killed one finds another before.
    target = proposal.sha256[:12]
    if not proposal.differences:
        because = f"version {proposal.present.version} of the limits says so already"
        return Unchanged(because, target=target)
    run = current_run()
    people = () if run.grant is None else run.grant.approved_by
    approved_by = " and ".join(people)[:200]
    end = "" if until is None else f" until {until.isoformat()}"

    def put_in_force(_fence: int) -> None:
        core.change_limits(read_changes(changes), (reason, run.actor, approved_by), until)

    return Change(
        does=f"change the limits: {proposal.sentence}{end}",
        act=put_in_force,
        holds=lambda: _is_in_force(core, database, proposal),
        within=_SHOWS_WITHIN,
        target=target,
        gated=bool(proposal.loosened),
        facts={"reason": reason, "made_from_version": proposal.present.version},
    )


def judged(
    core: Core, database: Database, changes_of: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> CheckResult:
    """Return what the caps say of limits made from those in force, and what they would loosen.

    Args:
        changes_of: Makes the changes from the body of the version in force.
    """
    expected = "a set of limits within every hard cap"
    try:
        with database.transaction() as connection:
            present = changing.in_force(connection)
        proposal = changing.propose(present, changes_of(present.body))
    except ConfigurationError as error:
        return CheckResult(Verdict.FAIL, str(error), expected)
    total_usd = core.risk().total_pnl_usd
    used = "P&L of the day not known" if total_usd is None else f"P&L of the day {total_usd} USD"
    looser = f"loosens {', '.join(proposal.loosened)}" if proposal.loosened else "loosens nothing"
    words = f"{proposal.sentence or 'no difference'}; {looser}; {used}"
    facts = {"made_from_version": proposal.present.version, "in_force": proposal.present.body}
    return CheckResult(Verdict.PASS, words, expected, facts)


def read_changes(text: str) -> dict[str, Decimal | None]:
    """Return the limits that "name=value name=none" names; none takes a limit away.

    Raises:
        ConfigurationError: A word of it is not of that form.
    """
    found: dict[str, Decimal | None] = {}
    for word in text.replace(",", " ").split():
        name, _, value = word.partition("=")
        try:
            found[name] = None if value == "none" else Decimal(value)
        except InvalidOperation:
            raise _unreadable(word) from None
    if not found:
        raise _unreadable(text)
    return found


def _unreadable(word: str) -> ConfigurationError:
    return ConfigurationError(
        f"changes: expected words like order_quantity_max=400, was {word!r}",
        next_step="write name=value for each limit, with a space between; none takes one away",
    )


def _proposal(database: Database, changes: str) -> Proposal:
    with database.transaction() as connection:
        return changing.propose(changing.in_force(connection), read_changes(changes))


def _is_in_force(core: Core, database: Database, proposal: Proposal) -> bool:
    with database.transaction() as connection:
        present = changing.in_force(connection)
    return present.sha256 == proposal.sha256 == core.risk().limits_sha256
