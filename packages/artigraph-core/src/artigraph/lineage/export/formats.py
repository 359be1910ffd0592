"""Lineage as a flowchart of Mermaid, as a graph of networkx, and as events of OpenLineage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from importlib import import_module
from typing import Any
from uuid import UUID

from artigraph.errors import MissingDependencyError
from artigraph.graph.nodes import Node
from artigraph.graph.run_rows import RunStatus
from artigraph.lineage._graph import Lineage
from artigraph.printable import printable

# Names ----------------------------------------------------------------------------------------------------------------


LONGEST = 60
"""The most characters of a label that are shown."""


def name_of(node: Node) -> str:
    """Return one line that names a node: a run's name and status, or an artifact's label and model."""
    if node.node_type == "run":
        return f"{_cut(node.run_name or 'run')} ({node.run_status})"
    return f"{_cut(node.label or '')}: {_cut(node.model_name or node.node_type)} (version {node.model_version})"


def name_of_group(node: Node) -> str:
    """Return one line that names the series of an artifact, or the runs that have the name of a run."""
    if node.node_type == "run":
        return _cut(node.run_name or "run")
    return f"{_cut(node.label or '')}: {_cut(node.model_name or node.node_type)}"


def short_id(node: Node) -> str:
    """Return the last 8 hexadecimal digits of a node's id, which are random."""
    return node.node_id.hex[-8:]


def _cut(text: str) -> str:
    text = printable(text[: LONGEST + 1])
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


_PLAIN = frozenset(" _-.,:()/")


def to_mermaid(lineage: Lineage) -> str:
    """Return a flowchart: boxes for artifacts, rounded boxes for runs, edges in the direction of the data."""
    names = {node_id: f"n{number}" for number, node_id in enumerate(lineage.nodes)}
    lines = ["flowchart LR"]
    for node_id, node in lineage.nodes.items():
        left, right = ("([", "])") if node.node_type == "run" else ("[", "]")
        lines.append(f'    {names[node_id]}{left}"{_escaped(f"{name_of(node)} {short_id(node)}")}"{right}')
    lines += [f"    {names[edge.source_id]} -->|{edge.kind}| {names[edge.target_id]}" for edge in lineage.edges]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Escape all characters but letters, digits and harmless signs, by writing them as numbers.

    Mermaid interprets quotes, Markdown, HTML, comments and directives even inside quotes.
    """
    return "".join(char if char.isalnum() or char in _PLAIN else f"#{ord(char)};" for char in text)


_ATTRIBUTES = tuple(field.name for field in fields(Node))


def to_networkx(lineage: Lineage) -> Any:
    """Return a directed graph of ids.

    Raises:
        MissingDependencyError: networkx is not installed.
    """
    try:
        networkx: Any = import_module("networkx")
    except ModuleNotFoundError as error:
        msg = "to_networkx needs networkx: pip install 'artigraph[networkx]'"
        raise MissingDependencyError(msg) from error
    graph = networkx.DiGraph()
    graph.add_nodes_from(
        (node_id, {name: getattr(node, name) for name in _ATTRIBUTES}) for node_id, node in lineage.nodes.items()
    )
    graph.add_edges_from((edge.source_id, edge.target_id, {"kind": edge.kind}) for edge in lineage.edges)
    return graph


_PRODUCER = "urn:artigraph"
_SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
_PARENT = "https://openlineage.io/spec/facets/1-2-0/ParentRunFacet.json#/$defs/ParentRunFacet"
_ENDS: Mapping[RunStatus | None, str] = {
    "completed": "COMPLETE",
    "failed": "FAIL",
    "cancelled": "ABORT",
    "lost": "ABORT",
}
_NAMELESS = "run"


def to_openlineage(lineage: Lineage, namespace: str) -> list[dict[str, Any]]:
    """Return the events of all runs of a graph, ordered by time."""
    inputs: defaultdict[UUID, list[Node]] = defaultdict(list)
    outputs: defaultdict[UUID, list[Node]] = defaultdict(list)
    for source_id, target_id, kind in lineage.edges:
        if kind == "used":
            inputs[target_id].append(lineage.nodes[source_id])
        elif kind == "produced":
            outputs[source_id].append(lineage.nodes[target_id])
    events: list[tuple[datetime, UUID, dict[str, Any]]] = []
    for run in lineage.runs:
        about = {
            "producer": _PRODUCER,
            "schemaURL": f"{_SPEC}RunEvent",
            "run": {"runId": str(run.node_id), "facets": _facets(run, lineage, namespace)},
            "job": _job(run, namespace),
            "inputs": [_dataset(node, namespace) for node in inputs[run.node_id]],
            "outputs": [_dataset(node, namespace) for node in outputs[run.node_id]],
        }
        start = run.run_started_at or run.created_at
        events.append((start, run.node_id, {"eventType": "START", "eventTime": start.isoformat(), **about}))
        end, outcome = run.run_ended_at or start, _ENDS.get(run.run_status)
        if outcome is not None:
            events.append((end, run.node_id, {"eventType": outcome, "eventTime": end.isoformat(), **about}))
    return [event for _, _, event in sorted(events, key=lambda each: each[:2])]


def _job(run: Node | None, namespace: str) -> dict[str, Any]:
    return {"namespace": namespace, "name": (run and run.run_name) or _NAMELESS}


def _facets(run: Node, lineage: Lineage, namespace: str) -> dict[str, Any]:
    if run.parent_id is None:
        return {}
    parent = {"run": {"runId": str(run.parent_id)}, "job": _job(lineage.nodes.get(run.parent_id), namespace)}
    return {"parent": {"_producer": _PRODUCER, "_schemaURL": _PARENT, **parent}}


def _dataset(artifact: Node, namespace: str) -> dict[str, Any]:
    known = {"label": artifact.label, "modelName": artifact.model_name, "modelVersion": artifact.model_version}
    facet = {"_producer": _PRODUCER, "_schemaURL": f"{_SPEC}DatasetFacet", **known}
    return {"namespace": namespace, "name": str(artifact.node_id), "facets": {"artigraph": facet}}
