"""Pictures: the same drawing gives the same bytes; two on one page share no id they point to."""

import re

from matplotlib.figure import Figure

from tasks.report_page import drawing


def drawn() -> Figure:
    with drawing.style():
        figure = drawing.new_figure(drawing.NARROW_INCHES)
        for axes in figure.subplots(2, 1):
            axes.plot([1, 2, 3], marker="o")  # a marker and a clip path, each by its id
        return figure


def picture(figure: Figure, title: str) -> str:
    with drawing.style():
        return drawing.svg(figure, title)


def pointed_at(text: str) -> set[str]:
    return set(re.findall(r"(?:url\(#|href=\"#)([^\")]+)", text))


def test_the_same_drawing_gives_the_same_bytes() -> None:
    # All alive at once: no address in memory comes a second time.
    figures = [drawn() for _ in range(3)]
    assert len({picture(figure, "equity") for figure in figures}) == 1


def test_two_drawings_on_a_page_point_to_nothing_of_each_other() -> None:
    one, other = picture(drawn(), "equity"), picture(drawn(), "drawdown")
    assert pointed_at(one)
    assert not pointed_at(one) & pointed_at(other)
    assert all(f'id="{name}"' in one for name in pointed_at(one))
