"""Where a person keeps their token: a file of their own, named or in the usual place."""

from pathlib import Path

from trading_core.approval.personal_token import PersonalToken
from trading_core.settings import Settings

USUAL = Path("~/.config/tradeops/token")


def own_token(settings: Settings, named: Path | None = None) -> PersonalToken | None:
    """Return the token of whoever works at this terminal; None when no file is named or there.

    Args:
        settings: May name a file.
        named: A file that was typed; goes before the settings.

    Raises:
        ConfigurationError: The file is not readable, others may read it, or it holds no token.
    """
    path = named or settings.token_file
    if path is not None:
        return PersonalToken.read_file(path.expanduser())
    usual = USUAL.expanduser()
    return PersonalToken.read_file(usual) if usual.exists() else None
