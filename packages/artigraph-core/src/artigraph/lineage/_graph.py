"""The graph that lineage functions return."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Literal, Self
from uuid import UUID

from artigraph.errors import InvalidNodeIdError
from artigraph.graph.nodes import Node
from artigraph.identifiers import check_id
from artigraph.lineage._reachable import Edge
from artigraph.lineage.sql import EdgeKind


@dataclass(frozen=True, repr=False)
class Lineage:
    """An immutable graph of artifacts and runs, with edges in the direction of the data. It makes no queries.

        lineage = await ancestors(report_id)
        for artifact in lineage.artifacts: ...
        for source_id, target_id, kind in lineage.edges: ...
        print(lineage.to_mermaid())

    Both ends of each edge are nodes of the graph. A graph can be pickled, and a copy of it is the graph itself.
    """

    nodes: Mapping[UUID, Node]
    """The nodes by id, in the order of the ids: the oldest first, by the clocks of the machines that made them."""
    edges: tuple[Edge, ...]
    """The edges, each once, in an order that depends on the edges only."""
    root_ids: tuple[UUID, ...]
    """The nodes that the lineage is about. For a part of an artifact, this is the artifact."""

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
        """Return a `networkx.DiGraph` of ids. Nodes have the attributes of `Node`, and edges have a `kind`.

        Raises:
            MissingDependencyError: networkx is not installed.
        """
        from artigraph.lineage.export.formats import to_networkx

        return to_networkx(self)

    def to_mermaid(self) -> str:
        """Return a flowchart in Mermaid's language. Labels are escaped, so they never act as Mermaid syntax."""
        from artigraph.lineage.export.formats import to_mermaid

        return to_mermaid(self)

    def to_svg(self, *, collapse: Literal["series"] | None = None) -> str:
        """Return a drawing as an SVG file, with data flowing from left to right. Few lines cross.

        Args:
            collapse: "series" draws all versions of a series as one box, and all runs of one name, with their number.

        Raises:
            QueryError: the graph is empty, or the drawing would have more than 150 boxes.
            ArgumentError: `collapse` is another value.
        """
        from artigraph.lineage.export.html import to_svg

        return to_svg(self, collapse)

    def to_openlineage(self, *, namespace: str = "artigraph") -> list[dict[str, Any]]:
        """Return the events of the runs in the format of OpenLineage (2-0-2), as plain dicts ordered by time.

        Each run has a start event, and an end event unless it is running. Its inputs and outputs are those in this
        graph. The job of a run has the run's name. Artifacts are data sets, named by their ids. A lost run, whose
        process no longer renews its lease, ends with an ABORT event.

        Args:
            namespace: the namespace of the jobs and data sets.
        """
        from artigraph.lineage.export.formats import to_openlineage

        return to_openlineage(self, namespace)

    def __contains__(self, node_id: object) -> bool:
        try:
            return check_id(node_id) in self.nodes
        except InvalidNodeIdError:
            return False

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
        """Pickle ids as bytes: some drivers use a UUID class of their own, which a reader may not have installed."""
        nodes = dict(self.nodes) if isinstance(self.nodes, MappingProxyType) else self.nodes
        raw = cache(attrgetter("bytes"))
        edges = [(raw(source_id), raw(target_id), kind) for source_id, target_id, kind in self.edges]
        return _unpickled, (nodes, edges, [raw(node_id) for node_id in self.root_ids])

    def __repr__(self) -> str:
        runs = len(self.runs)
        counts = f"{len(self) - runs:,} artifacts, {runs:,} runs, {len(self.edges):,} edges"
        return f"<Lineage of {', '.join(map(str, self.root_ids))}: {counts}>"

    def _repr_html_(self) -> str:
        from artigraph.lineage.export.html import to_html

        return to_html(self)


def _unpickled(
    nodes: Mapping[UUID, Node], edges: Sequence[tuple[bytes, bytes, EdgeKind]], root_ids: Sequence[bytes]
) -> Lineage:
    ids = {node_id.bytes: node_id for node_id in nodes}

    def id_of(raw: bytes) -> UUID:
        return ids.get(raw) or UUID(bytes=raw)

    whole = tuple(Edge(id_of(source_id), id_of(target_id), kind) for source_id, target_id, kind in edges)
    return Lineage(nodes, whole, tuple(map(id_of, root_ids)))
