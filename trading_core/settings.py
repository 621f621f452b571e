"""Settings of one stack: where it lives, which ports it takes, how its parts find each other.

Read once at the start of a process and passed down. Every variable starts with `TRADEOPS_`; one
that no setting reads is refused, because it is most often a misspelt one. Limits on money are
not settings: they live in the database, versioned, and have no defaults.
"""

import json
import os
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from trading_core.errors import ConfigurationError
from trading_core.live_secret import SecretFile
from trading_core.services import SERVICES, service
from trading_core.status.indicators import Limits, faults_of

_PREFIX = "TRADEOPS_"
# Settings that are tables, said as JSON.
_TABLES = ("ports", "hosts", "indicators", "open_ports", "mail_to")


class Settings(BaseSettings):
    """One stack. Two stacks with different `state_dir` and `port_offset` run side by side."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    state_dir: Path = Field(
        default=Path("var"),
        description="Where the stack keeps data, logs, secrets and reports.",
    )
    host: str = Field(default="127.0.0.1", description="Address every process binds to.")
    port_offset: int = Field(
        default=0,
        ge=0,
        le=40_000,
        description="Added to every default port of the service table.",
    )
    ports: dict[str, int] = Field(
        default_factory=dict,
        description='Ports that differ from the table, as JSON: {"gateway": 9080}.',
    )
    hosts: dict[str, str] = Field(
        default_factory=dict,
        description='Services on another machine, as JSON: {"market_data": "192.0.2.7"}.',
    )
    open_ports: tuple[int, ...] = Field(
        default=(22,),
        description="Ports of this machine that other machines are meant to reach, as JSON: [22].",
    )
    site: str = Field(
        default="primary",
        pattern="^[a-z][a-z0-9-]{0,30}$",
        description="The name of the site this stack is; two sites never trade at once.",
    )
    shares_operations: bool = Field(
        default=False,
        description="Whether this is a second site: operations and exchange are another stack's.",
    )
    postgres_dsn: SecretStr | None = Field(
        default=None,
        description="A PostgreSQL of your own (a superuser's DSN) for trading; absent: embedded.",
    )
    operations_postgres_dsn: SecretStr | None = Field(
        default=None,
        description="A PostgreSQL of your own for operations, at no site; absent: embedded.",
    )
    schedules_active: bool = Field(
        default=False,
        description="Whether deployments' schedules fire. Off in a replay: its clock is not ours.",
    )
    calendar_file: Path | None = Field(
        default=None,
        description="The firm's calendar (TOML), which wins over the libraries'; absent: the one "
        "that comes with the project, which changes nothing.",
    )
    on_call_file: Path | None = Field(
        default=None,
        description="Who is on call and how each is reached (TOML); absent: the one that comes "
        "with the project, which knows roles only.",
    )
    trading_endpoint: str | None = Field(
        default=None,
        description="Base URL of the broker's trading API; absent: the embedded paper exchange.",
    )
    provider_status_page: str | None = Field(
        default=None,
        description="Base URL of the page where the broker tells of its outages; absent: the paper "
        "exchange's own, and none for another broker.",
    )
    market_data_endpoint: str | None = Field(
        default=None,
        description="Base URL of the primary provider's REST API; absent: the trading endpoint.",
    )
    market_data_stream_endpoint: str | None = Field(
        default=None,
        description="Base URL of its stream (ws or wss); absent: that of its REST API.",
    )
    market_data_feed: str = Field(
        default="iex", pattern="^[a-z_]{1,20}$", description="Which of its feeds is the primary."
    )
    backup_market_data_endpoint: str | None = Field(
        default=None,
        description="Base URL of the backup provider's REST API; absent: the primary's.",
    )
    backup_market_data_stream_endpoint: str | None = Field(
        default=None,
        description="Base URL of its stream; absent: that of its REST API.",
    )
    backup_market_data_feed: str = Field(
        default="sip", pattern="^[a-z_]{1,20}$", description="Which of its feeds is the backup."
    )
    market_data_requests_per_minute: int = Field(
        default=200,
        ge=1,
        le=10_000,
        description="How often a provider's REST API may be asked when history is filled.",
    )
    bar_reference_dir: Path | None = Field(
        default=None,
        description="Directory with factor_files/ and map_files/: splits and names of symbols.",
    )
    bar_days_kept: int = Field(
        default=730,
        ge=1,
        le=36_500,
        description="How many days of minute bars are kept, in the database and in parquet.",
    )
    feed_silent_seconds_max: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Silence of a feed after which the other one is listened to, if it has news.",
    )
    aws_endpoint: str | None = Field(
        default=None,
        description="Base URL of S3, Route 53 and Secrets Manager; absent: the embedded stand-in.",
    )
    aws_region: str = Field(default="us-east-1", description="Region of the buckets and secrets.")
    backup_bucket: str = Field(
        default="tradeops-backups",
        min_length=3,
        max_length=63,
        description="Bucket of the second copy of every backup.",
    )
    heartbeat_seconds: float = Field(
        default=10.0,
        ge=0.2,
        le=60,
        description="How often the trading database's heartbeat is written: the grain of the RPO.",
    )
    offsite_seconds: float = Field(
        default=60.0,
        ge=0.5,
        le=900,
        description="How often the log's open segment is copied to the bucket.",
    )
    secret_store: Literal["file", "secrets_manager"] = Field(
        default="file",
        description="Where versions of rotated secrets are kept: an encrypted file, or AWS.",
    )
    secret_store_key_file: Path | None = Field(
        default=None,
        description="Key of the encrypted file, from a KMS or HSM; absent: a file beside it.",
    )
    secret_prefix: str = Field(
        default="tradeops",
        pattern="^[a-z][a-z0-9/_-]{0,60}$",
        description="What the names of our secrets in Secrets Manager begin with.",
    )
    slack_endpoint: str | None = Field(
        default=None,
        description="Base URL of Slack's Web API; absent: notices go to log and artifacts only.",
    )
    slack_channel: str = Field(default="#trading-alerts", description="Channel that notices go to.")
    mail_server: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9.:-]+:[0-9]{1,5}$",
        description="Host and port of the mail server that takes notices; absent: none is mailed.",
    )
    mail_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="How its connection is encrypted; none is for a server on this machine.",
    )
    mail_authorities_file: Path | None = Field(
        default=None,
        description="Certificates that vouch for it (PEM); absent: those of this machine.",
    )
    mail_user: str | None = Field(
        default=None,
        description="Its login, whose password is the secret mail_password; absent: no login.",
    )
    mail_from: str | None = Field(
        default=None, pattern="^[^@\\s]+@[^@\\s]+$", description="Address that mail comes from."
    )
    mail_to: tuple[str, ...] = Field(
        default=(),
        validate_default=True,
        description='Addresses that notices go to, as JSON: ["desk@example.com"].',
    )
    alert_for_seconds_max: float = Field(
        default=15.0,
        ge=0,
        description="Longest that a condition must hold before its alert fires. The rules' own "
        "minutes are production's; shorter than a restart by the supervisor, it cries wolf.",
    )
    alert_silence_seconds_max: float = Field(
        default=60.0,
        gt=0,
        description="How long the alert that always fires may be missing before people are told.",
    )
    token_file: Path | None = Field(
        default=None,
        description="Your personal token; absent: ~/.config/tradeops/token, when there is one.",
    )
    exchange_fee_per_share_usd: Decimal = Field(
        default=Decimal(0),
        ge=0,
        le=1,
        description="What the paper exchange takes for every share traded; a session may differ.",
    )
    exchange_faults: bool = Field(
        default=False,
        description="Whether the paper exchange has a door where faults are ordered, for drills.",
    )
    disk_used_percent_max: float = Field(
        default=80.0,
        gt=0,
        le=100,
        description="Disk use above which the pre-market check warns.",
    )
    indicators: dict[str, Limits] = Field(
        default_factory=dict,
        description="Limits of indicators that differ from the table, as JSON: "
        '{"cpu_used_percent": {"warning": 85, "critical": 95}}.',
    )
    indicator_window_seconds: float = Field(
        default=300.0,
        ge=10,
        le=86_400,
        description="Over how long rates, shares and quantiles are taken.",
    )
    service_memory_mb_max: float = Field(
        default=1024.0,
        ge=64,
        description="Memory that one service of ours may take; the largest is held against it.",
    )
    status_every_seconds: float = Field(
        default=15.0,
        ge=0.5,
        le=300,
        description="How often the gateway measures the state of the whole system.",
    )

    @field_validator("indicators")
    @classmethod
    def _indicators_make_sense(cls, others: dict[str, Limits]) -> dict[str, Limits]:
        if faults := faults_of(others):
            raise ValueError("; ".join(faults))
        return others

    @field_validator("mail_to")
    @classmethod
    def _mail_has_addresses(cls, to: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.data.get("mail_server") and not (to and info.data.get("mail_from")):
            raise ValueError("a mail server needs addresses: MAIL_FROM, and MAIL_TO as JSON")
        return to

    def port(self, name: str) -> int:
        """Return the TCP port of a service of the table, by name or alias."""
        row = service(name)
        return self.ports.get(row.name, row.port + self.port_offset)

    def address(self, name: str) -> str:
        """Return the address of the machine a service of the table runs on."""
        return self.hosts.get(service(name).name, self.host)

    def is_here(self, name: str) -> bool:
        """Whether a service of the table runs on the machine of this stack."""
        return self.address(name) == self.host

    def url(self, name: str) -> str:
        """Return the base URL of an HTTP service of the table."""
        return f"http://{self.address(name)}:{self.port(name)}"

    @cached_property
    def root(self) -> Path:
        """The state directory, absolute."""
        return self.state_dir.expanduser().absolute()

    @property
    def secrets_dir(self) -> Path:
        """Where secret files live, readable by their owner only."""
        return self.root / "secrets"

    def secret(self, name: str) -> SecretStr:
        """Return the content of one secret file.

        Raises:
            ConfigurationError: There is no such secret; the stack was never brought up.
        """
        path = self.secrets_dir / name
        try:
            return SecretStr(path.read_text().strip())
        except OSError as error:
            raise ConfigurationError(
                f"secret {name}: expected a readable file {path}, was {error.strerror}",
                next_step="bring the stack up with `tradeops up`",
            ) from error

    def live_secret(self, name: str) -> SecretFile:
        """Return the source of a secret that may be rotated while this process runs."""
        return SecretFile(self.secrets_dir / name)

    @classmethod
    def read(cls) -> Self:
        """Read the environment.

        Raises:
            ConfigurationError: A variable is unknown or its value is out of bounds.
        """
        known = {f"{_PREFIX}{field.upper()}" for field in cls.model_fields}
        unknown = sorted(v for v in os.environ if v.startswith(_PREFIX) and v not in known)
        if unknown:
            raise ConfigurationError(
                f"environment: no setting reads {', '.join(unknown)}",
                next_step=f"correct the spelling or unset it; known: {', '.join(sorted(known))}",
            )
        try:
            settings = cls()
        except ValidationError as error:
            facts = "; ".join(
                f"{_PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors()
            )
            raise ConfigurationError(
                f"environment: {facts}", next_step="correct the variable and run again"
            ) from None
        for variable, named in (("PORTS", settings.ports), ("HOSTS", settings.hosts)):
            strangers = sorted(set(named) - {row.name for row in SERVICES})
            if strangers:
                raise ConfigurationError(
                    f"{_PREFIX}{variable}: no service is called {', '.join(strangers)}",
                    next_step="use names of trading_core/services.py",
                )
        return settings

    def environment(self) -> dict[str, str]:
        """Return the variables that make a child process read these same settings."""
        ours_alone = {"postgres_dsn", "operations_postgres_dsn", "token_file", *_TABLES}
        values = self.model_dump(mode="json", exclude_none=True, exclude=ours_alone)
        variables = {f"{_PREFIX}{name.upper()}": str(value) for name, value in values.items()}
        variables[f"{_PREFIX}STATE_DIR"] = str(self.root)
        for name, table in self.model_dump(mode="json", include=set(_TABLES)).items():
            if table:
                variables[f"{_PREFIX}{name.upper()}"] = json.dumps(table, sort_keys=True)
        return variables
