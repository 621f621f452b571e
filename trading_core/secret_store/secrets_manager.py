"""Secrets in AWS Secrets Manager, under a prefix; its staging labels are our stages.

The labels are always named in a question: without one the newest move of a label need not show.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from trading_core.clock import SystemClock
from trading_core.errors import CheckFailed, Unreachable
from trading_core.secret_store.contract import Stage, Version
from trading_core.secret_store.refusals import current_dropped, id_taken, not_pending, stage_taken

T = TypeVar("T")

_LABELS = {stage: f"AWS{stage}" for stage in Stage}
_ABSENT = "ResourceNotFoundException"
_REFUSALS = frozenset(
    {"InvalidRequestException", "InvalidParameterException", "ResourceExistsException"}
)


class SecretsManagerStore:
    """`SecretStore` in AWS. Threads may share one."""

    def __init__(self, client: Any, prefix: str) -> None:
        """Keep secrets as `<prefix>/<name>`.

        Args:
            client: boto3's client of `secretsmanager`; it has no static type.
        """
        self._client = client
        self._prefix = prefix
        self._clock = SystemClock()

    def read(self, name: str, stage: Stage) -> Version | None:
        """See `SecretStore`."""
        answer = self._or_none(
            lambda: self._client.get_secret_value(
                SecretId=self._id(name), VersionStage=_LABELS[stage]
            )
        )
        # A label that was taken away may still be answered for; the list of labels decides.
        if answer is None or answer["VersionId"] != self._labelled(name).get(_LABELS[stage]):
            return None
        body = json.loads(answer["SecretString"])
        created_at = datetime.fromisoformat(body["created_at"])
        return Version(str(answer["VersionId"]), SecretStr(str(body["value"])), created_at)

    def put(self, name: str, version_id: str, value: SecretStr, stage: Stage) -> None:
        """See `SecretStore`."""
        labels = self._labelled(name)
        if version_id in labels.values():
            if self._value(name, version_id) != value:
                raise id_taken(name, version_id)
            return
        if stage is Stage.PENDING and _LABELS[stage] in labels:
            raise stage_taken(name, stage)
        if not self._is_known(name):
            self._asked(lambda: self._client.create_secret(Name=self._id(name)))
        # The store's own date of a version has whole seconds and, at a stand-in, another zone.
        body = {"value": value.get_secret_value(), "created_at": self._clock.now().isoformat()}
        self._asked(
            lambda: self._client.put_secret_value(
                SecretId=self._id(name),
                ClientRequestToken=version_id,
                SecretString=json.dumps(body),
                VersionStages=[_LABELS[stage]],
            )
        )

    def promote(self, name: str, version_id: str) -> None:
        """See `SecretStore`."""
        labels = self._labelled(name)
        current = labels.get(_LABELS[Stage.CURRENT])
        pending = labels.get(_LABELS[Stage.PENDING])
        if version_id not in (current, pending):
            raise not_pending(name, version_id)
        if current != version_id:
            if current is not None:
                self._point(name, Stage.PREVIOUS, current, labels)
            self._point(name, Stage.CURRENT, version_id, labels)
        # Killed between the two moves, the version is both; the second run takes PENDING away.
        if pending == version_id:
            self._point(name, Stage.PENDING, None, labels)

    def drop(self, name: str, stage: Stage) -> None:
        """See `SecretStore`."""
        if stage is Stage.CURRENT:
            raise current_dropped(name)
        labels = self._labelled(name)
        if _LABELS[stage] in labels:
            self._point(name, stage, None, labels)

    def names(self) -> Sequence[str]:
        """See `SecretStore`."""
        pages = self._client.get_paginator("list_secrets")
        found = self._asked(
            lambda: [one["Name"] for page in pages.paginate() for one in page["SecretList"]]
        )
        start = f"{self._prefix}/"
        return sorted(name.removeprefix(start) for name in found if name.startswith(start))

    def _id(self, name: str) -> str:
        return f"{self._prefix}/{name}"

    def _value(self, name: str, version_id: str) -> SecretStr:
        answer = self._asked(
            lambda: self._client.get_secret_value(SecretId=self._id(name), VersionId=version_id)
        )
        return SecretStr(str(json.loads(answer["SecretString"])["value"]))

    def _is_known(self, name: str) -> bool:
        question = lambda: self._client.describe_secret(SecretId=self._id(name))  # noqa: E731
        return self._or_none(question) is not None

    def _labelled(self, name: str) -> dict[str, str]:
        """Return the version each label points at."""
        found = self._or_none(lambda: self._client.describe_secret(SecretId=self._id(name)))
        versions = {} if found is None else found.get("VersionIdsToStages") or {}
        return {label: version_id for version_id, on in versions.items() for label in on}

    def _point(
        self, name: str, stage: Stage, version_id: str | None, labels: dict[str, str]
    ) -> None:
        """Move a label to a version, from the one it is on, or take it away."""
        former = labels.get(_LABELS[stage])
        if former == version_id:
            return
        moves = {"MoveToVersionId": version_id, "RemoveFromVersionId": former}
        self._asked(
            lambda: self._client.update_secret_version_stage(
                SecretId=self._id(name),
                VersionStage=_LABELS[stage],
                **{word: one for word, one in moves.items() if one is not None},
            )
        )

    def _or_none(self, question: Callable[[], T]) -> T | None:
        try:
            return self._asked(question)
        except LookupError:
            return None

    def _asked(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if code == _ABSENT:
                raise LookupError(code) from None
            if code in _REFUSALS:
                raise CheckFailed(
                    f"Secrets Manager: refused {error.operation_name} with {code}",
                    next_step="look at the secret's versions in Secrets Manager, then run again",
                ) from None
            # Botocore repeats what was sent in some messages; only the code is kept.
            raise _silent(f"{code} on {error.operation_name}") from None
        except BotoCoreError as error:
            raise _silent(type(error).__name__) from None


def _silent(found: str) -> Unreachable:
    return Unreachable(
        f"Secrets Manager: expected an answer, was {found}",
        next_step="see whether the endpoint answers and its credentials hold, then run again",
    )
