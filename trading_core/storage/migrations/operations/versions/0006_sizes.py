"""How large tables, folders and volumes were, day by day."""

from alembic import op

from trading_core.storage.migrate import run_sql_beside

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_sql_beside(__file__)(op.get_bind())
