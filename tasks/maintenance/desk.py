"""What a desk offers the runbooks of maintenance."""

from tasks.backup.archives import Shelf
from trading_core.settings import Settings


class MaintenanceDesk:
    """The part of a desk that is about what is kept, and for how long."""

    __slots__ = ()

    settings: Settings

    @property
    def log_archives(self) -> Shelf:
        """Where the archives of the services' logs lie."""
        return Shelf(self.settings, "logs")

    @property
    def configuration_archives(self) -> Shelf:
        """Where the archives of the configuration lie."""
        return Shelf(self.settings, "configuration")

    @property
    def row_archives(self) -> Shelf:
        """Where the archives of rows lie that were past their time; they are never removed."""
        return Shelf(self.settings, "rows")
