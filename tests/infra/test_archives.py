"""An archive is what its list says, or it is none."""

from io import BytesIO
from pathlib import Path

import pytest

from infra import archives
from infra.archives import Member


def written(path: Path, **texts: str) -> Path:
    archives.write(path, [Member.of_text(name, text) for name, text in texts.items()])
    return path


def test_what_was_put_in_is_listed_with_its_size_and_what_is_known_of_it(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "one.tar.gz"
    archives.write(path, [Member("a", BytesIO(b"xyz-not-this"), 3, {"upto": 7})])

    (only,) = archives.contents(path)

    assert (only["name"], only["bytes"], only["upto"]) == ("a", 3, 7)
    assert archives.is_whole(path)
    assert [one.name for one in path.parent.iterdir()] == ["one.tar.gz"]


@pytest.mark.parametrize("kept", [0, 10, 60, 150])
def test_one_that_was_cut_off_is_not_whole(tmp_path: Path, kept: int) -> None:
    path = written(tmp_path / "one.tar.gz", a="b" * 5000)
    path.write_bytes(path.read_bytes()[:kept])
    assert not archives.is_whole(path)
    with pytest.raises(ValueError, match=r"one\.tar\.gz: expected"):
        archives.contents(path)


def test_one_in_which_a_byte_was_changed_is_not_whole(tmp_path: Path) -> None:
    path = written(tmp_path / "one.tar.gz", a="".join(chr(33 + n % 90) for n in range(5000)))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert not archives.is_whole(path)


def test_one_that_was_never_written_is_not_whole(tmp_path: Path) -> None:
    assert not archives.is_whole(tmp_path / "none.tar.gz")
