"""Each token belongs to a person, by their personnel number and not by their name."""

from alembic import op

from trading_core.storage.migrate import run_sql_beside

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_sql_beside(__file__)(op.get_bind())
