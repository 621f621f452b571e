"""The encrypted file: what lies on the disk tells nothing, and nobody but us may read even that."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.fix_stack import PROJECT
from trading_core.errors import ConfigurationError, Unreachable
from trading_core.secret_store.contract import Stage
from trading_core.secret_store.encrypted_file import EncryptedFileStore

ID = "1" * 32
VALUE = SecretStr("a planted secret")


@pytest.fixture
def store(tmp_path: Path) -> EncryptedFileStore:
    one = EncryptedFileStore(tmp_path / "store")
    one.put("broker_key", ID, VALUE, Stage.CURRENT)
    return one


def test_no_file_of_the_store_holds_a_value_in_clear(
    store: EncryptedFileStore, tmp_path: Path
) -> None:
    for path in (tmp_path / "store").iterdir():
        assert b"planted" not in path.read_bytes(), path
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_damaged_file_is_refused_in_words(store: EncryptedFileStore, tmp_path: Path) -> None:
    path = tmp_path / "store" / "broker_key.sealed"
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="our key, was another or damaged"):
        store.read("broker_key", Stage.CURRENT)


def test_the_file_of_one_secret_does_not_pass_for_another(
    store: EncryptedFileStore, tmp_path: Path
) -> None:
    directory = tmp_path / "store"
    (directory / "trading_dsn.sealed").write_bytes((directory / "broker_key.sealed").read_bytes())
    with pytest.raises(ConfigurationError, match="another or damaged"):
        store.read("trading_dsn", Stage.CURRENT)


def test_a_lost_key_is_not_replaced_by_a_new_one(store: EncryptedFileStore, tmp_path: Path) -> None:
    (tmp_path / "store" / "store.key").unlink()
    with pytest.raises(ConfigurationError, match=r"restore store\.key"):
        EncryptedFileStore(tmp_path / "store")


def test_a_key_that_others_may_read_is_refused(store: EncryptedFileStore, tmp_path: Path) -> None:
    (tmp_path / "store" / "store.key").chmod(0o644)
    with pytest.raises(ConfigurationError, match="by its owner only"):
        EncryptedFileStore(tmp_path / "store")


def test_a_key_may_come_from_elsewhere(tmp_path: Path) -> None:
    key = tmp_path / "from the KMS"
    key.write_bytes(os.urandom(32))
    key.chmod(0o600)
    EncryptedFileStore(tmp_path / "store", key).put("broker_key", ID, VALUE, Stage.CURRENT)
    assert EncryptedFileStore(tmp_path / "store", key).read("broker_key", Stage.CURRENT)
    assert not (tmp_path / "store" / "store.key").exists()


def test_a_full_disk_leaves_the_old_version_whole(
    store: EncryptedFileStore, tmp_path: Path
) -> None:
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from pydantic import SecretStr\n"
        "from trading_core.secret_store.encrypted_file import EncryptedFileStore\n"
        "from trading_core.secret_store.contract import Stage\n"
        "store = EncryptedFileStore(Path(sys.argv[1]))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
        "store.put('broker_key', '2' * 32, SecretStr('new'), Stage.PENDING)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "store")],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert Unreachable.__name__ in ended.stderr
    kept = store.read("broker_key", Stage.CURRENT)
    assert kept is not None
    assert kept.value == VALUE
    assert store.read("broker_key", Stage.PENDING) is None
    assert not list((tmp_path / "store").glob(".*"))


@pytest.mark.parametrize("name", ["", "../elsewhere", "UPPER", ".hidden"])
def test_a_name_is_no_path(store: EncryptedFileStore, name: str) -> None:
    with pytest.raises(ConfigurationError, match="expected a name"):
        store.read(name, Stage.CURRENT)


def test_looking_into_a_store_makes_nothing_and_two_that_began_empty_share_one_key(
    tmp_path: Path,
) -> None:
    one, other = (EncryptedFileStore(tmp_path / "new") for _ in range(2))
    assert one.read("broker_key", Stage.CURRENT) is None
    assert list((tmp_path / "new").iterdir()) == []

    one.put("broker_key", "1", SecretStr("a"), Stage.CURRENT)
    other.put("password", "1", SecretStr("b"), Stage.CURRENT)

    assert other.read("broker_key", Stage.CURRENT) == one.read("broker_key", Stage.CURRENT)
    assert one.read("password", Stage.CURRENT) == other.read("password", Stage.CURRENT) is not None
