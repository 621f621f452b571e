"""Where a stack keeps the versions of its secrets, and the places its processes read them from."""

from pathlib import Path

from infra import cloud
from trading_core.secret_store.contract import SecretStore
from trading_core.secret_store.encrypted_file import EncryptedFileStore
from trading_core.secret_store.secrets_manager import SecretsManagerStore
from trading_core.settings import Settings

_SITES = "sites"


def open_store(settings: Settings) -> SecretStore:
    """Return the store the settings name; one for all sites of a stack.

    Raises:
        ConfigurationError: The key of the encrypted file, or the cloud's credentials, are missing.
    """
    if settings.secret_store == "secrets_manager":
        client = cloud.client(settings, "secretsmanager")
        return SecretsManagerStore(client, settings.secret_prefix)
    directory = stack_root(settings) / "secrets" / "store"
    return EncryptedFileStore(directory, settings.secret_store_key_file)


def homes(settings: Settings) -> list[Path]:
    """Return the directories of secret files of every site: this one's first."""
    root = stack_root(settings)
    known = [root / "secrets", *sorted(root.glob(f"{_SITES}/*/secrets"))]
    return [settings.secrets_dir, *(one for one in known if one != settings.secrets_dir)]


def stack_root(settings: Settings) -> Path:
    """Return the state directory of the home: that of another site lies within it."""
    return settings.root.parent.parent if settings.shares_operations else settings.root
