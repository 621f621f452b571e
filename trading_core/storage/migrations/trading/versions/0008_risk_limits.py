"""Limits that end by themselves, and the one way in which the core may change them."""

from alembic import op

from trading_core.storage.migrate import run_sql_beside

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_sql_beside(__file__)(op.get_bind())
