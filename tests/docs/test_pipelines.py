"""The examples with Dask, Dagster and Prefect: artifacts saved by their workers, threads and tasks are in one run."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select as select_rows

from artigraph import Run, select
from artigraph.db import engine_context, read
from artigraph.orm import node_table
from tests.support.snippets import ROOT, clean_environment

pytestmark = pytest.mark.slow

PIPELINES: dict[str, tuple[str, dict[str, str], dict[str, Any], list[str]]] = {
    "dagster": ("orders", {"by": "dagster"}, {}, ["orders", "report"]),
    "dask": ("estimate pi", {"on": "dask"}, {"points": 20_000}, [f"seed {seed}" for seed in range(6)]),
    "prefect": ("survey", {"warmest": "Cairo"}, {"cities": ["Oslo", "Rome", "Cairo"]}, ["Cairo", "Oslo", "Rome"]),
}


@pytest.mark.parametrize("name", PIPELINES)
async def test_a_pipeline_fills_one_run(name: str, tmp_path: Path) -> None:
    surroundings = {
        "DAGSTER_HOME": str(tmp_path),
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_LOGGING_LEVEL": "WARNING",
        # Its server starts in 20 s where nothing else runs.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(ROOT / f"examples/{name}_pipeline.py")],
        cwd=tmp_path,
        env=clean_environment() | surroundings,
        check=False,
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run_name, tags, parameters, labels = PIPELINES[name]
    async with engine_context(f"sqlite:///{tmp_path}/.artigraph/artigraph.db"):
        run = await select(Run).one()
        assert (run.name, run.status, run.tags, run.parameters) == (run_name, "completed", tags, parameters)
        assert str(run.node_id) in done.stdout
        artifacts = select_rows(node_table.c.label).where(
            node_table.c.parent_id == run.node_id, node_table.c.node_type == "model"
        )
        found = await read(lambda connection: connection.execute(artifacts))
        assert sorted(found.scalars()) == labels
