import html.parser
import re
from dataclasses import replace

import pytest

from tasks.daily_report.facts import DailyFacts, Source
from tasks.daily_report.render import SYMBOL_PICTURES_MAX, render, report_name
from tasks.report_page import wording
from tests.tasks.daily_report.sample import a_fill, an_order, busy_day, quiet_day
from trading_core.domain.orders import OrderStatus


class Markup(html.parser.HTMLParser):
    """The tags of a page, whether they are balanced, and whatever makes a browser fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.pictures = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link", "img", "br", "wbr", "input"):
            self.open.append(tag)
        self.pictures += tag == "svg"
        for name, value in attrs:
            is_reference = name in ("src", "href", "xlink:href", "data", "action", "poster")
            if is_reference and not (value or "").startswith("#"):
                self.fetched.append(f"{tag} {name}={value}")
        if tag in ("script", "link", "iframe", "object"):
            self.fetched.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def busy_page() -> str:
    return render(busy_day())


def test_the_page_is_whole_and_fetches_nothing(busy_page: str) -> None:
    markup = Markup(busy_page)

    assert markup.open == []
    assert markup.fetched == []
    assert not re.search(r"@import|url\((?!#)", busy_page)


def test_the_page_opens_with_the_verdict_and_the_profit_to_the_cent(busy_page: str) -> None:
    pnl = busy_day().pnl
    assert pnl is not None
    first_screen = busy_page[busy_page.index("<main>") : busy_page.index("The session")]

    assert "Closed" in first_screen
    assert wording.change(pnl.total_pnl_usd) in first_screen
    assert "agree with the exchange" in first_screen


def test_the_page_has_every_picture(busy_page: str) -> None:
    # Two of the session and of exposure (wide and narrow), four symbols, one of latency.
    assert Markup(busy_page).pictures == 9


def test_pictures_take_their_colours_from_the_page(busy_page: str) -> None:
    drawn = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", busy_page))

    assert drawn <= {"#ffffff", "#000000"}, "matplotlib's own background only"
    assert "stroke: var(--ink)" in busy_page


def test_a_synthetic_day_says_so_before_anything_else(busy_page: str) -> None:
    page = render(replace(quiet_day(), source=Source.SYNTHETIC))
    body = page[page.index("<body>") :]

    assert body.index("SYNTHETIC") < body.index("<main>")
    assert "SYNTHETIC" not in busy_page


@pytest.mark.parametrize(
    "facts",
    [
        quiet_day(),
        replace(quiet_day(), pnl=None, closed_at=None, reconciliation=None, backup=None),
        replace(busy_day(), bars={}, equity=busy_day().equity[:1]),
    ],
    ids=["nothing happened", "nothing is known", "no bars, one minute"],
)
def test_a_bare_day_still_has_a_page(facts: DailyFacts) -> None:
    assert Markup(render(facts)).open == []


def test_an_unclosed_day_names_what_is_missing() -> None:
    page = render(replace(quiet_day(), closed_at=None, backup=None))

    assert "Not closed" in page
    assert "<li>no backup was taken</li>" in page
    assert "agree with the exchange. P&amp;L is frozen" not in page


def test_text_from_outside_cannot_become_markup() -> None:
    nasty = an_order(
        status=OrderStatus.REJECTED, reason="<script>alert(1)</script>", symbol='"><b>X'
    )
    facts = replace(
        quiet_day(), orders=(nasty,), fills=(a_fill(1, '<i>&"$1$', 10, "1.00"),), account="<u>"
    )

    page = render(facts)

    assert not re.search(r"<(script|b>X|u>)|<i>&", page)
    assert Markup(page).open == []


def test_only_the_most_traded_symbols_are_drawn_and_the_rest_counted() -> None:
    fills = tuple(a_fill(n, f"S{n:02d}", n + 1, "10.00") for n in range(SYMBOL_PICTURES_MAX + 3))

    page = render(replace(quiet_day(), fills=fills))

    assert Markup(page).pictures == SYMBOL_PICTURES_MAX
    assert "3 more symbols traded" in page


def test_the_same_facts_give_the_same_bytes(busy_page: str) -> None:
    assert render(busy_day()) == busy_page


def test_a_day_has_one_file_name() -> None:
    assert report_name("PA0000001", busy_day().trading_date) == "report-2013-10-07-PA0000001.html"
