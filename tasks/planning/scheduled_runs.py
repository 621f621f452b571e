"""Prefect's scheduled runs: what stands there of a plan, and bringing about the difference.

In a replay no wall time is right for a run: it is held, and whoever moves the exchange's clock lets
it go when the clock is there (`deployments/replayed_day.py`).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Cancelled, Scheduled

from tasks.planning.day_plan import DayPlan, PlannedRun, plan_day, plan_tag, read_tags
from trading_core.calendar.exchange_calendar import ExchangeCalendar
from trading_core.clock import SystemClock
from trading_core.errors import CheckFailed, ConfigurationError, Unreachable
from trading_core.ledger.session import KnowsSession, current_session, trading_date_of
from trading_core.settings import Settings

HELD = "Awaiting the exchange's clock"
# Longer than anybody replays; the server wants some time for a scheduled run.
_HELD_FOR = timedelta(days=3650)
_PAGE = 200


@dataclass(frozen=True, slots=True)
class StandingRun:
    """A run of a plan as Prefect has it."""

    id: UUID
    planned: PlannedRun
    state: StateType

    @property
    def waits(self) -> bool:
        """Whether it has not begun."""
        return self.state is StateType.SCHEDULED

    @property
    def is_withdrawn(self) -> bool:
        """Whether it was taken off the plan, or skipped."""
        return self.state is StateType.CANCELLED


@dataclass(frozen=True, slots=True)
class Difference:
    """What is to be done for the runs to be those of a plan."""

    add: tuple[PlannedRun, ...]
    cancel: tuple[StandingRun, ...]

    def __bool__(self) -> bool:
        return bool(self.add or self.cancel)

    def __str__(self) -> str:
        return f"add {_names(self.add)}; cancel {_names(run.planned for run in self.cancel)}"


@dataclass(frozen=True)
class ScheduledRuns:
    """The runs of some plans at Prefect's server.

    Attributes:
        now: By the clock the plans are of.
        held: Whether runs wait for the exchange's clock and not for a wall time.
    """

    plans: tuple[DayPlan, ...]
    now: datetime
    held: bool = False

    @classmethod
    def of(
        cls, settings: Settings, broker: KnowsSession, first: date | None, days: int
    ) -> "ScheduledRuns":
        """Return the runs of `days` days from `first` on; None: from the exchange's today on.

        Without schedules of our own the exchange's clock is another than the wall's: a replay.

        Raises:
            Unreachable: The exchange's clock was wanted and it did not answer.
        """
        calendar = ExchangeCalendar.of(settings.calendar_file)
        held, now, session = not settings.schedules_active, SystemClock().now(), None
        if held:
            with suppress(CheckFailed):  # no day was opened yet, so no clock runs but ours
                session, now = current_session(broker), broker.clock().now
        start = first or trading_date_of(now)
        dates = [start + timedelta(days=count) for count in range(max(days, 1))]
        # In a replay a date may be traded again, by another account.
        names = {session.trading_date: str(session)} if session else {}
        plans = (plan_day(one, calendar, name=names.get(one, ""), bells_only=held) for one in dates)
        return cls(tuple(plans), now, held)

    @property
    def first_day(self) -> date:
        """The first day that is planned."""
        return self.plans[0].date

    def difference(self) -> Difference:
        """Return what is to be added and cancelled. What is over already is not begun late."""
        standing = self.standing()
        in_force = [run for run in standing if not run.is_withdrawn]
        wanted = {run for plan in self.plans for run in plan.runs}
        there = {run.planned for run in in_force}
        return Difference(
            add=tuple(
                run
                for plan in self.plans
                for run in plan.runs
                if run not in there and run.due_at + run.line.window >= self.now
            ),
            cancel=tuple(run for run in in_force if run.waits and run.planned not in wanted),
        )

    def standing(self) -> list[StandingRun]:
        """Return every run of the plans, whatever became of it."""
        with _client() as client:
            return [
                StandingRun(run.id, planned, run.state.type)
                for plan in self.plans
                for run in _pages(client, plan_tag(plan.name))
                if (planned := self._planned(client, run)) and run.state
            ]

    def bring_about(self, difference: Difference) -> None:
        """Cancel and add; interrupted, the next difference is what is left."""
        withdrawn = [run.planned.key for run in self.standing() if run.is_withdrawn]
        with _client() as client:
            for standing in difference.cancel:
                withdraw: State[None] = Cancelled(message="taken off the plan by plan-session")
                client.set_flow_run_state(standing.id, withdraw, force=True)
                withdrawn.append(standing.planned.key)
            for run in difference.add:
                # A key is never forgotten: what was withdrawn and comes back has another.
                again = withdrawn.count(run.key)
                self._add(client, run, f"{run.runbook}/{run.key}/{again}")

    def _add(self, client: SyncPrefectClient, run: PlannedRun, key: str) -> None:
        client.create_flow_run_from_deployment(
            self._deployments[run.runbook],
            parameters=dict(run.line.parameters),
            state=self._state(run),
            name=f"{run.runbook} {run.plan} {run.slot}",
            tags=run.tags,
            idempotency_key=key,
        )

    def _state(self, run: PlannedRun) -> State[None]:
        if self.held:
            until = SystemClock().now() + _HELD_FOR
            due = f"due {run.due_at:%F %H:%M} UTC by the exchange's clock"
            return Scheduled(scheduled_time=until, name=HELD, message=due)
        return Scheduled(scheduled_time=run.due_at)

    def _planned(self, client: SyncPrefectClient, run: FlowRun) -> PlannedRun | None:
        names = {id_: name for name, id_ in self._deployments.items()}
        name = names.get(run.deployment_id) if run.deployment_id else None
        if name is None:  # of a runbook that is planned no more
            name = client.read_flow(run.flow_id).name
        return read_tags(name, run.tags)

    @cached_property
    def _deployments(self) -> dict[str, UUID]:
        names = sorted({run.runbook for plan in self.plans for run in plan.runs})
        with _client() as client:
            return {name: _deployment_id(client, name) for name in names}


def _pages(client: SyncPrefectClient, tag: str) -> Iterator[FlowRun]:
    wanted, offset = FlowRunFilter.model_validate({"tags": {"all_": [tag]}}), 0
    while True:
        page = client.read_flow_runs(
            flow_run_filter=wanted, sort=FlowRunSort.ID_DESC, limit=_PAGE, offset=offset
        )
        yield from page
        if len(page) < _PAGE:
            return
        offset += _PAGE


def _deployment_id(client: SyncPrefectClient, name: str) -> UUID:
    try:
        return client.read_deployment_by_name(f"{name}/{name}").id
    except ObjectNotFound:
        raise ConfigurationError(
            f"deployment {name}: expected one, as the timetable plans it, found none",
            next_step="run `tradeops up`, which deploys every runbook",
        ) from None


@contextmanager
def _client() -> Iterator[SyncPrefectClient]:
    try:
        with get_client(sync_client=True) as client:
            yield client
    except (httpx.TransportError, PrefectHTTPStatusError) as error:
        raise Unreachable(
            f"Prefect: expected an answer about scheduled runs, was {error}",
            next_step="see `tradeops status` and the log of prefect_server",
        ) from error


def _names(runs: Iterable[PlannedRun]) -> str:
    return ", ".join(str(run) for run in runs) or "nothing"
