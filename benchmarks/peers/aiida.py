# /// script
# requires-python = ">=3.11"
# dependencies = ["aiida-core==2.9.4"]
# ///
"""AiiDA with its profile on SQLite (`core.sqlite_dos`), the only one that needs no services.

One by one: a record is a `Dict` node; `store()`, then `load_node` and `get_dict()`. AiiDA stores a record as one row
with a JSON column. Artigraph stores six rows: five fields and their owner.

In bulk: one `QueryBuilder` for all ids. AiiDA has no public call that stores many nodes. It has no nested models: data
that belongs together is linked through processes. Floats are rounded to 14 digits, which changes none of these records.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from benchmarks.peers.worker import Peer, Values, Way, serve


class Aiida(Peer):
    distribution = "aiida-core"

    def __init__(self) -> None:
        self.ways = {
            "one by one": Way(self.save, self.load),
            "in bulk": Way(self.save, self.load_in_bulk, only_load=True),
        }

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


if __name__ == "__main__":
    serve(Aiida())
