"""HTML for notebooks: small, escaped, without scripts, and readable on light and dark backgrounds."""

from artigraph.html._elements import (
    BUDGET,
    Element,
    Markup,
    Part,
    SupportsCells,
    View,
    attempt,
    bars,
    code,
    details,
    element,
    first_of,
    has_cells,
    heading,
    identifier,
    joined,
    muted,
    pairs,
    render,
    results,
    table,
    within,
)

__all__: list[str] = ["BUDGET", "Element", "Markup", "Part", "SupportsCells", "View"]
__all__ += ["attempt", "bars", "code", "details", "element", "first_of", "has_cells", "heading", "identifier", "joined"]
__all__ += ["muted", "pairs", "render", "results", "table", "within"]
