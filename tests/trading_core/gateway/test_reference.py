"""The table of endpoints is whole, and its page is the table's."""

from collections import Counter

from tests.architecture.sources import ROOT
from trading_core.gateway.endpoints import ENDPOINTS
from trading_core.gateway.reference import page


def test_the_page_is_what_the_table_makes() -> None:
    kept = (ROOT / "docs" / "control-api.md").read_text(encoding="utf-8")
    assert kept == page(), "python -m trading_core.gateway.reference > docs/control-api.md"


def test_no_path_means_two_things() -> None:
    paths = Counter(
        (endpoint.method, path)
        for endpoint in ENDPOINTS
        for path in (endpoint.path, *(alias.path for alias in endpoint.aliases))
    )
    assert [path for path, count in paths.items() if count > 1] == []


def test_what_protects_can_be_repeated_and_what_only_looks_protects_nothing() -> None:
    for endpoint in ENDPOINTS:
        assert not endpoint.protective or (endpoint.changes and endpoint.repeatable), endpoint.name
        assert endpoint.changes == (endpoint.method != "GET"), endpoint.name
