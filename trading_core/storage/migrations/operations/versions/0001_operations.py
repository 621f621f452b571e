"""The tables of the operations database, by subject: one SQL file each, run by name."""

from pathlib import Path

from alembic import op

from trading_core.storage.migrate import run_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run every SQL file of this version."""
    for file in sorted(Path(__file__).parent.glob("0001_*.sql")):
        run_sql(file, op.get_bind())
