"""The two sites: which may trade, and whether the other could take over now (DR-02, DR-15)."""

from contextlib import suppress
from dataclasses import dataclass

from infra.embedded.readiness import is_ready
from infra.embedded.supervisor import Supervisor
from infra.sites import database, site
from infra.sites.database import Standing
from infra.sites.name import SiteName
from tasks.kernel import CheckResult, Verdict, check
from trading_core.broker.keys import HALVES, PAIR
from trading_core.errors import TradingError, Unreachable
from trading_core.services import service
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import lease
from trading_core.storage.operations.lease import Lease

# What may be lost at most, in log and in time: beyond it a person has to decide to lose it.
LAG_BYTES_MAX = 1 << 20
LAG_SECONDS_MAX = 60.0
KEY_FILES = (PAIR, *HALVES)


@dataclass(frozen=True, slots=True)
class Sites:
    """The sites of a switch, and who decides between them.

    Attributes:
        home: The settings of the stack.
        source: The site that is to hand over.
        target: The site that is to take over.
        operations: The operations database, at neither.
    """

    home: Settings
    source: Settings
    target: Settings
    operations: Database

    @classmethod
    def of(cls, home: Settings, operations: Database, to: str) -> "Sites":
        """Return the sites of a switch to the one called `to`.

        Raises:
            ConfigurationError: There is no such site.
        """
        source = site.of_site(home, site.other_than(home, to))
        return cls(home, source, site.of_site(home, to), operations)

    @property
    def kind(self) -> str:
        """What a switch this way is called."""
        return "failback" if self.target.site == self.home.site else "failover"

    @property
    def services(self) -> tuple[str, ...]:
        """What trades at the site in use, in start order."""
        return tuple(name for name in site.IN_USE_ONLY if name != self.archive)

    @property
    def archive(self) -> str:
        """What archives the log at the site in use: trading does not stand on it."""
        return "wal_archive"

    @property
    def processes(self) -> Supervisor:
        """Who starts and stops the services of the target."""
        return Supervisor(self.target.root)

    def lease(self) -> Lease | None:
        """Return how the lease stands; None when nobody ever asked for it.

        Raises:
            Unreachable: The operations database does not answer.
        """
        with self.operations.transaction() as connection:
            return lease.read(connection)

    def standing(self) -> Standing:
        """Return how the target's database stands, asked twice before it counts as gone.

        Raises:
            Unreachable: It does not answer.
        """
        dsn = self.target.secret("superuser_dsn")
        try:
            return database.standing(dsn)
        except Unreachable:
            return database.standing(dsn)

    def source_standing(self) -> Standing | None:
        """Return how the source's database stands; None when it does not answer."""
        try:
            return database.standing(self.source.secret("superuser_dsn"))
        except TradingError:
            return None


@check
def check_second_site(sites: Sites) -> CheckResult:
    """Look whether there is another site at all."""
    found = site.exists(sites.target)
    return CheckResult(
        Verdict.PASS if found else Verdict.FAIL,
        f"{sites.target.site} {'is there' if found else 'was never made'}",
        "a second site: `tradeops up --with-standby`",
    )


@check
def check_lease_can_move(sites: Sites) -> CheckResult:
    """Read who may trade: the source, or already the target, and nobody is switching elsewhere."""
    expected = f"{sites.source.site} may trade, or the switch to {sites.target.site} is under way"
    found = sites.lease()
    if found is None:
        return CheckResult(Verdict.UNKNOWN, "nobody ever had the lease", expected)
    good = sites.target.site in (found.site, found.switching_to) or found.site == sites.source.site
    where = f"{found.site} may trade" if found.site else f"on its way to {found.switching_to}"
    force = f"in force for {found.left_seconds:.1f} s" if found.in_force else "not in force"
    return CheckResult(
        Verdict.PASS if good else Verdict.FAIL,
        f"{where}, epoch {found.epoch}, lease {force}",
        expected,
        {"holder": found.holder, "renewed_at": str(found.renewed_at), "term": found.term},
    )


@check
def check_replica(sites: Sites) -> CheckResult:
    """Ask the target's database whether it follows, and streams while there is whom to follow."""
    expected = "a replica, streaming while its primary answers"
    try:
        found = sites.standing()
    except TradingError as error:
        return CheckResult(Verdict.FAIL, str(error), expected)
    if not found.follows:
        promoted = _is_begun(sites)
        words = "promoted by this switch" if promoted else "a primary of its own"
        return CheckResult(Verdict.PASS if promoted else Verdict.FAIL, words, expected)
    words = "streams" if found.streams else "does not stream"
    verdict = Verdict.PASS
    if not found.streams and sites.source_standing() is not None:
        verdict, words = Verdict.FAIL, "does not stream, although its primary answers"
    return CheckResult(verdict, f"{words}, replayed {found.replayed}", expected)


