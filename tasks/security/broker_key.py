"""The key pair at the broker: a new one beside the old where the broker has a door for that.

Where it has none (Alpaca's dashboard makes a new pair and ends the old one at once) order entry is
paused, and a person brings the new pair: see tasks/people/sealed_input.py.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from infra.embedded import secrets as secret_files
from infra.secret_store import homes, open_store
from tasks.kernel import CheckResult, Verdict, check, current_run
from tasks.security.hosts import Hosts
from tasks.services.hosts import Places
from tasks.trading.control import Core
from trading_core.broker import keys
from trading_core.broker.client import Broker
from trading_core.broker.contract import Account
from trading_core.broker.http import Endpoint
from trading_core.broker.key_door import KeyDoor
from trading_core.broker.keys import HALVES, PAIR, KeyPair, KeySource, read_pair
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed, ConfigurationError
from trading_core.secret_store.contract import SecretStore, Stage
from trading_core.settings import Settings

_SWITCHED_WITHIN = seconds(30)
_EQUAL_WITHIN = seconds(5)
# Twice as long as streams take to look for a rotated key: nobody who uses the old one is missed.
_LOOK_EVERY = seconds(0.5)
_KEY_ID_BYTES = 9
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class BrokerKey:
    """`Rotated`: a key pair, as JSON.

    Attributes:
        door: Where the broker issues and revokes keys; None: it has no such door.
        homes: The directories of secret files of every site, this one's first.
        read: Reads the pair in use from this site's files.
        hosts: Where services read a copy of this site's.
    """

    store: SecretStore
    base_url: str
    door: KeyDoor | None
    homes: tuple[Path, ...]
    read: KeySource
    older_than: timedelta
    hosts: Hosts
    name: str = "broker_key"
    noun: str = "broker key"

    @classmethod
    def of(
        cls, settings: Settings, older_than: timedelta, places: Places | None = None
    ) -> "BrokerKey":
        """Return the key of the stack."""
        endpoint = Endpoint.of(settings)
        return cls(
            open_store(settings),
            endpoint.base_url,
            KeyDoor.of(settings),
            tuple(homes(settings)),
            endpoint.keys,
            older_than,
            Hosts(places, (PAIR, *HALVES)),
        )

    def label(self, value: SecretStr) -> str:
        """Return the key's id."""
        return read_pair(value.get_secret_value()).key_id

    def in_use(self) -> SecretStr:
        """Return the pair that this site's files hold."""
        return SecretStr(self.read().as_text())

    def fresh(self) -> SecretStr:
        """Return a pair made here: the broker is told its digest only."""
        key_id = f"PK{secrets.token_hex(_KEY_ID_BYTES).upper()}"
        return SecretStr(KeyPair(key_id, SecretStr(secrets.token_urlsafe(_SECRET_BYTES))).as_text())

    def accepts(self, value: SecretStr) -> bool:
        """Return whether the broker lets somebody in with it."""
        with self.broker(value) as broker:
            try:
                broker.orders("open")
            except ConfigurationError:
                return False
        return True

    def let_in(self, value: SecretStr) -> None:
        """Have the broker issue it."""
        self._own_door().issue(read_pair(value.get_secret_value()))

    def shut_out(self, value: SecretStr) -> None:
        """Have the broker revoke it."""
        self._own_door().revoke(self.label(value))

    def hand_out(self, value: SecretStr) -> None:
        """Write it at every site and to hosts: the pair in one step, then its halves.

        Services read the pair; they never see the halves of two pairs.
        """
        for home in self.homes:
            for name, text in _files(value).items():
                secret_files.write(home, name, text)
        self.hosts.bring()

    def is_handed_out(self, value: SecretStr) -> bool:
        """Return whether every file of every site holds it, and hosts have this site's."""
        here = all(
            (home / name).exists() and (home / name).read_text().strip() == text
            for home in self.homes
            for name, text in _files(value).items()
        )
        return here and not self.hosts.behind()

    def broker(self, value: SecretStr) -> Broker:
        """Return a client that comes in with this pair, whatever the files say."""
        pair = read_pair(value.get_secret_value())
        source = keys.constant(pair.key_id, pair.secret_key.get_secret_value())
        return Broker(Endpoint(self.base_url, source))

    def _own_door(self) -> KeyDoor:
        if self.door is None:
            raise CheckFailed(
                "broker: expected a door that issues keys, has none",
                next_step="make the pair in the broker's dashboard when the runbook asks for it",
            )
        return self.door


