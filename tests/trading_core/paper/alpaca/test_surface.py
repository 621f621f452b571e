"""Every method of Alpaca's client is tried by these tests, or named here as none of ours."""

import ast
from pathlib import Path

from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.historical.stock import StockHistoricalDataClient
from alpaca.data.live.stock import StockDataStream
from alpaca.trading.client import TradingClient
from alpaca.trading.stream import TradingStream

CLIENTS = (
    TradingClient,
    TradingStream,
    StockHistoricalDataClient,
    StockDataStream,
    CorporateActionsClient,
)
# The raw verbs beneath the methods, and what a client does without asking the exchange.
PLUMBING = {"get", "post", "put", "patch", "delete", "response_wrapper", "close"}
# The exchange trades shares, and keeps no lists of favourites.
NOT_OURS = {
    "exercise_options_position",
    "get_option_contract",
    "get_option_contracts",
    "get_watchlists",
    "get_watchlist_by_id",
    "create_watchlist",
    "update_watchlist_by_id",
    "add_asset_to_watchlist_by_id",
    "delete_watchlist_by_id",
    "remove_asset_from_watchlist_by_id",
}
# The tape has no corrections, cancelled trades or price bands to tell of.
NOT_ON_THE_TAPE = {
    "register_trade_corrections",
    "register_trade_cancels",
}
# The streams are run in a thread, which takes their methods apart.
STREAM_CONTROL = {"run", "stop", "stop_ws"}


def test_every_method_of_alpacas_client_is_tried() -> None:
    methods = {
        name
        for client in CLIENTS
        for name in dir(client)
        if not name.startswith("_") and callable(getattr(client, name))
    }
    assert methods - called() - PLUMBING - NOT_OURS - NOT_ON_THE_TAPE - STREAM_CONTROL == set()


def called() -> set[str]:
    """Return the names of all methods that the tests beside this one call."""
    trees = [ast.parse(path.read_text()) for path in Path(__file__).parent.glob("test_*.py")]
    return {
        node.func.attr
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
