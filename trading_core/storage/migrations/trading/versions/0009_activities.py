"""Fees, dividends and splits in our books, and parts of a share."""

from alembic import op

from trading_core.storage.migrate import run_sql_beside

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_sql_beside(__file__)(op.get_bind())
