"""The second place of files: what is there is proven by checksum, and what is not there is told."""

import hashlib
from pathlib import Path

import pytest

from infra import bucket as buckets
from infra import cloud
from infra.bucket import Bucket
from tests.fix_cloud import LocalCloud, running_cloud
from tests.fix_postgres import free_port
from trading_core.errors import CheckFailed, Unreachable
from trading_core.settings import Settings


@pytest.fixture
def bucket(local_cloud: LocalCloud, tmp_path: Path) -> Bucket:
    settings = local_cloud.settings(tmp_path)
    name = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:32]
    one = Bucket(cloud.client(settings, "s3"), name, "here/")
    one.ensure()
    return one


def test_a_file_arrives_and_comes_back_the_same(bucket: Bucket, tmp_path: Path) -> None:
    sent = written(tmp_path / "sent", b"abc")
    bucket.ensure()
    bucket.put("wal/one", sent, "any-hash")

    bucket.fetch("wal/one", tmp_path / "back")

    assert (tmp_path / "back").read_bytes() == b"abc"
    assert bucket.keys("wal/") == {"wal/one": 3}
    assert bucket.holds("wal/one", sent)


@pytest.mark.parametrize("size", [buckets._PART_BYTES - 1, buckets._PART_BYTES, 40_000_001])
def test_a_file_of_any_size_is_compared_by_checksum(
    bucket: Bucket, tmp_path: Path, size: int
) -> None:
    sent = written(tmp_path / "sent", b"\x07" * size)
    bucket.put("one", sent)

    assert bucket.holds("one", sent)
    with sent.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\x08")
    assert not bucket.holds("one", sent)


def test_what_is_not_there_is_not_held(bucket: Bucket, tmp_path: Path) -> None:
    sent = written(tmp_path / "sent", b"abc")
    assert not bucket.holds("one", sent)
    assert bucket.keys("") == {}
    assert Bucket(bucket.s3, "no-such-bucket", "").keys("") == {}
    with pytest.raises(CheckFailed, match="fetch one"):
        bucket.fetch("one", tmp_path / "back")


def test_removing_twice_is_removing_once(bucket: Bucket, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        bucket.put(name, written(tmp_path / name, name.encode()))
    bucket.remove(["a", "b"])
    bucket.remove(["a", "b"])
    assert bucket.keys("") == {"c": 1}


def test_a_cloud_that_is_gone_is_unreachable_and_back_empty_it_takes_files_again(
    tmp_path: Path,
) -> None:
    with running_cloud() as local:
        one = Bucket.of(local.settings(tmp_path))
        one.ensure()
        sent = written(tmp_path / "sent", b"abc")
        one.put("one", sent)

        local.stop()
        with pytest.raises(Unreachable, match="object one: expected an answer"):
            one.holds("one", sent)

        local.start()
        assert not one.holds("one", sent)
        one.ensure()
        one.put("one", sent)
        assert one.holds("one", sent)


def test_without_credentials_nothing_is_asked(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, aws_endpoint=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Exception, match="aws_access_key_id: expected a readable file"):
        Bucket.of(settings)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
