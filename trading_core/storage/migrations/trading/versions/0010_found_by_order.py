"""What an order's path asks for again and again is found by an index, however long the day is."""

from alembic import op

from trading_core.storage.migrate import run_sql_beside

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_sql_beside(__file__)(op.get_bind())
