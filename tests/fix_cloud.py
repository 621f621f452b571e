"""The stand-in of the cloud, as a process of a test's own that can be ended and started anew."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from infra.embedded import cloud, secrets
from tests.fix_postgres import free_port
from trading_core.clock import poll, seconds
from trading_core.settings import Settings


@dataclass
class LocalCloud:
    """A server that speaks as S3 does, on a port of its own."""

    port: int
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def endpoint(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        self._process = subprocess.Popen(
            cloud.command("127.0.0.1", self.port),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert poll(self._answers, within=seconds(30)), f"{sys.executable} -m moto.server"

    def stop(self) -> None:
        """End it; it forgets everything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def settings(self, root: Path) -> Settings:
        """Return settings, with credentials, of a stack in `root` whose cloud this is."""
        for name in ("aws_access_key_id", "aws_secret_access_key"):
            secrets.ensure(root / "secrets", name)
        return Settings(state_dir=root, aws_endpoint=self.endpoint)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.endpoint}/moto-api/", trust_env=False, verify=False).is_success
        except httpx.HTTPError:
            return False


@contextmanager
def running_cloud() -> Iterator[LocalCloud]:
    """Run one for the length of a block."""
    one = LocalCloud(free_port())
    one.start()
    try:
        yield one
    finally:
        one.stop()


@pytest.fixture(scope="session")
def local_cloud() -> Iterator[LocalCloud]:
    """One for the whole run; a test that ends it starts it again. Use a bucket of your own."""
    with running_cloud() as one:
        yield one
