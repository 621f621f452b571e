"""The protective steps a rule may name: done at once, before anything is written or started.

They need no database and no Prefect. A step that is not confirmed is tried again while its alert
fires, and one that is confirmed is not: a person who resumed trading meanwhile is not overruled by
a repetition of the same alert.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

import structlog

from infra.sites import site
from trading_core.clock import SystemClock, seconds
from trading_core.errors import TradingError
from trading_core.gateway.protect import halt_now
from trading_core.metrics import Metrics
from trading_core.peers import Peer
from trading_core.settings import Settings
from trading_core.storage.operations.alert_inbox import Episode

HALT = "halt"
HALT_WITHOUT_FEED = "halt-without-feed"
ACTOR = "alert-gateway"

_FEED_WITHIN = seconds(0.3)
# After this long a person is at it, whose word on trading then counts.
_TRIED_FOR = seconds(120)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Protection:
    """What a protective step did.

    Attributes:
        at: When it had been done.
        held: Whether a second look confirmed it.
        said: What was done and seen, in words.
        is_final: Whether nothing is left to do for this episode.
    """

    at: datetime
    held: bool
    said: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class Threat:
    """What is known of an alert that a protective step is for."""

    episode: str
    step: str
    summary: str


@dataclass(frozen=True, slots=True)
class _Known:
    threat: Threat
    done: Protection
    since: datetime


class Guard:
    """Takes the protective steps, each once for an episode, and remembers what came of them."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self._taken = metrics.counter("alert_protections_total")
        self._turn = Lock()
        self._known: dict[str, _Known] = {}
        self._steps: dict[str, Callable[[Threat], Protection]] = {
            HALT: self._halt,
            HALT_WITHOUT_FEED: self._halt_without_feed,
        }

    def protect(self, threat: Threat) -> Protection:
        """Take the step a rule names, unless it was taken and confirmed for this episode.

        A step of a name nobody knows is a halt: the rule wanted protection.
        """
        done = self.protected(threat.episode)
        return done if done is not None and done.held else self._take(threat)

    def remember(self, episodes: Iterable[Episode]) -> None:
        """Learn what an earlier gateway did for alerts that still fire."""
        for one in episodes:
            if one.protection and one.protected_at is not None:
                threat = Threat(one.episode, one.protection, _summary(one))
                is_final = one.protection_held and one.protection == HALT
                done = Protection(
                    one.protected_at, one.protection_held, one.protection_said, is_final
                )
                with self._turn:
                    self._known.setdefault(one.episode, _Known(threat, done, one.protected_at))

    def forget(self, episode: str) -> None:
        """Let go of an episode that has ended."""
        with self._turn:
            self._known.pop(episode, None)

    def protected(self, episode: str) -> Protection | None:
        """Return what was done for an episode; None: nothing was."""
        with self._turn:
            known = self._known.get(episode)
        return None if known is None else known.done

    def again(self) -> dict[str, Protection]:
        """Look again where a step is not confirmed, or where what it relied on may be gone.

        Returns:
            By episode, what came out otherwise than before.
        """
        with self._turn:
            known = [one for one in self._known.values() if not one.done.is_final]
        changed = {}
        for one in known:
            if one.done.held or self._clock.now() - one.since < _TRIED_FOR:
                done = self._take(one.threat)
                if (done.held, done.said) != (one.done.held, one.done.said):
                    changed[one.threat.episode] = done
        return changed

    def _take(self, threat: Threat) -> Protection:
        done = self._steps.get(threat.step, self._halt)(threat)
        with self._turn:
            before = self._known.get(threat.episode)
            since = done.at if before is None else before.since
            self._known[threat.episode] = _Known(threat, done, since)
        if before is None or (before.done.held, before.done.said) != (done.held, done.said):
            self._taken.labels(threat.step, str(done.held).lower()).inc()
            log.warning("protected", episode=threat.episode, held=done.held, said=done.said)
        return done

    def _halt(self, threat: Threat) -> Protection:
        try:
            report = halt_now(site.in_use(self._settings), f"alert: {threat.summary}", ACTOR)
        except TradingError as error:
            said = f"halt not possible: {error}"
            return Protection(self._clock.now(), held=False, said=said, is_final=False)
        failed = "; ".join(f"{step.name}: {step.detail}" for step in report.steps if not step.ok)
        held = report.confirmed
        said = "trading halted, no order open" if held else f"halt not confirmed: {failed}"
        return Protection(self._clock.now(), held=held, said=said, is_final=held)

    def _halt_without_feed(self, threat: Threat) -> Protection:
        if not self._other_feed_works():
            return self._halt(threat)
        said = "the backup feed works: trading goes on with it"
        return Protection(self._clock.now(), held=True, said=said, is_final=False)

    def _other_feed_works(self) -> bool:
        """Whether market data is known to come over REST; not knowing is no."""
        try:
            with Peer(
                site.in_use(self._settings), "market_data", answer_within=_FEED_WITHIN
            ) as market_data:
                return market_data.get("/data/status")["backup_reachable"] is True
        except (TradingError, KeyError, TypeError):
            return False


def _summary(one: Episode) -> str:
    return one.annotations.get("summary", one.alert_name)
