"""The ways between services: whether each end answers, and what passes along."""

import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from trading_core.clock import seconds, stopwatch_seconds
from trading_core.errors import Unreachable
from trading_core.peers import Peer
from trading_core.settings import Settings
from trading_core.status.indicators import Figure, Measured, Missing

NAMES = ("bus_links", "broker_network_ms")
# What a minute of trading travels along, and the counter that says how much did (HLT-10).
LINKS: Mapping[str, tuple[str, str]] = {
    "market data": ("market_data", "market_data_messages_received_total"),
    "signals": ("strategy_engine", "trading_messages_processed_total"),
    "risk checks": ("risk_manager", "risk_checks_performed_total"),
    "executions": ("trade_executor", "execution_orders_submitted_total"),
}
_WITHIN_SECONDS = 2.0


def measure(settings: Settings) -> Mapping[str, Measured]:
    """Return how many links have an end that answers, and how far away the broker is."""
    with ThreadPoolExecutor(len(LINKS)) as threads:
        answers = list(threads.map(lambda link: _answers(settings, link[0]), LINKS.values()))
    down = [name for name, up in zip(LINKS, answers, strict=True) if not up]
    note = f"not {', '.join(down)}" if down else f"of {len(LINKS)}"
    return {
        "bus_links": Figure(sum(answers), note),
        "broker_network_ms": _round_trip(settings),
    }


def _answers(settings: Settings, name: str) -> bool:
    try:
        with Peer(settings, name, answer_within=seconds(_WITHIN_SECONDS)) as peer:
            peer.look("/status")
    except Unreachable:
        return False
    return True


def _round_trip(settings: Settings) -> Measured:
    url = urlsplit(settings.trading_endpoint or settings.url("paper_exchange"))
    port = url.port or (443 if url.scheme == "https" else 80)
    began_seconds = stopwatch_seconds()
    try:
        socket.create_connection((url.hostname or "", port), timeout=_WITHIN_SECONDS).close()
    except OSError as error:
        return Missing(f"{url.hostname}:{port} was not reached: {error.strerror or error}")
    return Figure(1000 * (stopwatch_seconds() - began_seconds), f"{url.hostname}:{port}")
