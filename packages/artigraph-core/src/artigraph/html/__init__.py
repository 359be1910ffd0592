"""HTML for notebooks: small, escaped, without scripts, and readable on light and dark backgrounds."""

from artigraph.html._elements import (
    Element,
    Markup,
    Part,
    View,
    bars,
    code,
    details,
    element,
    first_of,
    heading,
    identifier,
    joined,
    muted,
    pairs,
    table,
    within,
)
from artigraph.html._render import BUDGET, attempt, render
from artigraph.html._results import SupportsCells, has_cells, results

__all__: list[str] = ["BUDGET", "Element", "Markup", "Part", "SupportsCells", "View"]
__all__ += ["attempt", "bars", "code", "details", "element", "first_of", "has_cells", "heading", "identifier", "joined"]
__all__ += ["muted", "pairs", "render", "results", "table", "within"]
