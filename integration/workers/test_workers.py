"""Tasks of a main program in the workers of Dask, Ray and Spark: program.py does it and prints what came out.

Dask is in the workspace's environment. `just workers` makes one with Ray and Spark, and names its interpreter.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from artigraph import migrations
from integration.support.databases import REQUIRE
from integration.support.s3 import Server
from tests.support import snippets
from tests.support.snippets import ROOT, blocks, clean_environment

HERE = Path(__file__).parent
PAGE = ROOT / "docs/how-to/use-workers.md"
PYTHON = "ARTIGRAPH_TEST_WORKERS_PYTHON"


def interpreter(engine: str) -> str:
    """Return the interpreter that has an engine, or skip the test."""
    if engine == "dask":
        return sys.executable
    if PYTHON not in os.environ:
        pytest.skip(f"{PYTHON} names no interpreter; `just workers` tests with {engine}")
    if engine == "spark" and shutil.which("java") is None:
        reason = "Spark needs Java: apt-get install default-jre-headless"
        if os.environ.get(REQUIRE, "") not in ("", "0"):
            pytest.fail(f"{reason} ({REQUIRE} is set)", pytrace=False)
        pytest.skip(reason)
    return os.environ[PYTHON]


@pytest.mark.timeout(420)
@pytest.mark.parametrize("engine", ["dask", "ray", "spark"])
async def test_tasks_of_a_main_program(engine: str, server: Server, bucket: str, tmp_path: Path) -> None:
    python = interpreter(engine)
    url = f"sqlite:///{tmp_path}/store.db"
    await migrations.upgrade(url)
    settings = {
        "ARTIGRAPH_URL": url,
        "LAB_BUCKET": bucket,
        "LAB_ENDPOINT": server.url,
        "LAB_FOLDER": str(tmp_path),
        "LAB_KEY_ID": server.access_key_id,
        "LAB_SECRET": server.secret_access_key,
        "PYTHONPATH": str(HERE),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    done = await asyncio.to_thread(
        subprocess.run,
        [python, str(HERE / "program.py"), engine],
        cwd=tmp_path,
        env=os.environ | settings,
        check=False,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    out: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    for error in out["errors"]:  # a storage never takes its credentials along
        assert "'main-bucket'> came to this process in a pickle" in error
        assert server.secret_access_key not in error
    given, computing, main = out["processes"]
    assert len(set(given)) == 2  # each process had a task
    assert len(set(computing)) == 2
    assert main not in (*given, *computing)
    assert out["values"] == [True, True, True, True]
    assert out["loads"] == [True, True, True, True]
    assert out["results"] == [True, True, True]
    assert out["lineage"] == [True, True]
    assert out["found"] == 4  # the first one, two by value, and the computed one
    served = [False, True, True, True]  # one call was computed; two in other tasks and one in the main program were not
    assert out["calls"] == [[name, "completed", hit, True] for name in ("double", "grow") for hit in served]


@pytest.mark.timeout(420)
def test_the_blocks_of_the_page_run(tmp_path: Path) -> None:
    python = interpreter("spark")
    assert sum(block.verb == "workers" for block in blocks(PAGE)) == 2
    settings = {"PYSPARK_PYTHON": python, "RAY_USAGE_STATS_ENABLED": "0", "SPARK_LOCAL_IP": "127.0.0.1"}
    command = [python, snippets.__file__, str(PAGE), "--workers"]
    env = clean_environment() | settings
    done = subprocess.run(command, cwd=tmp_path, env=env, check=False, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
