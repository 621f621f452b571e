"""The tables of one trading day."""

from alembic import op

from trading_core.storage.migrate import run_sql_beside

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_sql_beside(__file__)(op.get_bind())
