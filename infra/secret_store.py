"""Where a stack keeps the versions of its secrets, and the places its processes read them from."""

from pathlib import Path

from infra import cloud
from infra.embedded.postgres import cluster
from infra.sites import replica, site
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
    """Return the directories of secret files of every site that takes part: this one's first.

    A site that was failed over from and does not follow yet takes no part: a new broker key in its
    files would open the door that the failover shut. rejoin-site gives it the secrets of the day.
    """
    root = stack_root(settings)
    known = [root / "secrets", *sorted(root.glob(f"{_SITES}/*/secrets"))]
    others = [one for one in known if one != settings.secrets_dir]
    return [settings.secrets_dir, *(one for one in others if _takes_part(settings, one.parent))]


def _takes_part(settings: Settings, other_root: Path) -> bool:
    """Whether the site in `other_root` is the one in use, or follows it."""
    if not site.is_in_use(settings):
        return True
    return replica.is_replica(cluster(other_root, settings.host, 0))


def stack_root(settings: Settings) -> Path:
    """Return the state directory of the home: that of another site lies within it."""
    return settings.root.parent.parent if settings.shares_operations else settings.root
