"""What our gate holds back is told apart from what failed; whatever is not known is a failure."""

import re
from pathlib import Path

import pytest

import trading_core.risk as risk_package
from trading_core.domain.modes import Mode
from trading_core.domain.refusals import is_by_our_gate
from trading_core.engine import Reason
from trading_core.execution import switch

_CODE = re.compile(r'(?:yield|return) "([A-Z_]+)", ')
# Written by the gate where it could not compare: nothing was held against a limit.
_COULD_NOT_TELL = {"EQUITY_UNKNOWN", "BUYING_POWER_UNKNOWN"}


def _codes_of_the_gate() -> set[str]:
    folder = Path(risk_package.__path__[0])
    found = {
        code
        for name in ("gate", "rules")
        for code in _CODE.findall((folder / f"{name}.py").read_text())
    }
    told = re.findall(r"            Reason\.([A-Z_]+): f", (folder / "gate.py").read_text())
    return found | set(told)


def test_every_code_the_gate_can_give_is_the_gates() -> None:
    codes = _codes_of_the_gate()
    assert {"DAILY_LOSS", "PRICE_COLLAR", "DUPLICATE_ORDER", "LEVERAGE"} <= codes
    assert {code for code in codes if not is_by_our_gate(code)} == _COULD_NOT_TELL
    assert is_by_our_gate("POSITION_QUANTITY: expected at most 500 shares, was 501")


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.RUNNING])
def test_every_mode_that_stops_orders_is_the_gates(mode: Mode) -> None:
    assert is_by_our_gate(mode.value.upper())
    assert all(map(is_by_our_gate, (switch.HALTED, switch.BREAKER_OPEN, switch.TRADING_DISABLED)))


@pytest.mark.parametrize(
    "reason",
    [
        *("", "running", "EXCHANGE_40310000", "DATABASE_UNAVAILABLE", "LIMITS_NOT_LOADED"),
        *("NO_REFERENCE_PRICE", "NOT_AN_ORDER", "NEVER_SENT", "UNCHECKABLE", "SOMETHING_NEW"),
        *(Reason.CAPACITY.name, Reason.BAD_VALUE.name),
    ],
)
def test_everything_else_failed(reason: str) -> None:
    assert not is_by_our_gate(reason)
