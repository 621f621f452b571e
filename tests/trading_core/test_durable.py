"""Small files that are whole or not there."""

from pathlib import Path

import pytest

from trading_core.durable import read_json, remove, write_json


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_json(tmp_path / "new" / "state.json", {"a": 1})
    write_json(tmp_path / "new" / "state.json", {"a": 2})
    assert read_json(tmp_path / "new" / "state.json") == {"a": 2}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["state.json"]


def test_a_value_that_cannot_be_written_leaves_the_old_content(tmp_path: Path) -> None:
    write_json(tmp_path / "state.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "state.json", {("no", "key"): 1})
    assert read_json(tmp_path / "state.json") == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_a_file_that_is_not_there_is_nothing_and_one_that_is_not_json_an_error(
    tmp_path: Path,
) -> None:
    assert read_json(tmp_path / "state.json") is None
    (tmp_path / "state.json").write_text('{"a":')
    with pytest.raises(ValueError, match="Expecting value"):
        read_json(tmp_path / "state.json")


def test_removing_twice_is_removing_once(tmp_path: Path) -> None:
    write_json(tmp_path / "state.json", 1)
    remove(tmp_path / "state.json")
    remove(tmp_path / "state.json")
    assert not (tmp_path / "state.json").exists()
