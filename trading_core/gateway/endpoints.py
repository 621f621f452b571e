"""The control API as one table: what can be asked, by which token, and what it is also called.

The router, the OpenAPI document and docs/control-api.md are made from it. Older paths are aliases:
they reach the same call, and answer as it does. The rows are in `table/`, by subject.
"""

from trading_core.gateway.table.access import ACCESS
from trading_core.gateway.table.book import BOOK
from trading_core.gateway.table.endpoint import Alias, Endpoint
from trading_core.gateway.table.knowledge import KNOWLEDGE
from trading_core.gateway.table.trading import TRADING

__all__ = ["ENDPOINTS", "Alias", "Endpoint"]

ENDPOINTS: tuple[Endpoint, ...] = (*TRADING, *BOOK, *KNOWLEDGE, *ACCESS)
