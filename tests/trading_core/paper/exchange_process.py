"""The exchange as the supervisor runs it: a process of its own, to be killed and started again."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from tests.trading_core.paper.exchange_parts import endpoint_of, settings_in
from trading_core.broker.client import Broker
from trading_core.broker.replay import Replay
from trading_core.clock import poll, seconds
from trading_core.errors import Unreachable


class ExchangeProcess:
    """A running exchange, and clients of it.

    Args:
        variables: More of its environment.
    """

    def __init__(self, state_dir: Path, **variables: str) -> None:
        settings = settings_in(state_dir)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.endpoint = endpoint_of(settings, f"http://127.0.0.1:{port}")
        self.broker, self.replay = Broker(self.endpoint), Replay(self.endpoint)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TRADEOPS_")}
        self._environment = {
            **kept,
            "TRADEOPS_STATE_DIR": str(state_dir),
            "TRADEOPS_PORTS": f'{{"paper_exchange": {port}}}',
            **variables,
        }
        self._log = state_dir / "exchange.log"
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self._log.open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "trading_core.paper"],
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        assert poll(self._answers, within=seconds(60)), self._log.read_text()

    def _answers(self) -> bool:
        assert self.child.poll() is None, self._log.read_text()
        try:
            self.replay.session()
        except Unreachable:
            return False
        return True

    def kill(self) -> None:
        """End it as a power cut would."""
        self.child.kill()
        self.child.wait(timeout=30)

    def close(self) -> None:
        """End it for good."""
        self.broker.close()
        self.replay.close()
        self.kill()
