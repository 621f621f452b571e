"""Who runs which service: the supervisor here, or systemd on the host that hosts.toml names.

One object for both, so that nobody who starts, stops or looks at a service has to know where it
is. A host that does not answer takes nothing else with it: its services are UNREACHABLE, which is
neither running nor stopped.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import infra
from infra.embedded.supervisor import ProcessState, State, Supervisor
from infra.hosts import Host, read_hosts
from infra.systemd.provision import WantedFile, wanted_files
from infra.systemd.remote import RemoteUnits
from infra.systemd.units import ORDINARY, Installation
from trading_core import halt_request
from trading_core.errors import CheckFailed, ConfigurationError, Unreachable
from trading_core.services import service
from trading_core.settings import Settings

HERE = "this machine"
_PROJECT = Path(infra.__file__).parent.parent


class Placement:
    """The `Processes` of tasks for a stack with hosts. Opening it asks nobody anything."""

    def __init__(self, settings: Settings, local: Supervisor | None = None) -> None:
        self._settings = settings
        self._local = local or Supervisor(settings.root)

    def processes(self) -> Mapping[str, ProcessState]:
        """Return the state of every program, wherever it belongs.

        Raises:
            Unreachable: The supervisor of this machine does not answer.
            ConfigurationError: hosts.toml is wrong.
        """
        return _Programs(self._local.processes(), tuple(self._units.values()))

    def begin(self, name: str) -> None:
        """Ask for a service to be started where it belongs."""
        self._runner(name).begin(name)

    def end(self, name: str) -> None:
        """Ask for a service to be stopped where it belongs."""
        self._runner(name).end(name)

    def log_tail(self, name: str, lines: int) -> Sequence[str]:
        """Return the last lines a service has written, wherever it is."""
        return self._runner(name).log_tail(name, lines)

    def place_of(self, name: str) -> str:
        """Return where a service belongs, in words: "host one"."""
        units = self._units_of(name)
        return HERE if units is None else f"host {units.host.name}"

    def elsewhere(self, name: str) -> dict[str, ProcessState]:
        """Return what runs under that name where it does not belong, by place in words.

        Places that did not answer are among them, as UNREACHABLE: it may run there.
        """
        own = self._units_of(name)
        found: dict[str, ProcessState] = {}
        if own is not None and (here := self._local.processes().get(name)):
            found[HERE] = here
        for units in self._units.values():
            if units is not own:
                found[f"host {units.host.name}"] = _asked(units)[name]
        return {place: state for place, state in found.items() if not state.is_down}

    def lacking(self, name: str) -> list[str]:
        """Return which files the host of a service lacks, or has in another version; here: none.

        Raises:
            Unreachable: The host does not answer.
            CheckFailed: It is another machine than hosts.toml says, or does not let us in.
            ConfigurationError: A secret is missing, or the host could not reach this machine.
        """
        units = self._units_of(name)
        return [] if units is None else units.differing(self._wanted(units, name))

    def provide(self, name: str) -> None:
        """Write what the host of a service lacks; errors as `lacking`."""
        units = self._units_of(name)
        if units is not None:
            wanted = self._wanted(units, name)
            lacking = units.differing(wanted)
            units.install({path: wanted[path] for path in lacking})
            if str(halt_request.path_of(units.place.state)) in lacking:
                halt_request.clear(self._settings.root)  # it lies where it is read from now on

    def halt_waits(self) -> bool:
        """Whether a halt lies on the disk where the executor would find it at its next start."""
        units = self._units_of("trade_executor")
        if units is None:
            return halt_request.pending(self._settings.root) is not None
        return units.has(str(halt_request.path_of(units.place.state)))

    def close(self) -> None:
        """Let go of every connection."""
        if "_units" in self.__dict__:
            for units in self._units.values():
                units.close()

    @cached_property
    def _units(self) -> dict[str, RemoteUnits]:
        hosts = read_hosts(self._settings)
        return {host.name: RemoteUnits(host, _installation(host)) for host in hosts}

    def _units_of(self, name: str) -> RemoteUnits | None:
        known = service(name).name
        for units in self._units.values():
            if known in units.host.services:
                return units
        if not self._settings.is_here(known) and service(known).module:
            raise ConfigurationError(
                f"{known}: expected a host in {self._settings.root}/hosts.toml that runs it, found "
                f"none; the others look for it at {self._settings.address(known)}",
                next_step="add it to the host's services, or take it out of TRADEOPS_HOSTS",
            )
        return None

    def _runner(self, name: str) -> Supervisor | RemoteUnits:
        return self._units_of(name) or self._local

    def _wanted(self, units: RemoteUnits, name: str) -> dict[str, WantedFile]:
        wanted = wanted_files(self._settings, units.host, units.place, name)
        path = str(halt_request.path_of(units.place.state))
        if path in wanted and (there := units.text(path)) is not None:
            # What lies there unread was asked for too: a halt takes no breaker back.
            ours = halt_request.parsed(wanted[path].content)
            both = halt_request.joined(halt_request.parsed(there), ours)
            wanted[path] = replace(wanted[path], content=halt_request.text_of(both))
        return wanted


def _installation(host: Host) -> Installation:
    """Return where things are on a host: this project at the same place as here."""
    python = Path(sys.executable)
    return replace(ORDINARY, project=_PROJECT, python=python, user=host.door.user)


class _Programs(Mapping[str, ProcessState]):
    """Programs here as they were just now; a host is asked once somebody wants to know.

    So a host that does not answer costs only those who ask about it the time to find out.
    """

    def __init__(self, here: Mapping[str, ProcessState], hosts: Sequence[RemoteUnits]) -> None:
        self._here = here
        self._host_of = {name: units for units in hosts for name in units.host.services}
        self._answers: dict[str, Mapping[str, ProcessState]] = {}

    def __getitem__(self, name: str) -> ProcessState:
        units = self._host_of.get(name)
        if units is None:
            return self._here[name]
        if units.host.name not in self._answers:
            self._answers[units.host.name] = _asked(units)
        return self._answers[units.host.name][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._here.keys() | self._host_of.keys())

    def __len__(self) -> int:
        return len(self._here.keys() | self._host_of.keys())


def _asked(units: RemoteUnits) -> Mapping[str, ProcessState]:
    try:
        return units.processes()
    except (Unreachable, CheckFailed, ConfigurationError) as error:
        return _Nobody(str(error))


class _Nobody(dict[str, ProcessState]):
    """The answer of a host that gives none: every service there is UNREACHABLE."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self._why = why

    def __missing__(self, name: str) -> ProcessState:
        return ProcessState(name, State.UNREACHABLE, 0, 0, 0, self._why)
