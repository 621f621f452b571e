"""Many rows as one parameter of a statement.

`json_to_recordset` makes rows of it again. Writing an array for each column instead costs several
times as much: the driver asks each value for its type.
"""

import json
from collections.abc import Iterable, Mapping


def as_json(rows: Iterable[Mapping[str, object]]) -> str:
    """Return rows as text for `json_to_recordset`: decimals and times as PostgreSQL reads them."""
    return json.dumps(list(rows), default=str)
