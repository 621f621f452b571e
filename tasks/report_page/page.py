"""Make a page of a template: one file, complete in itself, that asks the network for nothing."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.report_page import wording


def render_page(template: Path, *, is_synthetic: bool, **shown: object) -> str:
    """Return a page as text. The same values give the same text.

    Args:
        template: Extends `layout.html.j2`.
        is_synthetic: Whether the market was made up, which the page then says before anything else.
        shown: What the template names, besides `words`, which spells figures.
    """
    environment = Environment(
        loader=FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(
        words=wording, is_synthetic=is_synthetic, **shown
    )
