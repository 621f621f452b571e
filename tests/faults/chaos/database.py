"""A PostgreSQL server of one's own, to be killed and started again."""

import subprocess
from pathlib import Path

from infra.embedded import account, postgres
from tests.fix_postgres import free_port
from trading_core.clock import poll, seconds


class KillablePostgres:
    """A running server. What it has committed is on the disk."""

    def __init__(self, root: Path) -> None:
        self.cluster = postgres.cluster(root, "127.0.0.1", free_port())
        self.cluster.create()
        self._log = root / "postgres.log"
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers: after a kill, once the last of the old has gone."""
        assert poll(self._begun, within=seconds(60)), self._log.read_text()[-4000:]

    def kill(self) -> None:
        """End it as the kernel does when memory runs out: without a word."""
        self._process.kill()
        self._process.wait()

    def remove(self) -> None:
        """Stop it and delete its data."""
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()
        self.cluster.remove()

    def _begun(self) -> bool:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.cluster.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.cluster.data_dir,
                start_new_session=True,
                **account.ids(self.cluster.run_as),
            )
        running = self._process
        poll(lambda: running.poll() is not None or self.cluster.answers(), within=seconds(30))
        return running.poll() is None and self.cluster.answers()
