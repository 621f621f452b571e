"""The gateway knows the mode without asking, and not being able to know permits nothing."""

from pathlib import Path

import pytest

from trading_core import durable
from trading_core.domain.modes import Act
from trading_core.gateway.known_mode import KnownMode
from trading_core.gateway.problems import Refusal
from trading_core.peers import Peer
from trading_core.settings import Settings


@pytest.fixture
def known(tmp_path: Path) -> KnownMode:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "control_token").write_text("only-for-tests")
    settings = Settings(state_dir=tmp_path, ports={"trade_executor": 1})
    return KnownMode(settings, Peer(settings, "trade_executor"))


def spoken(root: Path, mode: str) -> None:
    state = {"mode": mode, "actor": "on-call", "reason": "a disk is full"}
    durable.write_json(root / "executor" / "state.json", {"state": state})


def test_a_desk_nobody_spoke_about_may_be_configured(known: KnownMode) -> None:
    known.require(Act.CONFIGURE)
    assert known.record()["source"] == "last known"


@pytest.mark.parametrize(("mode", "may"), [("maintenance", True), ("read_only", False)])
def test_with_everything_gone_the_last_known_mode_holds(
    known: KnownMode, tmp_path: Path, mode: str, may: bool
) -> None:
    spoken(tmp_path, mode)
    if may:
        known.require(Act.CONFIGURE)
    else:
        with pytest.raises(Refusal, match="read_only by on-call: a disk is full"):
            known.require(Act.CONFIGURE)
    found = known.record()
    assert (found["mode"], found["actor"], found["source"]) == (mode, "on-call", "last known")


@pytest.mark.parametrize("content", ["{", "{}", '{"state": {"mode": "holiday"}}', "[]"])
def test_a_record_that_cannot_be_read_may_have_been_the_strictest(
    known: KnownMode, tmp_path: Path, content: str
) -> None:
    durable.write_text(tmp_path / "executor" / "state.json", content)
    with pytest.raises(Refusal):
        known.require(Act.CONFIGURE)
    assert known.record()["mode"] == "read_only"
