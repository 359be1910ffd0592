"""Random graphs of runs and artifacts: written as rows, and searched in plain Python."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import write
from artigraph.identifiers import new_ids
from artigraph.lineage import Edge
from artigraph.orm import link_table, node_table, run_value_table
from artigraph.serializer.codec import encode

__all__ = ["Graph", "graphs"]


@dataclass
class Graph:
    """Runs, the run that each belongs to; artifacts, the run that produced each; which run used which artifact.

    A run may also have been served an artifact that another run produced. Only descendants are found that way.
    """

    runs: dict[UUID, UUID | None] = field(default_factory=dict[UUID, UUID | None])
    artifacts: dict[UUID, UUID | None] = field(default_factory=dict[UUID, UUID | None])
    uses: set[tuple[UUID, UUID]] = field(default_factory=set[tuple[UUID, UUID]])
    served: set[tuple[UUID, UUID]] = field(default_factory=set[tuple[UUID, UUID]])

    @property
    def ids(self) -> list[UUID]:
        return sorted([*self.runs, *self.artifacts])

    def edges(self, kinds: Collection[str], *, served: bool) -> set[Edge]:
        """Return all edges of some kinds, with or without those from runs to what they were served."""
        found = {Edge(artifact, run, "used") for artifact, run in self.uses}
        found |= {
            Edge(run, artifact, "produced")
            for artifact, run in self.artifacts.items()
            if run is not None and (artifact, run) not in self.uses
        }
        found |= {Edge(parent, run, "child") for run, parent in self.runs.items() if parent is not None}
        found |= {Edge(run, artifact, "produced") for run, artifact in self.served if served}
        return {edge for edge in found if edge.kind in kinds}

    def reached(
        self, start: UUID, kinds: Collection[str], *, up: bool, depth: int | None = None, served: bool = False
    ) -> set[UUID]:
        """Return the nodes within this number of edges."""
        edges = self.edges(kinds, served=served)
        found, newest = {start}, {start}
        while newest and depth != 0:
            ends = {(edge.source_id if up else edge.target_id) for edge in edges if edge[up] in newest}
            newest = ends - found
            found |= newest
            depth = None if depth is None else depth - 1
        return found

    def among(self, nodes: Collection[UUID], kinds: Collection[str], *, served: bool = False) -> set[Edge]:
        """Return the edges between some nodes."""
        edges = self.edges(kinds, served=served)
        return {edge for edge in edges if edge.source_id in nodes and edge.target_id in nodes}

    async def write(self) -> None:
        """Insert all rows of the graph."""
        at = datetime.now(UTC)
        runs = [
            {"node_id": run, "node_type": "run", "parent_id": None, "run_status": "completed", "run_started_at": at}
            for run in self.runs
        ]
        artifacts = [
            {
                "node_id": artifact,
                "node_type": "model",
                "parent_id": run,
                "label": f"a{number}",
                "tree_root_id": artifact,
                "position": 0,
                "span": 2,
                "model_name": "GraphItem",
                "model_version": 1,
            }
            for number, (artifact, run) in enumerate(self.artifacts.items())
        ]
        parts = [
            {
                "node_id": part,
                "node_type": "value",
                "parent_id": artifact,
                "label": "x",
                "tree_root_id": artifact,
                "position": 1,
                "span": 1,
                "model_name": "GraphItem",
                "serializer": "json",
                "value": b"1",
            }
            for part, artifact in zip(new_ids(len(self.artifacts)), self.artifacts, strict=True)
        ]
        links = [
            {"source_id": artifact, "target_id": run, "kind": "used", "created_at": at} for artifact, run in self.uses
        ]
        links += [
            {"source_id": run, "target_id": artifact, "kind": "produced", "created_at": at}
            for run, artifact in self.served
        ]
        hits = [
            {
                "run_id": run,
                "kind": "cache",
                "name": "cached_from",
                "value": encode(self.artifacts[artifact]),
                "search_key": (self.artifacts[artifact] or run).bytes,
            }
            for run, artifact in dict(sorted(self.served)).items()
        ]
        parents = [{"id": run, "parent": parent} for run, parent in self.runs.items() if parent is not None]

        async def work(connection: AsyncConnection) -> None:
            for table, rows in (
                (node_table, runs),
                (node_table, artifacts),
                (node_table, parts),
                (link_table, links),
                (run_value_table, hits),
            ):
                if rows:
                    await connection.execute(insert(table), rows)
            for each in parents:
                statement = node_table.update().where(node_table.c.node_id == each["id"])
                await connection.execute(statement.values(parent_id=each["parent"]))

        await write(work)


@st.composite
def graphs(draw: st.DrawFn, *, most: int = 7) -> Graph:
    """Make small graphs, cycles among them: a run may use what a later one made, or what it made itself."""
    runs = new_ids(draw(st.integers(1, most)))
    artifacts = new_ids(draw(st.integers(0, most + 3)))
    graph = Graph()
    for number, run in enumerate(runs):
        earlier: Iterable[Any] = [None, *runs[:number]]
        graph.runs[run] = draw(st.sampled_from(list(earlier)))
    for artifact in artifacts:
        graph.artifacts[artifact] = draw(st.sampled_from([None, *runs]))
    if artifacts:
        pair = st.tuples(st.sampled_from(artifacts), st.sampled_from(runs))
        graph.uses = draw(st.sets(pair, max_size=3 * most))
        results = [(artifact, run) for artifact, run in graph.artifacts.items() if (artifact, run) not in graph.uses]
        if others := [(run, artifact) for artifact, maker in results for run in runs if run != maker]:
            graph.served = draw(st.sets(st.sampled_from(others), max_size=most))
    return graph
