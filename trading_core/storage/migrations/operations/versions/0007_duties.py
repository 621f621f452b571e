"""What people hold: dated items that wait for their word."""

from alembic import op

from trading_core.storage.migrate import run_sql_beside

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_sql_beside(__file__)(op.get_bind())