@check
def check_replica_lag(sites: Sites) -> CheckResult:
    """Measure what the replica lacks: of the primary if it answers, else of what was seen of it.

    A replica that never streamed lacks all of it. With nothing to compare with it is not measured.
    """
    expected = f"less than {LAG_BYTES_MAX:,} bytes and {LAG_SECONDS_MAX:.0f} s behind"
    try:
        found = sites.standing()
    except TradingError as error:
        return CheckResult(Verdict.UNKNOWN, str(error), expected)
    if not found.follows and _is_begun(sites):
        return CheckResult(Verdict.PASS, "promoted by this switch", expected)
    ahead, source = sites.lease(), sites.source_standing()
    if source is not None and not source.follows:
        written, whose = source.written, "the primary's"
    elif ahead is not None and ahead.database_lsn is not None:
        written, whose = ahead.database_lsn, f"as last seen at {ahead.database_at:%F %T}"
    else:
        return CheckResult(Verdict.UNKNOWN, "nobody ever saw how far the primary was", expected)
    behind = database.bytes_behind(written, found.written)
    seconds = _seconds_behind(ahead, found) if behind else 0.0
    good = behind < LAG_BYTES_MAX and seconds < LAG_SECONDS_MAX
    return CheckResult(
        Verdict.PASS if good else Verdict.FAIL,
        f"{behind:,} bytes and {seconds:.0f} s behind {written} ({whose})",
        expected,
        {"bytes_behind": behind, "seconds_behind": seconds, "written": found.written},
    )


@check
def check_site_secrets(sites: Sites) -> CheckResult:
    """Compare every secret of the two sites, without showing any."""
    differing = site.differing_secrets(sites.source, sites.target)
    if _is_begun(sites):  # this switch has given the target a key that the source lacks
        differing = [name for name in differing if name not in KEY_FILES]
    return CheckResult(
        Verdict.FAIL if differing else Verdict.PASS,
        f"{len(differing)} secrets differ{': ' + ', '.join(differing) if differing else ''}",
        f"the secrets of {sites.target.site} as those of {sites.source.site}",
    )


@check
def check_site_startable(sites: Sites) -> CheckResult:
    """Ask the target's supervisor for every service it is to start, and for what they stand on."""
    expected = "a supervisor that knows every service of the core, and Redis ready"
    try:
        known = Supervisor(sites.target.root).processes()
    except Unreachable as error:
        return CheckResult(Verdict.FAIL, str(error), expected)
    missing = [name for name in site.IN_USE_ONLY if name not in known]
    if not is_ready(service("redis"), sites.target, known.get("redis")):
        missing.append("redis (not ready)")
    return CheckResult(
        Verdict.FAIL if missing else Verdict.PASS,
        f"missing: {', '.join(missing)}" if missing else "every service known, Redis ready",
        expected,
    )


@check
def check_site_name(home: Settings) -> CheckResult:
    """Ask the name service where trading's name leads; one that is down holds nobody up."""
    expected = "a name service that answers"
    try:
        found = SiteName(home).site()
    except TradingError as error:
        return CheckResult(Verdict.WARN, str(error), expected)
    return CheckResult(Verdict.PASS, f"the name leads to {found or 'no site yet'}", expected)


@check
def check_one_primary(sites: Sites) -> CheckResult:
    """Look at both databases: not more than one may take writes."""
    standings = {sites.source.site: sites.source_standing(), sites.target.site: None}
    with suppress(TradingError):
        standings[sites.target.site] = sites.standing()
    writable = [name for name, one in standings.items() if one is not None and not one.follows]
    return CheckResult(
        Verdict.PASS if len(writable) == 1 else Verdict.FAIL,
        f"{len(writable)} take writes: {', '.join(writable) or 'none'}",
        "1 database that takes writes",
        {name: str(one) for name, one in standings.items()},
    )


def _is_begun(sites: Sites) -> bool:
    """Whether the switch to the target has begun, or is through."""
    found = sites.lease()
    return found is not None and sites.target.site in (found.site, found.switching_to)


def _seconds_behind(ahead: Lease | None, found: Standing) -> float:
    if ahead is None or ahead.database_at is None or found.committed_at is None:
        return 0.0
    return max((ahead.database_at - found.committed_at).total_seconds(), 0.0)
