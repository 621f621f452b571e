"""The service table is complete in itself, and its order is one that can be started."""

import importlib.util
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_core.errors import ConfigurationError
from trading_core.services import (
    SERVICES,
    Group,
    Service,
    in_group,
    service,
    start_order,
    stop_order,
)


def test_names_aliases_and_ports_are_each_given_once() -> None:
    names = [name for row in SERVICES for name in (row.name, *row.aliases)]
    ports = [row.port for row in SERVICES if row.port]
    assert len(set(names)) == len(names)
    assert len(set(ports)) == len(ports)


def test_every_dependency_is_a_row_of_the_table() -> None:
    names = {row.name for row in SERVICES}
    assert {needed for row in SERVICES for needed in row.depends_on} <= names


@pytest.mark.parametrize("row", [row for row in SERVICES if row.module], ids=lambda row: row.name)
def test_every_module_of_ours_can_be_run(row: Service) -> None:
    assert importlib.util.find_spec(f"{row.module}.__main__") is not None


def test_a_service_is_found_by_any_of_its_names() -> None:
    assert service("execution-engine") is service("trade_executor")
    with pytest.raises(ConfigurationError, match="trade_executer"):
        service("trade_executer")


def test_each_service_starts_after_what_it_depends_on_and_stops_before_it() -> None:
    started = [row.name for row in start_order()]
    assert sorted(started) == sorted(row.name for row in SERVICES)
    for row in SERVICES:
        assert all(started.index(needed) < started.index(row.name) for needed in row.depends_on)
    assert [row.name for row in stop_order()] == started[::-1]


def test_a_group_starts_in_the_order_of_the_whole() -> None:
    core = [row.name for row in in_group(Group.CORE)]
    assert core == [row.name for row in start_order() if row.group is Group.CORE]
    assert core.index("risk_manager") < core.index("trade_executor")


@given(st.permutations(SERVICES))
def test_no_order_of_rows_makes_a_service_start_too_early(rows: list[Service]) -> None:
    started = [row.name for row in start_order(rows)]
    for row in rows:
        assert all(started.index(needed) < started.index(row.name) for needed in row.depends_on)


def test_a_circle_of_dependencies_is_refused_and_named() -> None:
    first = Service("first", Group.CORE, 1, ("second",))
    second = Service("second", Group.CORE, 2, ("first",))
    with pytest.raises(ConfigurationError, match="first"):
        start_order([first, second])
    assert start_order([first]) == (first,)
    assert start_order([second, replace(first, depends_on=())])[0].name == "first"
