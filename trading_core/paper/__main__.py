"""Run the paper exchange: `python -m trading_core.paper`."""

from trading_core.paper.door.app import NAME, paper_app
from trading_core.service import serve
from trading_core.settings import Settings


def main() -> None:
    """Serve until SIGTERM."""
    settings = Settings.read()
    serve(paper_app(settings), NAME, settings)


if __name__ == "__main__":
    main()
