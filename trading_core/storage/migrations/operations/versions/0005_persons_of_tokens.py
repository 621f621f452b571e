"""A token of the control API is a person's, by their personnel number, or a machine's."""

from alembic import op

from trading_core.storage.migrate import run_sql_beside

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_sql_beside(__file__)(op.get_bind())
