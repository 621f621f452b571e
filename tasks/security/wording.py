"""How a finding names things: the first few, and how many more."""

from collections.abc import Sequence

_NAMED_MAX = 5


def some(words: Sequence[str]) -> str:
    """Return the first few, and how many there are beside them."""
    more = len(words) - _NAMED_MAX
    return "; ".join(words[:_NAMED_MAX]) + (f"; and {more} more" if more > 0 else "")
