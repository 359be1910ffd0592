"""The view of a run for notebooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import artigraph.html as html
from artigraph.html import Part
from artigraph.model.html import cell_view, value_view, within
from artigraph.printable import duration_text

if TYPE_CHECKING:
    from artigraph.run._state import Run

_SIGNS = {"completed": "✓", "failed": "✗", "cancelled": "✗", "running": "▸", "lost": "?"}
"""A sign of each status, so that it can be seen without color."""
_VALUES = 50
"""The most tags, and the most parameters."""


def run_view(run: Run) -> Part:
    """Return the view of a run: its outcome, its duration, its tags and parameters."""
    name = "Run" if run.name is None else f"Run {run.name}"
    notes: list[Part] = [
        _status(run),
        *([html.muted(text)] if (text := _duration(run)) else []),
        html.identifier(run.node_id),
    ]
    return html.details(html.heading(name, *notes), html.pairs(_rows(run)), opened=True)


def run_cells(run: Run) -> dict[str, Part]:
    """Return the cells of a run in a table of results, with a column for each tag and parameter."""
    cells: dict[str, Part] = {
        "name": run.name or "",
        "status": _status(run),
        "started": _time(run.started_at),
        "duration": _duration(run),
        "node": html.identifier(run.node_id),
    }
    for name, tag in run.tags.items():
        cells[name if name not in cells else f"tags.{name}"] = tag
    for name, value in run.parameters.items():
        cells[name if name not in cells else f"parameters.{name}"] = cell_view(value)
    return cells


def _rows(run: Run) -> Iterator[tuple[str, Part]]:
    if run.started_at is not None:
        yield "started", _time(run.started_at)
    if run.error_type is not None:
        yield "error", html.joined(html.element("b", run.error_type), f": {run.error_message or ''}")
    if run.tags:
        yield "tags", _values(run.tags)
    if run.parameters:
        yield "parameters", _values(run.parameters)
    if run.environment:
        yield "environment", html.details(html.muted(f"{len(run.environment):,} values"), _values(run.environment))
    if run.cached_from is not None:
        yield "served from", html.code(str(run.cached_from))
    if run.node_parent_id is not None:
        yield "parent", html.code(str(run.node_parent_id))
    yield "id", html.code(str(run.node_id))


def _values(values: Mapping[str, Any]) -> Part:
    def row(name: str, value: object) -> tuple[str, Part]:
        return name, value if isinstance(value, str) else within(lambda: value_view(value))

    rows = (row(name, value) for name, value in values.items())
    return html.pairs(html.first_of(rows, _VALUES, len(values)))


def _status(run: Run) -> str:
    return f"{_SIGNS.get(run.status, '')} {run.status}".strip()


def _duration(run: Run) -> str:
    if run.started_at is None or run.ended_at is None:
        return ""
    return duration_text(run.ended_at - run.started_at)


def _time(moment: Any) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
