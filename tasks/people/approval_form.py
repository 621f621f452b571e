"""The form in Prefect: the run is shown as paused and takes an answer there. It carries, no more.

Whoever reaches Prefect can fill it in or resume the run with nothing; what counts is the signature
in the approval code, which `tradeops approve --code` prints. Prefect may be away: then there is no
form, and everything else goes on.
"""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.input import RunInput, keyset_from_paused_state
from prefect.states import Paused, Running
from prefect.utilities.engine import propose_state_sync
from pydantic import Field

from tasks.kernel.evidence import warn
from trading_core.approval.request import Answer, Request
from trading_core.clock import seconds, stopwatch_seconds

# Prefect fails a pause that is over; ours ends first.
_PREFECT_WAITS_LONGER_BY = seconds(120)
_LOOK_EVERY_SECONDS = 1.0


class ApprovalForm(RunInput):
    """What somebody fills in on the run's page. Every field is needed."""

    answer: str = Field(description="yes or no")
    name: str = Field(description="Your name, as your token has it")
    reason: str = Field(description="Why, in the words you gave to the command above")
    approval_code: str = Field(description="Printed by the command above")


class Form:
    """The form of one request. Every method is a courtesy: an error of Prefect's is told, once."""

    def __init__(self, request: Request, page: str) -> None:
        """Show `page`, Markdown, above the fields."""
        context = FlowRunContext.get()
        flow_run = None if context is None else context.flow_run
        self._run_id: UUID | None = None if flow_run is None else flow_run.id
        self._request = request
        self._page = page
        self._times = 0
        self._looked_at_seconds = stopwatch_seconds()
        self._keyset: Any = None

    def open(self) -> None:
        """Offer the form: the run is paused, its process goes on waiting."""
        self._try(self._open)

    def answers(self) -> list[Answer]:
        """Return what was sent since it was opened, at most one, and offer it again."""
        found: list[Answer] = []
        now_seconds = stopwatch_seconds()
        if now_seconds - self._looked_at_seconds < _LOOK_EVERY_SECONDS:
            return found
        self._looked_at_seconds = now_seconds
        self._try(lambda: found.extend(self._taken()))
        return found

    def close(self) -> None:
        """Take the form away: the run runs again."""
        self._try(self._close)

    def _try(self, step: Callable[[], None]) -> None:
        if self._run_id is None:
            return
        try:
            step()
        except Exception as error:  # noqa: BLE001 - people answer on the command line as well
            warn(f"no form in Prefect: {type(error).__name__}: {error}")
            self._run_id = None

    def _open(self) -> None:
        assert self._run_id is not None, "looked at before"
        self._times += 1
        left = self._request.expires_at - self._request.asked_at + _PREFECT_WAITS_LONGER_BY
        key = f"approval-{self._request.id}-{self._times}"
        wanted: State[Any] = Paused(timeout_seconds=int(left.total_seconds()), pause_key=key)
        self._keyset = keyset_from_paused_state(wanted)
        wanted.state_details.run_input_keyset = self._keyset
        with get_client(sync_client=True) as client:
            state = propose_state_sync(client, wanted, flow_run_id=self._run_id)
        if not state.is_paused():
            raise RuntimeError(f"the run is {state.name} and cannot be paused")
        form = ApprovalForm.with_initial_data(description=self._page)
        form.save(self._keyset, self._run_id)

    def _taken(self) -> list[Answer]:
        assert self._run_id is not None, "looked at before"
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(self._run_id).state
        if state is None or not state.is_running():
            return []
        given = self._given()
        self._open()
        return [given]

    def _given(self) -> Answer:
        """Return what the form brought, as it came; nothing at all is an answer of nothing."""
        try:
            form = cast("ApprovalForm", ApprovalForm.load(self._keyset, self._run_id))
        except Exception:  # noqa: BLE001 - resumed without what the form asks for
            return Answer(self._request.id, "", "", "", "", "", "prefect")
        key_id, _, signature = form.approval_code.strip().partition(".")
        return Answer(
            request_id=self._request.id,
            name=form.name.strip(),
            key_id=key_id,
            says=form.answer.strip().lower(),
            reason=form.reason,
            signature=signature,
            channel="prefect",
        )

    def _close(self) -> None:
        assert self._run_id is not None, "looked at before"
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(self._run_id).state
            if state is not None and state.is_paused():
                client.set_flow_run_state(self._run_id, Running(), force=True)
