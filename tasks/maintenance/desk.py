"""What a desk offers the runbooks of maintenance."""

from tasks.backup.archives import Shelf
from tasks.backup.dumps import Dumps
from trading_core.settings import Settings
from trading_core.storage.connect import Database


class MaintenanceDesk:
    """The part of a desk that is about what is kept, and for how long."""

    __slots__ = ()

    settings: Settings
    operations: Database

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

    @property
    def binary_archives(self) -> Shelf:
        """Where the archives of the program lie, one a version."""
        return Shelf(self.settings, "binaries")

    @property
    def dumps(self) -> Dumps:
        """The dumps of both databases, here and in the bucket."""
        return Dumps(self.settings, self.operations)
