"""A hard cap holds whatever the version says; each limit knows which way it is loosened."""

from decimal import Decimal

import pytest

from tests.trading_core.risk.test_limits import BODY
from trading_core.errors import ConfigurationError
from trading_core.risk.caps import HARD_CAPS, loosened
from trading_core.risk.limits import RiskLimits


@pytest.mark.parametrize("name", sorted(HARD_CAPS))
def test_no_set_of_limits_exceeds_a_hard_cap(name: str) -> None:
    beyond = HARD_CAPS[name] + (Decimal("0.01") if HARD_CAPS[name] % 1 or "share" in name else 1)
    with pytest.raises(ConfigurationError, match=f"{name}|less than or equal"):
        RiskLimits.parse({**BODY, name: str(beyond)})


def test_what_is_left_out_is_at_its_cap() -> None:
    limits = RiskLimits.parse(BODY)
    assert limits.gross_exposure_usd_max == HARD_CAPS["gross_exposure_usd_max"]
    assert limits.position_concentration_max is None


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ({"a_max": 5}, {"a_max": 5}, []),
        ({"a_max": 5}, {"a_max": 4}, []),
        ({"a_max": 5}, {"a_max": "5.01"}, ["a_max"]),
        ({"a_max": 5}, {}, ["a_max"]),
        ({"a_max": 5}, {"a_max": None}, ["a_max"]),
        ({}, {"a_max": 5}, []),
        ({"buying_power_usd_reserve": 5}, {"buying_power_usd_reserve": 6}, []),
        ({"buying_power_usd_reserve": 5}, {"buying_power_usd_reserve": 4},
         ["buying_power_usd_reserve"]),
    ],
)  # fmt: skip
def test_what_permits_more_is_loosened(
    before: dict[str, object], after: dict[str, object], names: list[str]
) -> None:
    assert loosened(before, after) == names
