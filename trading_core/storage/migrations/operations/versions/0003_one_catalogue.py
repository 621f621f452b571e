"""The day's dumps stand in the same catalogue as the copies of the server."""

from alembic import op

from trading_core.storage.migrate import run_sql_beside

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_sql_beside(__file__)(op.get_bind())
