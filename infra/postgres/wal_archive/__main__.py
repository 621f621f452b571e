"""`python -m infra.postgres.wal_archive`: the wal_archive process."""

from infra.postgres.wal_archive.app import NAME, app
from trading_core.service import serve
from trading_core.settings import Settings

if __name__ == "__main__":
    settings = Settings.read()
    serve(app(settings), NAME, settings)
