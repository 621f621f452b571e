"""Clients of S3, Route 53 and Secrets Manager: the real ones, or the stack's own stand-in.

A client waits a bounded time and tries a bounded number of times; what goes wrong arrives as one
of our errors.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from trading_core.errors import CheckFailed, Unreachable
from trading_core.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient

_CONNECT_WITHIN_SECONDS = 2
_ANSWER_WITHIN_SECONDS = 20
_ATTEMPTS_MAX = 3
# Refusals that pass by themselves.
_TEMPORARY = {"RequestTimeout", "SlowDown", "Throttling", "ThrottlingException"}


@overload
def client(settings: Settings, service: Literal["s3"]) -> "S3Client":
    """Return a client of S3."""


@overload
def client(settings: Settings, service: Literal["route53"]) -> "Route53Client":
    """Return a client of Route 53."""


@overload
def client(settings: Settings, service: Literal["secretsmanager"]) -> "SecretsManagerClient":
    """Return a client of Secrets Manager."""


def client(settings: Settings, service: Literal["s3", "route53", "secretsmanager"]) -> Any:
    """Return a client; threads may share it.

    Raises:
        ConfigurationError: The secrets aws_access_key_id and aws_secret_access_key are missing.
    """
    session = boto3.session.Session(
        aws_access_key_id=settings.secret("aws_access_key_id").get_secret_value(),
        aws_secret_access_key=settings.secret("aws_secret_access_key").get_secret_value(),
        region_name=settings.aws_region,
    )
    config = Config(
        connect_timeout=_CONNECT_WITHIN_SECONDS,
        read_timeout=_ANSWER_WITHIN_SECONDS,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS_MAX},
        # A bucket is part of the path: its name need not be one that DNS knows.
        s3={"addressing_style": "path"},
        # A proxy of this machine must not see what is copied within it.
        proxies={} if settings.aws_endpoint is None else None,
    )
    return session.client(service, endpoint_url=endpoint(settings), config=config)


def endpoint(settings: Settings) -> str:
    """Return the base URL of all three."""
    return settings.aws_endpoint or settings.url("cloud")


@contextmanager
def asked(what: str) -> Iterator[None]:
    """Turn what goes wrong while the cloud is asked into our own errors.

    Args:
        what: What is asked of it, for the sentence of the error.

    Raises:
        Unreachable: It did not answer, or had trouble of its own: what it did is unknown.
        CheckFailed: It answered, and refused.
    """
    try:
        yield
    except ClientError as error:
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        code = error.response.get("Error", {}).get("Code", "")
        if status >= 500 or code in _TEMPORARY:
            raise _unreachable(what, error) from error
        raise CheckFailed(
            f"{what}: expected to be allowed to, was refused: {error}",
            next_step="correct the secrets aws_access_key_id and aws_secret_access_key, or what "
            "they may do",
        ) from error
    except (BotoCoreError, Boto3Error) as error:
        raise _unreachable(what, error) from error


def _unreachable(what: str, error: Exception) -> Unreachable:
    return Unreachable(
        f"{what}: expected an answer, was {str(error).splitlines()[0]}",
        next_step="see whether the cloud answers: `tradeops status`, TRADEOPS_AWS_ENDPOINT",
    )
