"""A row that is written every few seconds, so that the age of any copy can be read in it."""

from alembic import op

from trading_core.storage.migrate import run_sql_beside

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_sql_beside(__file__)(op.get_bind())
