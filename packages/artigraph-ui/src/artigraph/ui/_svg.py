"""Elements of SVG as safe markup: every text and attribute is escaped."""

from __future__ import annotations

from markupsafe import Markup, escape

from artigraph.printable import printable


def element(name: str, *children: str, **attributes: str | float | None) -> Markup:
    """Return an element. An attribute that is None is left out, and `class_` and `text_anchor` lose their underscores.

        element("text", "a < b", x=12, class_="tick")

    A child that is no markup is text: it is escaped, and characters that would be invisible are shown. So are those of
    attributes; links have none, as they are encoded.
    """
    shown = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _attribute(value))
        for key, value in attributes.items()
        if value is not None
    )
    return Markup("<{}{}>{}</{}>").format(name, shown, joined(*children), name)


def _attribute(value: str | float) -> str:
    return printable(value) if isinstance(value, str) else number(value)


def joined(*children: str) -> Markup:
    """Return children one after the other. What is no markup is text."""
    return Markup("").join(child if isinstance(child, Markup) else escape(printable(child)) for child in children)


def number(value: float) -> str:
    """Return a coordinate with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else str(int(value))


def percent(share: float) -> str:
    """Return a share of a width, from 0 to 1, as a length."""
    return f"{number(100 * share)}%"
