"""The views of series and versions for notebooks. They make no statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import artigraph.html as html
from artigraph.html import Part
from artigraph.model.definition import define

if TYPE_CHECKING:
    from artigraph.versions.series import Series, Version


def series_html(series: Series[Any]) -> str:
    """Return what defines a series, and how to get its versions: it is not read by being shown."""
    return html.render(html.attempt(lambda: _series_view(series)))


def version_html(version: Version) -> str:
    """Return the view of a version, without its values."""

    def view() -> Part:
        title = html.heading(f"Version {version.number}", *map(html.muted, version.aliases))
        run: list[tuple[str, Part]] = [] if version.run_id is None else [("run", html.code(str(version.run_id)))]
        rows: list[tuple[str, Part]] = [("saved", _saved_at(version)), *run, ("id", html.code(str(version.node_id)))]
        return html.element("div", title, html.pairs(rows))

    return html.render(html.attempt(view))


def version_cells(version: Version) -> dict[str, Part]:
    """Return the cells of a version in a table."""
    return {
        "number": str(version.number),
        "saved": _saved_at(version),
        "aliases": ", ".join(version.aliases),
        "run": "" if version.run_id is None else html.identifier(version.run_id),
        "node": html.identifier(version.node_id),
    }


def _series_view(series: Series[Any]) -> Part:
    fields = ", ".join(define(series.model_type).fields)
    rows: list[tuple[str, Part]] = [
        ("model", series.model_type.__qualname__),
        ("label", html.code(repr(series.label))),
        ("fields", fields),
    ]
    hint = html.muted("versions() lists the versions, and latest() loads the newest one.")
    return html.element("div", html.heading("Series"), html.pairs(rows), hint)


def _saved_at(version: Version) -> str:
    return f"{version.saved_at:%Y-%m-%d %H:%M:%S} UTC"
