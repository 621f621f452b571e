"""What holds of one secret store holds of the other: an encrypted file, and Secrets Manager."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from infra import cloud
from tests.fix_cloud import LocalCloud
from trading_core.clock import SystemClock, seconds
from trading_core.errors import CheckFailed, Unreachable
from trading_core.secret_store.contract import SecretStore, Stage
from trading_core.secret_store.encrypted_file import EncryptedFileStore
from trading_core.secret_store.secrets_manager import SecretsManagerStore

NAME = "trading_dsn"
ONE, TWO, THREE = ("1" * 32, "2" * 32, "3" * 32)
Open = Callable[[], SecretStore]


@pytest.fixture(scope="module")
def client(local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return cloud.client(local_cloud.settings(tmp_path_factory.mktemp("cloud")), "secretsmanager")


@pytest.fixture(params=["encrypted file", "Secrets Manager"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Open the same store, as another process would."""
    if request.param == "encrypted file":
        return lambda: EncryptedFileStore(tmp_path / "store")
    client = request.getfixturevalue("client")
    return lambda: SecretsManagerStore(client, f"tradeops/{tmp_path.name}")


@pytest.fixture
def store(reopen: Open) -> SecretStore:
    return reopen()


@pytest.fixture
def rotating(store: SecretStore) -> SecretStore:
    """A store with a current version and one that is to follow it."""
    store.put(NAME, ONE, SecretStr("one"), Stage.CURRENT)
    store.put(NAME, TWO, SecretStr("two"), Stage.PENDING)
    return store


def stages(store: SecretStore) -> dict[str, str]:
    found = {stage: store.read(NAME, stage) for stage in Stage}
    return {
        str(stage): one.value.get_secret_value() for stage, one in found.items() if one is not None
    }


def test_an_unknown_secret_has_no_version(store: SecretStore) -> None:
    assert stages(store) == {}
    assert store.names() == []


def test_what_one_process_puts_another_reads(store: SecretStore, reopen: Open) -> None:
    before = SystemClock().now()
    store.put(NAME, ONE, SecretStr("one"), Stage.CURRENT)
    found = reopen().read(NAME, Stage.CURRENT)
    assert found is not None
    assert (found.id, found.value.get_secret_value()) == (ONE, "one")
    assert before <= found.created_at <= SystemClock().now() + seconds(1)
    assert reopen().names() == [NAME]


def test_the_next_version_waits_beside_the_current_one(rotating: SecretStore) -> None:
    assert stages(rotating) == {"CURRENT": "one", "PENDING": "two"}


def test_putting_the_same_version_again_changes_nothing(rotating: SecretStore) -> None:
    rotating.put(NAME, TWO, SecretStr("two"), Stage.PENDING)
    assert stages(rotating) == {"CURRENT": "one", "PENDING": "two"}


def test_one_version_id_never_means_two_values(rotating: SecretStore) -> None:
    with pytest.raises(CheckFailed, match="another value"):
        rotating.put(NAME, TWO, SecretStr("something else"), Stage.PENDING)
    assert stages(rotating) == {"CURRENT": "one", "PENDING": "two"}


def test_a_second_rotation_cannot_begin_beside_the_first(rotating: SecretStore) -> None:
    with pytest.raises(CheckFailed, match="rotation is under way"):
        rotating.put(NAME, THREE, SecretStr("three"), Stage.PENDING)


def test_promoting_makes_the_next_current_and_the_current_previous(
    rotating: SecretStore, reopen: Open
) -> None:
    rotating.promote(NAME, TWO)
    rotating.promote(NAME, TWO)
    assert stages(reopen()) == {"CURRENT": "two", "PREVIOUS": "one"}


def test_a_version_that_is_not_next_is_not_promoted(rotating: SecretStore) -> None:
    with pytest.raises(CheckFailed, match="neither"):
        rotating.promote(NAME, THREE)


def test_previous_is_dropped_once_it_is_refused(rotating: SecretStore, reopen: Open) -> None:
    rotating.promote(NAME, TWO)
    rotating.drop(NAME, Stage.PREVIOUS)
    rotating.drop(NAME, Stage.PREVIOUS)
    assert stages(reopen()) == {"CURRENT": "two"}


def test_a_next_version_that_does_not_work_is_dropped_and_replaced(rotating: SecretStore) -> None:
    rotating.drop(NAME, Stage.PENDING)
    rotating.put(NAME, THREE, SecretStr("three"), Stage.PENDING)
    assert stages(rotating) == {"CURRENT": "one", "PENDING": "three"}


def test_a_secret_is_never_without_a_current_version(rotating: SecretStore) -> None:
    with pytest.raises(CheckFailed, match="was CURRENT"):
        rotating.drop(NAME, Stage.CURRENT)


def test_ten_rotations_after_each_other_end_with_the_last(store: SecretStore) -> None:
    store.put(NAME, f"{0:032}", SecretStr("value 0"), Stage.CURRENT)
    for number in range(1, 11):
        store.put(NAME, f"{number:032}", SecretStr(f"value {number}"), Stage.PENDING)
        store.promote(NAME, f"{number:032}")
        store.drop(NAME, Stage.PREVIOUS)
    assert stages(store) == {"CURRENT": "value 10"}


def test_no_error_and_no_repr_shows_a_value(rotating: SecretStore) -> None:
    assert "two" not in repr(rotating.read(NAME, Stage.PENDING))
    with pytest.raises(CheckFailed) as caught:
        rotating.put(NAME, TWO, SecretStr("planted"), Stage.PENDING)
    assert "planted" not in f"{caught.value}{caught.value.__context__!r}"


def test_a_cloud_that_does_not_answer_is_unreachable(tmp_path: Path) -> None:
    settings = LocalCloud(port=1).settings(tmp_path)
    store = SecretsManagerStore(cloud.client(settings, "secretsmanager"), "tradeops/nowhere")
    with pytest.raises(Unreachable, match="Secrets Manager"):
        store.read(NAME, Stage.CURRENT)
