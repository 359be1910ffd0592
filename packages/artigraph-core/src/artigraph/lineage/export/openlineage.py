"""Convert lineage to events of OpenLineage 2-0-2 (https://openlineage.io/spec/2-0-2/OpenLineage.json)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from artigraph.graph.nodes import Node
from artigraph.graph.run_rows import RunStatus
from artigraph.lineage._graph import Lineage

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
