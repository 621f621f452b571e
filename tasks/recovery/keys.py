"""The third fence of a switch: the exchange lets in the new site's key, and none of before.

Lease and database stand between our own processes and an order. The key stands at the exchange,
where nothing of the old site has a say: whatever it still runs, and whatever of ours it believes,
it is refused. Its files are not touched, nobody may reach them; rejoin-site brings them up to date.

A broker without a door for keys cannot do this: that is said, and the other two fences stand.
"""

from dataclasses import replace
from datetime import timedelta

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from tasks.kernel.evidence import warn
from tasks.recovery.sites import Sites
from tasks.security.broker_key import BrokerKey
from tasks.security.credentials import adopt, version_id
from trading_core.broker.key_door import KeyDoor
from trading_core.clock import seconds
from trading_core.errors import CheckFailed, TradingError
from trading_core.secret_store.contract import Stage, Version

_ISSUED_WITHIN = seconds(10)
_REFUSED_WITHIN = seconds(10)


@check
def check_old_key_revocable(sites: Sites) -> CheckResult:
    """Ask the exchange which keys it lets in: where it tells, it can also end the old site's."""
    expected = "a door of keys that answers, so that the exchange refuses the old site"
    door = _key_of(sites).door
    if door is None:
        return CheckResult(Verdict.WARN, "the broker has no door of keys", expected)
    try:
        live = _live(door)
    except TradingError as error:
        return CheckResult(Verdict.FAIL, str(error), expected)
    return CheckResult(Verdict.PASS, f"answers, {len(live)} keys are let in", expected)


@action
def ensure_own_key_issued(sites: Sites) -> Change[None] | Unchanged[None]:
    """Give the target a key at the exchange that the source never had.

    It is kept in the secret store before the exchange hears of it, so a run that was cut off goes
    on with the same one. A rotation that was under way is given up: its key is ended with the rest.
    """
    key, wanted, to = _key_of(sites), _version_id(sites), sites.target.site
    if key.door is None:
        because = f"the broker issues no keys: {to} has that of {sites.source.site}"
        return Unchanged(because, target=wanted)
    if _may_trade(sites):
        return Unchanged(f"{to} may trade already, with the key it has", target=wanted)
    if _is_issued(key, wanted):
        return Unchanged(f"{to} had a key of its own", target=wanted)
    return Change(
        does=f"give {to} a broker key of its own",
        act=lambda _fence: _issue(key, wanted),
        holds=lambda: _is_issued(key, wanted),
        within=_ISSUED_WITHIN,
        target=wanted,
        gated=True,
    )


@action
def ensure_old_key_refused(sites: Sites) -> Change[None] | Unchanged[None]:
    """End every other key at the exchange, and see the source's refused.

    Every other one, because nobody can ask the source which of them it holds.
    """
    key, wanted, one = _key_of(sites), _version_id(sites), sites.source.site
    if key.door is None:
        said = f"the broker has no door of keys: that of {one} works until it is ended by hand"
        warn(f"{said}; the lease and the database of {one} are what fences it")
        return Unchanged(said, target=wanted)
    if _may_trade(sites) or _is_alone(key, key.door, wanted):
        return Unchanged(f"the key of {one} was refused", target=wanted)
    former: list[Version] = []

    def refuse(_fence: int) -> None:
        former[:] = _refuse_others(key, wanted)

    def holds() -> bool:
        refused = not any(key.accepts(version.value) for version in former)
        return refused and key.door is not None and _is_alone(key, key.door, wanted)

    return Change(
        does=f"have the exchange refuse the broker key of {one}",
        act=refuse,
        holds=holds,
        within=_REFUSED_WITHIN,
        target=wanted,
        gated=True,
    )


def _key_of(sites: Sites) -> BrokerKey:
    """Return the key of the target alone: at the source nothing is written."""
    key = BrokerKey.of(sites.target, older_than=timedelta(0))
    return replace(key, homes=(sites.target.secrets_dir,))


def _version_id(sites: Sites) -> str:
    """Return the id of the key of this switch, the same before, while and after."""
    found, to = sites.lease(), sites.target.site
    turns = 0 if found is None else found.epoch
    turn = turns if found is not None and found.site == to else turns + 1
    return version_id("broker_key", to, str(turn))


def _may_trade(sites: Sites) -> bool:
    """Whether the switch is past this: the target was let trade after the other keys had ended."""
    found = sites.lease()
    return found is not None and found.site == sites.target.site


def _is_issued(key: BrokerKey, wanted: str) -> bool:
    current = key.store.read(key.name, Stage.CURRENT)
    if current is None or current.id != wanted:
        return False
    return key.is_handed_out(current.value) and key.accepts(current.value)


def _issue(key: BrokerKey, wanted: str) -> None:
    if key.store.read(key.name, Stage.CURRENT) is None:
        adopt(key)
    version = _kept(key, wanted)
    key.let_in(version.value)
    key.hand_out(version.value)
    key.store.promote(key.name, wanted)


def _kept(key: BrokerKey, wanted: str) -> Version:
    """Return the target's key as the store has it, made now unless it was before."""
    for stage in (Stage.CURRENT, Stage.PENDING):
        found = key.store.read(key.name, stage)
        if found is not None and found.id == wanted:
            return found
    key.store.drop(key.name, Stage.PENDING)
    key.store.put(key.name, wanted, key.fresh(), Stage.PENDING)
    made = key.store.read(key.name, Stage.PENDING)
    assert made is not None, "it was put there"
    return made


def _refuse_others(key: BrokerKey, wanted: str) -> list[Version]:
    """End every key but the target's; return those of them whose secret we know.

    Raises:
        CheckFailed: The target has none of its own yet: nothing was ended.
    """
    ours = key.store.read(key.name, Stage.CURRENT)
    if key.door is None or ours is None or ours.id != wanted:
        raise CheckFailed(
            f"{key.noun}: expected one of the new site's own before others end, was none",
            next_step="run this again: it issues one first",
        )
    former = key.store.read(key.name, Stage.PREVIOUS)
    for key_id in _live(key.door) - {key.label(ours.value)}:
        key.door.revoke(key_id)
    key.store.drop(key.name, Stage.PREVIOUS)
    return [] if former is None else [former]


def _is_alone(key: BrokerKey, door: KeyDoor, wanted: str) -> bool:
    current = key.store.read(key.name, Stage.CURRENT)
    if current is None or current.id != wanted or key.store.read(key.name, Stage.PREVIOUS):
        return False
    return _live(door) == {key.label(current.value)}


def _live(door: KeyDoor) -> frozenset[str]:
    return frozenset(one.key_id for one in door.report() if one.revoked_at is None)
