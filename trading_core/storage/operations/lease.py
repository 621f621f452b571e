"""The writer lease: which site may trade, and which one of its processes may send orders now.

Kept in the operations database, at no site. A lease ends by itself `TTL` after its last renewal;
it passes to another site only after it has ended, and that is one conditional UPDATE: of two who
try, one succeeds.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import class_row

from trading_core.clock import seconds
from trading_core.errors import CheckFailed

TRADING = "trading"
TTL = seconds(10)

_COLUMNS = (
    "resource, site, switching_to, previous_site, epoch, switch_began_at, holder, place, term,"
    " renewed_at, expires_at, database_lsn::text AS database_lsn, database_at,"
    " expires_at > clock_timestamp() AS in_force,"
    " greatest(extract(epoch FROM expires_at - clock_timestamp()), 0)::float AS left_seconds,"
    " extract(epoch FROM clock_timestamp() - database_at)::float AS database_age_seconds"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Who asks for a lease.

    Attributes:
        holder: One process, by a name no other has.
        place: Its state directory. Who asks holds the lock of that directory, so that another
            process of the same place is known to be gone.
    """

    site: str
    holder: str
    place: str


@dataclass(frozen=True, slots=True)
class Lease:
    """How a lease stands, by the clock of its database.

    Attributes:
        site: Whose processes may hold it; None while it is switched.
        switching_to: The site it goes to while it is switched.
        epoch: Counts the sites' turns.
        term: Counts the holders.
        in_force: Whether its holder may still be sending orders.
        left_seconds: Until it ends by itself.
        database_lsn: How far the holder last saw the trading database come.
        database_age_seconds: How long ago that was.
    """

    resource: str
    site: str | None
    switching_to: str | None
    previous_site: str | None
    epoch: int
    switch_began_at: datetime | None
    holder: str | None
    place: str | None
    term: int
    renewed_at: datetime | None
    expires_at: datetime
    database_lsn: str | None
    database_at: datetime | None
    in_force: bool
    left_seconds: float
    database_age_seconds: float | None


def read(connection: Connection, resource: str = TRADING) -> Lease | None:
    """Return how the lease stands; None when nobody ever asked for it."""
    with connection.cursor(row_factory=class_row(Lease)) as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM writer_leases WHERE resource = %s", [resource])
        return cursor.fetchone()


def renew(connection: Connection, claim: Claim, resource: str = TRADING) -> bool:
    """Take or prolong the lease until `TTL` from now; return whether the claimant has it.

    The first site that ever asks is the one that trades. Another process's lease is taken only
    when it has ended, or when that process was of the same place.
    """
    connection.execute(
        "INSERT INTO writer_leases (resource, site) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        [resource, claim.site],
    )
    values = {
        "resource": resource,
        "site": claim.site,
        "holder": claim.holder,
        "place": claim.place,
        "ttl": TTL,
    }
    renewed = connection.execute(
        "UPDATE writer_leases SET renewed_at = clock_timestamp(),"
        " expires_at = clock_timestamp() + %(ttl)s, holder = %(holder)s, place = %(place)s,"
        " term = term + (holder IS DISTINCT FROM %(holder)s)::int"
        " WHERE resource = %(resource)s AND site = %(site)s"
        " AND (holder = %(holder)s OR place = %(place)s OR expires_at <= clock_timestamp())",
        values,
    )
    return renewed.rowcount == 1


def release(connection: Connection, holder: str, resource: str = TRADING) -> bool:
    """End the lease now: its holder says that nothing of it is on its way any more."""
    released = connection.execute(
        "UPDATE writer_leases SET expires_at = clock_timestamp()"
        " WHERE resource = %s AND holder = %s AND expires_at > clock_timestamp()",
        [resource, holder],
    )
    return released.rowcount == 1


def note_database(connection: Connection, holder: str, lsn: str, resource: str = TRADING) -> None:
    """Write down how far the holder sees the trading database: a witness should that be lost."""
    connection.execute(
        "UPDATE writer_leases SET database_lsn = %s, database_at = clock_timestamp()"
        " WHERE resource = %s AND holder = %s",
        [lsn, resource, holder],
    )


def begin_switch(connection: Connection, to: str, resource: str = TRADING) -> None:
    """Revoke the lease for the sake of another site. Doing it twice is doing it once.

    From here on nobody can renew it; it is still in force until it was released or has ended.

    Raises:
        CheckFailed: A switch to yet another site is under way.
    """
    connection.execute(
        "INSERT INTO writer_leases (resource, site, switching_to) VALUES (%s, NULL, %s)"
        " ON CONFLICT DO NOTHING",
        [resource, to],
    )
    connection.execute(
        "UPDATE writer_leases SET previous_site = site, site = NULL, switching_to = %s,"
        " switch_began_at = clock_timestamp() WHERE resource = %s AND site <> %s",
        [to, resource, to],
    )
    found = read(connection, resource)
    if found is None or to not in (found.site, found.switching_to):
        raise CheckFailed(
            f"writer lease: expected it at a site or on its way to {to}, was on its way to "
            f"{found.switching_to if found else 'nowhere'}",
            next_step="finish that switch first: run it again, it carries on where it stopped",
        )


def finish_switch(connection: Connection, to: str, resource: str = TRADING) -> bool:
    """Let processes of the new site have it, once nobody's is in force; return whether they may.

    The epoch grows by one with every switch, however often this is called.
    """
    connection.execute(
        "UPDATE writer_leases SET site = %s, switching_to = NULL, epoch = epoch + 1"
        " WHERE resource = %s AND switching_to = %s AND expires_at <= clock_timestamp()",
        [to, resource, to],
    )
    found = read(connection, resource)
    return found is not None and found.site == to
