"""Secrets on hosts: a service there reads a copy, which follows when the secret is rotated."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from tasks.services.hosts import Places
from trading_core.services import SERVICES


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts whose services read some secrets.

    Attributes:
        places: Who runs which service where; None: nobody on a host reads them now.
        files: The names of the secrets' files.
    """

    places: Places | None
    files: Sequence[str]

    def behind(self) -> list[str]:
        """Return the services whose host has another copy than this site, or none.

        Raises:
            Unreachable: A host does not answer: what it has is unknown.
        """
        if self.places is None:
            return []
        names = [row.name for row in SERVICES if row.module]
        return [name for name in names if self._lacks(self.places, name)]

    def bring(self) -> None:
        """Write what this site has to every host that has another.

        Raises:
            Unreachable: A host does not answer.
        """
        for name in self.behind():
            if self.places is not None:
                self.places.provide(name)

    def _lacks(self, places: Places, name: str) -> bool:
        lacking = (PurePosixPath(path) for path in places.lacking(name))
        return any(path.parent.name == "secrets" and path.name in self.files for path in lacking)
