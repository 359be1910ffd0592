"""The graph that questions about lineage are answered with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Self
from uuid import UUID

from artigraph.graph.lineage import Edge, EdgeKind
from artigraph.graph.nodes import Node

__all__ = ["Edge", "EdgeKind", "Lineage", "Node"]


@dataclass(frozen=True, repr=False)
class Lineage:
    """Artifacts and runs, and how data went from one to the next: a value that never changes and asks nothing more.

        lineage = await ancestors(report_id)
        for artifact in lineage.artifacts: ...
        for source_id, target_id, kind in lineage.edges: ...
        print(lineage.to_mermaid())

    It holds whole edges only: both ends of each are nodes of it. It can be pickled; a copy of it is itself.
    """

    nodes: Mapping[UUID, Node]
    """By id, in the order of the ids: the oldest first, by the clocks of those who made them."""
    edges: tuple[Edge, ...]
    """Each once, in an order that depends on nothing but the edges."""
    root_ids: tuple[UUID, ...]
    """What was asked about; of a part of an artifact, that artifact."""

    def __post_init__(self) -> None:
        if isinstance(self.nodes, dict):
            object.__setattr__(self, "nodes", MappingProxyType(self.nodes))

    @property
    def artifacts(self) -> tuple[Node, ...]:
        """The nodes that are artifacts."""
        return tuple(node for node in self.nodes.values() if node.node_type != "run")

    @property
    def runs(self) -> tuple[Node, ...]:
        """The nodes that are runs."""
        return tuple(node for node in self.nodes.values() if node.node_type == "run")

    def to_networkx(self) -> Any:
        """Return a `networkx.DiGraph` of the ids; nodes have the attributes of `Node`, edges their `kind`.

        Raises:
            MissingDependencyError: networkx is not installed.
        """
        from artigraph.lineage.networkx import to_networkx

        return to_networkx(self)

    def to_mermaid(self) -> str:
        """Return a flowchart in Mermaid's language; whatever labels say, they are shown and mean nothing in it."""
        from artigraph.lineage.mermaid import to_mermaid

        return to_mermaid(self)

    def to_openlineage(self, *, namespace: str = "artigraph") -> list[dict[str, Any]]:
        """Return the events of the runs, as OpenLineage (2-0-2) has them, in plain dicts, in the order of their times.

        Each run starts, and ends unless it is running; its inputs and outputs are those that this graph has. A run
        is a job's, named as the run is, and artifacts are data sets, named by their ids. A run that is lost aborts.

        Args:
            namespace: that of the jobs and of the data sets.
        """
        from artigraph.lineage.openlineage import to_openlineage

        return to_openlineage(self, namespace)

    def __contains__(self, node_id: object) -> bool:
        return node_id in self.nodes

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def __len__(self) -> int:
        return len(self.nodes)

    def __hash__(self) -> int:
        return hash((self.edges, self.root_ids))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle ids as bytes: some drivers have a class for them that need not be there where they are read."""
        nodes = dict(self.nodes) if isinstance(self.nodes, MappingProxyType) else self.nodes
        raw = cache(attrgetter("bytes"))
        edges = [(raw(source_id), raw(target_id), kind) for source_id, target_id, kind in self.edges]
        return _unpickled, (nodes, edges, [raw(node_id) for node_id in self.root_ids])

    def __repr__(self) -> str:
        runs = len(self.runs)
        counts = f"{len(self) - runs:,} artifacts, {runs:,} runs, {len(self.edges):,} edges"
        return f"<Lineage of {', '.join(map(str, self.root_ids))}: {counts}>"

    def _repr_html_(self) -> str:
        from artigraph.lineage.draw import to_html

        return to_html(self)


def _unpickled(
    nodes: Mapping[UUID, Node], edges: Sequence[tuple[bytes, bytes, EdgeKind]], root_ids: Sequence[bytes]
) -> Lineage:
    ids = {node_id.bytes: node_id for node_id in nodes}

    def id_of(raw: bytes) -> UUID:
        return ids.get(raw) or UUID(bytes=raw)

    whole = tuple(Edge(id_of(source_id), id_of(target_id), kind) for source_id, target_id, kind in edges)
    return Lineage(nodes, whole, tuple(map(id_of, root_ids)))
