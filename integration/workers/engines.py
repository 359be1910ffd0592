"""One function for each engine: `engine(name)` calls a function for each item, in two processes of the engine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from importlib import import_module
from typing import Any

Map = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]


@contextmanager
def dask() -> Generator[Map]:
    """A local cluster of Dask with two processes."""
    distributed: Any = import_module("distributed")
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, distributed.Client(cluster) as client:
        yield lambda function, items: client.gather(client.map(function, list(items), pure=False))


@contextmanager
def ray() -> Generator[Map]:
    """Ray on this machine, with two processes."""
    ray: Any = import_module("ray")
    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", object_store_memory=100_000_000)
    try:
        yield lambda function, items: ray.get([ray.remote(function).remote(item) for item in items])
    finally:
        ray.shutdown()


@contextmanager
def spark() -> Generator[Map]:
    """Spark in its local mode, with two threads that each have a process of Python."""
    sql: Any = import_module("pyspark.sql")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    session = builder.getOrCreate()
    try:
        yield lambda function, items: session.sparkContext.parallelize(list(items), 2).map(function).collect()
    finally:
        session.stop()


ENGINES = {"dask": dask, "ray": ray, "spark": spark}
