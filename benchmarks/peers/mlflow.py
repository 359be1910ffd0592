# /// script
# requires-python = ">=3.11"
# dependencies = ["mlflow==3.17.2"]
# ///
"""MLflow with its tracking store on SQLite, used in the process without a server.

One by one: a record is a run with four params and a metric (the float). MLflow stores params as text, the dict as JSON.
The calls are `create_run`, one `log_batch` and `set_terminated`, then `get_run`. `MlflowClient` is the leanest of its
interfaces.

In bulk: `search_runs` of an experiment, in pages of the largest size. It has no call that makes many runs. Nested runs
are separate runs with a tag, saved one by one, so MLflow has no nested figure.

Newest: `search_runs` ordered by start time. The runs are copies of the rows of one that the client recorded: a name, a
param and a metric each.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric, SqlParam, SqlRun, SqlTag
from sqlalchemy import create_engine, insert, select

from benchmarks.peers.answers import PAGE, RunValues, run_values
from benchmarks.peers.worker import Job, Peer, Values, Way, serve


class Mlflow(Peer):
    distribution = "mlflow"
    client: MlflowClient

    def __init__(self) -> None:
        self.ways = {
            "one by one": Way(self.save, self.load),
            "in bulk": Way(self.save_experiment, self.load_in_bulk, only_load=True),
        }
        self.jobs = {"newest": Job(self.fill_runs, self.list_newest, self.describe)}
        self.lacks = {
            "lineage": "records which data and models a run used, and has no call that follows them further",
            "cached": "has no cache",
            "delete": "only marks the run as deleted, and its artifacts are files",
        }
        self.experiments = 0

    def open(self, url: str, folder: Path) -> None:
        # The files of runs would go to a folder, but these runs have none.
        self.uri = uri = f"sqlite:///{folder}/mlflow.db"
        self.client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        self.experiment = self.client.create_experiment("one by one", artifact_location=str(folder))
        self.folder = folder

    def make(self, records: list[Values]) -> list[tuple[list[Metric], list[Param]]]:
        now = int(time.time() * 1000)
        return [
            (
                [Metric("score", record.score, now, 0)],
                [
                    Param("number", str(record.number)),
                    Param("name", record.name),
                    Param("accepted", str(record.accepted)),
                    Param("details", json.dumps(record.details)),
                ],
            )
            for record in records
        ]

    def read(self, loaded: list[Run]) -> list[Values]:
        return [
            Values(
                number=int(run.data.params["number"]),
                score=run.data.metrics["score"],
                name=run.data.params["name"],
                accepted=run.data.params["accepted"] == "True",
                details=json.loads(run.data.params["details"]),
            )
            for run in loaded
        ]

    def save(self, models: list[tuple[list[Metric], list[Param]]]) -> list[str]:
        return [self.save_run(self.experiment, *model) for model in models]

    def save_run(self, experiment: str, metrics: list[Metric], params: list[Param]) -> str:
        run_id: str = self.client.create_run(experiment).info.run_id
        self.client.log_batch(run_id, metrics=metrics, params=params)
        self.client.set_terminated(run_id)
        return run_id

    def load(self, run_ids: list[str]) -> list[Run]:
        return [self.client.get_run(run_id) for run_id in run_ids]

    def save_experiment(self, models: list[tuple[list[Metric], list[Param]]]) -> str:
        self.experiments += 1
        experiment = self.client.create_experiment(f"in bulk {self.experiments}", artifact_location=str(self.folder))
        for model in models:
            self.save_run(experiment, *model)
        return experiment

    def load_in_bulk(self, experiment: str) -> list[Run]:
        runs: list[Any] = []
        token: str | None = None
        while True:
            page = self.client.search_runs([experiment], max_results=50_000, order_by=["start_time"], page_token=token)
            runs += page
            token = page.token
            if not token:
                return runs

    def fill_runs(self, count: int) -> str:
        experiment = self.client.create_experiment("newest", artifact_location=str(self.folder))
        sample = self.client.create_run(experiment, run_name="sample").info
        self.client.log_batch(
            sample.run_id, metrics=[Metric("score", 0.5, sample.start_time, 0)], params=[Param("rate", "0")]
        )
        self.client.set_terminated(sample.run_id)
        with create_engine(self.uri).begin() as connection:
            for table in (each.__table__ for each in (SqlRun, SqlTag, SqlParam, SqlMetric, SqlLatestMetric)):
                rows = connection.execute(select(table).where(table.c.run_uuid == sample.run_id)).mappings().all()
                for row in rows:
                    copies = [dict(row) | self.changes(table.name, row, number) for number in range(count)]
                    connection.execute(insert(table), copies)
        self.client.delete_run(sample.run_id)
        return experiment

    @staticmethod
    def changes(table: str, row: Any, number: int) -> dict[str, Any]:
        """Return the columns of a row that differ in the copy for a run."""
        name, rate = run_values(number)
        changed: dict[str, Any] = {"run_uuid": f"{number:032x}"}
        if table == "runs":
            uri = row["artifact_uri"].replace(row["run_uuid"], changed["run_uuid"])
            times = {each: row[each] + number for each in ("start_time", "end_time")}  # in milliseconds
            changed |= {"name": name, "artifact_uri": uri, **times}
        elif table == "tags" and row["key"] == "mlflow.runName":
            changed["value"] = name
        elif table == "params":
            changed["value"] = str(rate)
        return changed

    def list_newest(self, experiment: str) -> list[Run]:
        return list(self.client.search_runs([experiment], max_results=PAGE, order_by=["attributes.start_time DESC"]))

    def describe(self, runs: list[Run]) -> list[RunValues]:
        return [RunValues(run.info.run_name, float(run.data.params["rate"])) for run in runs]


if __name__ == "__main__":
    serve(Mlflow())
