"""The view of the report of a deletion for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import artigraph.html as html
from artigraph.deletion._execute import DeletedNode
from artigraph.html import Part
from artigraph.printable import bytes_text, count_text

if TYPE_CHECKING:
    from artigraph.deletion._api import DeletionReport

_ROWS = 50
"""The most artifacts and runs that are shown."""


def report_view(report: DeletionReport) -> Part:
    """Return what was deleted, or would be, with the reasons, and what was kept."""
    title = html.heading("Would be deleted" if report.dry_run else "Deleted", html.muted(_total(report)))
    rows = html.first_of(map(_cells, report.nodes), _ROWS, len(report.nodes))
    head = ["", "label", "model", "reason", "runs", "artifacts", "rows", "node"]
    nodes = [html.table(rows, head=head, wraps=False)] if report.nodes else []
    return html.element("div", title, *nodes, html.pairs(_amounts(report)))


def _cells(node: DeletedNode) -> list[Part]:
    kind = "run" if node.is_run else "artifact"
    counts = [f"{count:,}" for count in (node.runs, node.artifacts, node.rows)]
    return [kind, node.label or "", node.model_name or "", node.reason, *counts, html.identifier(node.node_id)]


def _total(report: DeletionReport) -> str:
    counts = ((report.runs, "run"), (report.artifacts, "artifact"), (report.rows, "row"))
    return ", ".join(count_text(*each) for each in counts)


def _amounts(report: DeletionReport) -> list[tuple[str, Part]]:
    amounts: list[tuple[str, Part]] = [
        ("values in rows", bytes_text(report.value_bytes)),
        ("objects in storages", f"{count_text(report.objects, 'object')}, {bytes_text(report.object_bytes)}"),
        ("edges of lineage", f"{report.links:,}"),
    ]
    counts = (
        ("aliases", report.aliases),
        ("kept objects, used by others", report.shared_objects),
        ("objects left to gc", report.left_objects),
        ("ids that do not exist", len(report.not_found)),
    )
    return amounts + [(name, f"{count:,}") for name, count in counts if count]