@check
def check_next_key(key: BrokerKey) -> CheckResult:
    """See that the next pair opens the same account, with the same equity, paper or live alike.

    In a rehearsal there may be no next one yet: then there is nothing to see.
    """
    expected = "the account of the key in use, with the same equity, open orders readable"
    pending = key.store.read(key.name, Stage.PENDING)
    if pending is None or (current_run().dry_run and not key.accepts(pending.value)):
        return CheckResult(Verdict.PASS, "no next key was let in yet", expected)
    with key.broker(key.in_use()) as former, key.broker(pending.value) as following:
        found: list[tuple[Account, Account]] = []

        def equal() -> bool:
            # In a market that moves the two must be asked at one moment: tried a few times.
            found[:] = [(former.account(), following.account())]
            return _same(*found[0])

        good = poll(equal, within=_EQUAL_WITHIN)
        open_orders = len(following.orders("open"))
    one, other = found[0]
    return CheckResult(
        Verdict.PASS if good else Verdict.FAIL,
        f"{key.label(pending.value)} opens {_words(other)}, {open_orders} open orders; "
        f"the key in use {_words(one)}",
        expected,
    )


@check
def check_services_use_key(key: BrokerKey, core: Core) -> CheckResult:
    """Ask every service which key it uses, and the broker whether anybody still uses the former.

    A rehearsal, which has handed out nothing, only looks.
    """
    wanted = key.label(key.in_use())
    told: dict[str, frozenset[str]] = {}
    uses: list[tuple[int, int]] = []

    def switched() -> bool:
        told.clear()
        told.update(core.keys_in_use())
        uses.append(_former_use(key))
        over = len(uses) > 1 and uses[-1] == uses[-2] and uses[-1][1] == 0
        return over and all(who == {wanted} for who in told.values())

    rehearsal = current_run().dry_run
    within = seconds(0) if rehearsal else _SWITCHED_WITHIN
    done = poll(switched, within=within, every=_LOOK_EVERY)
    late = sorted(name for name, who in told.items() if who != {wanted})
    but = f", not {', '.join(late)}" if late else ""
    return CheckResult(
        Verdict.PASS if done or rehearsal else Verdict.FAIL,
        f"{len(told) - len(late)} of {len(told)} services use {wanted}{but}; "
        f"{uses[-1][1]} streams on the former key",
        f"every service uses {wanted}, nobody the former key",
        {name: sorted(who) for name, who in told.items()},
    )


def _former_use(key: BrokerKey) -> tuple[int, int]:
    """Return how often the former key was used so far, and how many streams stand on it.

    Zeros where the broker does not tell: then only the services' own word counts.
    """
    former = key.store.read(key.name, Stage.PREVIOUS)
    if former is None or key.door is None:
        return 0, 0
    found = [one for one in key.door.report() if one.key_id == key.label(former.value)]
    return (found[0].uses, found[0].streams) if found else (0, 0)


def _files(value: SecretStr) -> dict[str, str]:
    pair = read_pair(value.get_secret_value())
    halves = (pair.key_id, pair.secret_key.get_secret_value())
    return {PAIR: pair.as_text(), **dict(zip(HALVES, halves, strict=True))}


def _same(one: Account, other: Account) -> bool:
    return (one.account_number, one.environment, one.equity_usd) == (
        other.account_number,
        other.environment,
        other.equity_usd,
    )


def _words(account: Account) -> str:
    return f"{account.environment} account {account.account_number}, ${account.equity_usd:,.2f}"
