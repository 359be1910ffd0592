# /// script
# requires-python = ">=3.11"
# dependencies = ["aiida-core==2.9.4"]
# ///
"""AiiDA with its profile on SQLite (`core.sqlite_dos`), the only one that needs no services.

One by one: a record is a `Dict` node; `store()`, then `load_node` and `get_dict()`. AiiDA stores a record as one row
with a JSON column. Artigraph stores six rows: five fields and their owner.

In bulk: one `QueryBuilder` for all ids. AiiDA has no public call that stores many nodes. It has no nested models: data
that belongs together is linked through processes. Floats are rounded to 14 digits, which changes none of these records.

Newest: `QueryBuilder` ordered by id. Lineage: `traverse_graph`, and a `QueryBuilder` for the labels of what it found.
The filter `with_descendants` of `QueryBuilder` visits every path, and there are about 3**19. Cached: a `calcfunction`
with `enable_caching`. Delete: `delete_nodes` of a process, which also deletes what it created. The nodes of these jobs
are made by `bulk_insert` of the storage, as in an import of an archive.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from benchmarks.peers.answers import PAGE, RunValues, inputs, run_values
from benchmarks.peers.worker import Deleted, Job, Peer, Served, Values, Way, serve, the_size, values

_BATCH = 10_000
"""Nodes that are inserted in one call."""


def following(given: Any) -> Any:
    """Return the next record. AiiDA finds a cached function only if its module has it by this name."""
    from aiida.orm import Dict

    return Dict(values(given["number"] + 1)._asdict())


class Aiida(Peer):
    distribution = "aiida-core"

    def __init__(self) -> None:
        self.ways = {
            "one by one": Way(self.save, self.load),
            "in bulk": Way(self.save, self.load_in_bulk, only_load=True),
        }
        self.jobs = {
            "newest": Job(self.fill_runs, self.list_newest, self.describe),
            "lineage": Job(self.fill_graph, self.find_ancestors),
            "cached": Job(self.fill_cache, self.call_again, self.read_served, self.make_arguments),
            "delete": Job(the_size, self.delete_run, self.read_deleted, self.make_run),
        }
        self.lacks = {}

    def open(self, url: str, folder: Path) -> None:
        os.environ["AIIDA_PATH"] = str(folder)  # read when it is imported
        from aiida import load_profile
        from aiida.manage.configuration import create_profile, get_config

        filepath = {"filepath": str(folder / "storage")}
        create_profile(
            get_config(create=True),
            name="benchmark",
            email="benchmark@localhost",
            storage_backend="core.sqlite_dos",
            storage_config=filepath,
        )
        load_profile("benchmark")
        self.define()

    def make(self, records: list[Values]) -> list[Any]:
        from aiida.orm import Dict

        return [Dict(record._asdict()) for record in records]

    def read(self, loaded: list[dict[str, Any]]) -> list[Values]:
        return [Values(**record) for record in loaded]

    def save(self, nodes: list[Any]) -> list[int]:
        return [node.store().pk for node in nodes]

    def load(self, pks: list[int]) -> list[dict[str, Any]]:
        from aiida.orm import load_node

        return [load_node(pk).get_dict() for pk in pks]

    def load_in_bulk(self, pks: list[int]) -> list[dict[str, Any]]:
        from aiida.orm import Dict, QueryBuilder

        query = QueryBuilder().append(Dict, filters={"id": {"in": pks}}, tag="record").order_by({"record": "id"})
        return [node.get_dict() for node in query.all(flat=True)]

    def define(self) -> None:
        """Make `following` a function that is cached, and keep a sample of its nodes."""
        from aiida.engine import calcfunction
        from aiida.orm import Dict

        globals()["following"] = calcfunction(following)
        self.sample_result, self.sample_call = following.run_get_node(Dict(values(0)._asdict()))

    def insert_nodes(self, like: Any, changes: list[dict[str, Any]]) -> list[int]:
        """Insert copies of a node with changes."""
        from aiida.manage import get_manager
        from aiida.orm.entities import EntityTypes

        row = {
            "node_type": like.node_type,
            "process_type": like.process_type,
            "attributes": like.base.attributes.all,
            "repository_metadata": like.base.repository.metadata,
            "user_id": like.user.pk,
        }
        storage = get_manager().get_profile_storage()
        pks: list[int] = []
        for start in range(0, len(changes), _BATCH):
            rows = [row | each for each in changes[start : start + _BATCH]]
            pks += storage.bulk_insert(EntityTypes.NODE, rows, allow_defaults=True)
        return pks

    def insert_links(self, kind: str, links: list[tuple[int, int, str]]) -> None:
        from aiida.manage import get_manager
        from aiida.orm.entities import EntityTypes

        rows = [{"input_id": one, "output_id": other, "label": label, "type": kind} for one, other, label in links]
        get_manager().get_profile_storage().bulk_insert(EntityTypes.LINK, rows)

    def fill_runs(self, count: int) -> None:
        """Insert processes with a label and an extra, each with a result."""
        described = [run_values(number) for number in range(count)]
        calls = self.insert_nodes(
            self.sample_call, [{"label": name, "extras": {"rate": rate}} for name, rate in described]
        )
        results = self.insert_nodes(self.sample_result, [{} for _ in calls])
        self.insert_links("create", [(call, result, "result") for call, result in zip(calls, results, strict=True)])

    def list_newest(self, _: None) -> list[Any]:
        from aiida.orm import CalcFunctionNode, QueryBuilder

        query = QueryBuilder().append(CalcFunctionNode, tag="run").order_by({"run": {"id": "desc"}}).limit(PAGE)
        return query.all(flat=True)

    def describe(self, calls: list[Any]) -> list[RunValues]:
        return [RunValues(call.label, call.base.extras.get("rate")) for call in calls]

    def fill_graph(self, count: int) -> int:
        graph = inputs(count)
        calls = self.insert_nodes(self.sample_call, [{} for _ in graph])
        made = self.insert_nodes(self.sample_result, [{"label": str(number)} for number in range(len(graph))])
        self.insert_links("create", [(call, result, "result") for call, result in zip(calls, made, strict=True)])
        used = [
            (made[each], call, f"input_{number}")
            for call, before in zip(calls, graph, strict=True)
            for number, each in enumerate(before)
        ]
        self.insert_links("input_calc", used)
        return made[-1]

    def find_ancestors(self, pk: int) -> list[int]:
        from aiida.common.links import LinkType
        from aiida.orm import Data, QueryBuilder
        from aiida.tools.graph.graph_traversers import traverse_graph

        found = traverse_graph([pk], links_backward=[LinkType.CREATE, LinkType.INPUT_CALC])["nodes"] - {pk}
        query = QueryBuilder().append(Data, filters={"id": {"in": found}}, project="label")
        return sorted(map(int, query.all(flat=True)))

    def make_arguments(self, count: int) -> list[Any]:
        return self.make([values(number) for number in range(count)])

    def fill_cache(self, count: int) -> int:
        self.call_again(self.make_arguments(count))
        return count

    def call_again(self, records: list[Any]) -> list[tuple[Any, Any]]:
        from aiida.manage.caching import enable_caching

        with enable_caching():
            return [following.run_get_node(record) for record in records]

    def read_served(self, done: list[tuple[Any, Any]]) -> Served:
        computed = sum(not call.base.caching.is_created_from_cache for _, call in done)
        return Served(self.read([result.get_dict() for result, _ in done]), computed)

    def make_run(self, count: int) -> tuple[int, int]:
        before = self.count_nodes()
        (call,) = self.insert_nodes(self.sample_call, [{}])
        made = self.insert_nodes(self.sample_result, [{"attributes": values(each)._asdict()} for each in range(count)])
        self.insert_links("create", [(call, result, f"result_{number}") for number, result in enumerate(made)])
        return call, before

    def delete_run(self, run: tuple[int, int]) -> tuple[int, int]:
        from aiida.tools import delete_nodes

        call, before = run
        pks, _ = delete_nodes([call], dry_run=False)
        return len(pks) - 1, before

    def read_deleted(self, deleted: tuple[int, int]) -> Deleted:
        artifacts, before = deleted
        return Deleted(artifacts, self.count_nodes() - before)

    def count_nodes(self) -> int:
        from aiida.orm import Node, QueryBuilder

        return QueryBuilder().append(Node).count()


if __name__ == "__main__":
    serve(Aiida())
