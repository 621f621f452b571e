"""One row of the table of endpoints: what can be asked, by which token, what it is also called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from trading_core.access.api_token import Scope
from trading_core.domain.modes import Act
from trading_core.gateway.words import Word

Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True, slots=True)
class Alias:
    """Another path of an endpoint.

    Attributes:
        says: What taking this path says by itself: fields of the body.
        method: Where older scripts use another one.
    """

    path: str
    says: Mapping[str, Any] = field(default_factory=dict)
    method: Method | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing that can be asked.

    Attributes:
        title: What it does, as a sentence.
        body: What it is told; None where it changes nothing.
        protective: It only ever makes trading stop or shrink: it has its own threads and its own
            rate, and waits for no database.
        act: What the mode of the system has to allow; None: every mode does. What protects and
            what only looks is allowed in every mode.
        repeatable: Doing it twice is doing it once, so a call that was cut off is done again under
            its key. The others are answered: look first.
        page: It answers a page for a browser, which carries its token as a password (HTTP Basic,
            any user name).
        secret_answer: The answer's field `token` is shown once, and never written down.
        media_type: What the answer is, where it is not JSON.
        covers: Ids of the catalogue.
    """

    method: Method
    path: str
    title: str
    scope: Scope
    body: type[Word] | None = None
    aliases: tuple[Alias, ...] = ()
    protective: bool = False
    act: Act | None = Act.CONFIGURE
    repeatable: bool = False
    secret_answer: bool = False
    media_type: str = ""
    page: bool = False
    covers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Method and canonical path: what the record of calls calls it."""
        return f"{self.method} {self.path}"

    @property
    def changes(self) -> bool:
        """Whether it may change the world."""
        return self.body is not None
