# /// script
# requires-python = ">=3.11"
# dependencies = ["redun==0.44.1"]
# ///
"""redun, which stores pickled values under the hash of their content, in its scheduler's database.

One by one: a record is one value (a dict), with `record_value` and `get_value` of the backend. That is the least work
redun does for a value: a task that returns it would add a job, a call node and the values of its arguments.

redun stores a record as one row. Artigraph stores six rows: five fields and their owner. redun has no nested models and
no calls in bulk.

Newest: `CallGraphQuery` ordered by time, as in `redun log` and its console. One call is run and served from the cache.
Its execution and its job are then copied 100,000 times. The list reads the arguments of each.

Lineage: `walk_dataflow` goes upstream from a call of a task. The graph is one workflow, with a call for each artifact,
recorded by `record_call_node` of the backend. The scheduler cannot run it: the hash of an expression follows each path.

Cached: `Scheduler.run` of a task.
"""

from __future__ import annotations

import json
import logging
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

from redun import Scheduler, task
from redun.backends.db import CallNode, Execution, RedunBackendDb, with_defer_constraints
from redun.backends.db import Job as RedunJob
from redun.backends.db.dataflow import walk_dataflow
from redun.backends.db.query import CallGraphQuery
from redun.task import hash_args_eval
from sqlalchemy import insert, select

from benchmarks.peers.answers import PAGE, RunValues, inputs, run_values
from benchmarks.peers.worker import Job, Peer, Served, Values, Way, serve, values

redun_namespace = "benchmark"
computed: list[int] = []
"""The numbers of the records that `following` was run for."""


@task()
def following(given: dict[str, Any]) -> dict[str, Any]:
    computed.append(given["number"])
    return values(given["number"] + 1)._asdict()


@task()
def make(number: int, a: int | None = None, b: int | None = None, c: int | None = None) -> int:
    return number


@task()
def make_graph(count: int) -> int:
    return count


class Redun(Peer):
    distribution = "redun"
    backend: RedunBackendDb

    def __init__(self) -> None:
        self.ways = {"one by one": Way(self.save, self.load)}
        self.jobs = {
            "newest": Job(self.fill_runs, self.list_newest, self.describe),
            "lineage": Job(self.fill_graph, self.walk, self.numbers),
            "cached": Job(self.fill_cache, self.call_again, self.read_served, self.make_arguments),
        }
        self.lacks = {"delete": "has no call that deletes"}
        logging.getLogger("redun").setLevel(logging.WARNING)

    def open(self, url: str, folder: Path) -> None:
        self.backend = RedunBackendDb(db_uri=f"sqlite:///{folder}/redun.db")
        self.backend.load(migrate=True)
        self.scheduler = Scheduler(backend=self.backend)

    def make(self, records: list[Values]) -> list[dict[str, Any]]:
        return [record._asdict() for record in records]

    def read(self, loaded: list[dict[str, Any]]) -> list[Values]:
        return [Values(**record) for record in loaded]

    def save(self, models: list[dict[str, Any]]) -> list[str]:
        return [self.backend.record_value(model) for model in models]

    def load(self, hashes: list[str]) -> list[dict[str, Any]]:
        found = [self.backend.get_value(value_hash) for value_hash in hashes]
        return [value for value, there in found if there]

    def fill_runs(self, count: int) -> None:
        for _ in range(2):
            self.scheduler.run(following(values(0)._asdict()))
        session, job, execution = self.backend.session, RedunJob.__table__, Execution.__table__
        of_job = dict(session.execute(select(job).order_by(job.c.start_time.desc())).mappings().first())
        found = select(execution).where(execution.c.id == of_job["execution_id"])
        of_execution = dict(session.execute(found).mappings().one())
        jobs, executions = [], []
        for number in range(count):
            ids = {"id": str(uuid.uuid4()), "execution_id": str(uuid.uuid4())}
            later = timedelta(milliseconds=1 + number)
            times = {name: of_job[name] + later for name in ("start_time", "end_time")}
            jobs.append(of_job | ids | times)
            arguments = json.dumps(["scheduler.run", *map(str, run_values(number))])
            executions.append(of_execution | {"id": ids["execution_id"], "job_id": ids["id"], "args": arguments})
        with with_defer_constraints(session):  # the two tables refer to each other
            session.execute(insert(execution), executions)
            session.execute(insert(job), jobs)
            session.commit()

    def list_newest(self, _: None) -> list[Execution]:
        self.backend.session.expire_all()  # as in a new session
        query = CallGraphQuery(self.backend.session).filter_types({"Execution"}).order_by("time")
        return [found[0] for found in query.page(0, PAGE)]

    def describe(self, executions: list[Execution]) -> list[RunValues]:
        arguments = [json.loads(execution.args)[1:] for execution in executions]
        return [RunValues(name, float(rate)) for name, rate in arguments]

    def fill_graph(self, count: int) -> str:
        graph = inputs(count)
        made: list[Any] = []
        for number, before in enumerate(graph):
            call = make(number)
            call.call_hash = self.record(
                make, (number, *(made[each] for each in before)), (number, *before), number, []
            )
            made.append(call)
        self.record(make_graph, (count,), (count,), count, [call.call_hash for call in made])
        return made[-1].call_hash

    def record(self, of: Any, given: tuple[Any, ...], evaluated: tuple[int, ...], result: int, calls: list[str]) -> str:
        """Record a call, its arguments and the calls that it made, as the scheduler does."""
        self.backend.record_value(of)
        return self.backend.record_call_node(
            task_name=of.fullname,
            task_hash=of.hash,
            args_hash=hash_args_eval(self.scheduler.type_registry, of, evaluated, {})[1],
            expr_args=(given, {}),
            eval_args=(evaluated, {}),
            result_hash=self.backend.record_value(result),
            child_call_hashes=calls,
            subtree_tasks=[of],
        )

    def walk(self, call_hash: str) -> list[CallNode]:
        session = self.backend.session
        session.expunge_all()  # as in a new session, which has no node in memory
        self.start = session.get(CallNode, call_hash)
        return [edge.dest for edge in walk_dataflow(self.backend, self.start) if isinstance(edge.dest, CallNode)]

    def numbers(self, nodes: list[CallNode]) -> list[int]:
        return sorted({node.value.value_parsed for node in nodes} - {self.start.value.value_parsed})

    def make_arguments(self, count: int) -> list[dict[str, Any]]:
        computed.clear()
        return self.make([values(number) for number in range(count)])

    def fill_cache(self, count: int) -> int:
        self.call_again(self.make_arguments(count))
        return count

    def call_again(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [self.scheduler.run(following(record)) for record in records]

    def read_served(self, results: list[dict[str, Any]]) -> Served:
        return Served(self.read(results), len(computed))


if __name__ == "__main__":
    serve(Redun())
