# /// script
# requires-python = ">=3.11"
# dependencies = ["redun==0.44.1"]
# ///
"""redun, which stores pickled values under the hash of their content, in its scheduler's database.

One by one: a record is one value (a dict), with `record_value` and `get_value` of the backend. That is the least work
redun does for a value: a task that returns it would add a job, a call node and the values of its arguments.

redun stores a record as one row. Artigraph stores six rows: five fields and their owner. redun has no nested models and
no calls in bulk.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from redun.backends.db import RedunBackendDb

from benchmarks.peers.worker import Peer, Values, Way, serve


class Redun(Peer):
    distribution = "redun"
    backend: RedunBackendDb

    def __init__(self) -> None:
        self.ways = {"one by one": Way(self.save, self.load)}

    def open(self, url: str, folder: Path) -> None:
        self.backend = RedunBackendDb(db_uri=f"sqlite:///{folder}/redun.db")
        self.backend.load(migrate=True)

    def make(self, records: list[Values]) -> list[dict[str, Any]]:
        return [record._asdict() for record in records]

    def read(self, loaded: list[dict[str, Any]]) -> list[Values]:
        return [Values(**record) for record in loaded]

    def save(self, models: list[dict[str, Any]]) -> list[str]:
        return [self.backend.record_value(model) for model in models]

    def load(self, hashes: list[str]) -> list[dict[str, Any]]:
        found = [self.backend.get_value(value_hash) for value_hash in hashes]
        return [value for value, there in found if there]


if __name__ == "__main__":
    serve(Redun())
