"""What was wanted of the session is read back as it was written."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from trading_core.broker.replay import SessionRequest
from trading_core.errors import ConfigurationError
from trading_core.gateway.session_file import SessionFile, SessionState, Wanted

EVERYTHING = SessionRequest(
    "bars", date(2013, 10, 7), Path("/data/bars"), ("SPY", "IBM"), 7, Decimal("50000.00")
)
LEAST = SessionRequest("synthetic", date(2013, 10, 7))


@pytest.mark.parametrize("request_", [EVERYTHING, LEAST], ids=["everything", "least"])
def test_what_was_written_is_read(tmp_path: Path, request_: SessionRequest) -> None:
    wanted = Wanted(SessionState.PAUSED, request_, "s1", "lunch")
    SessionFile(tmp_path).write(wanted)
    assert SessionFile(tmp_path).read() == wanted


def test_no_file_is_no_session(tmp_path: Path) -> None:
    assert SessionFile(tmp_path).read() is None


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    SessionFile(tmp_path).write(Wanted(SessionState.OPEN, LEAST, "s1"))
    (tmp_path / "gateway" / "session.json").write_text('{"state": "open"}')
    with pytest.raises(ConfigurationError, match=r"session\.json: expected the session last"):
        SessionFile(tmp_path).read()
