"""The floors of values of other libraries: the library's own writer and reader, SHA-256 of the file, and fsync.

Each function takes a size in bytes, and makes about that much.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.floors.values import sync_folder

__all__ = ["KINDS", "Kind", "read", "write"]


@dataclass(frozen=True)
class Kind:
    """A kind of values, and how its library writes and reads them."""

    library: str
    """The name of its import."""
    serializer: str
    title: str
    size: int
    """In bytes, about."""
    make: Callable[[int, int], Any]
    """Make a value of a size. Its second argument makes it differ from others."""
    write: Callable[[Path, Any], object]
    read: Callable[[Path], object]


def write(kind: Kind, path: Path, value: Any) -> bytes:
    """Write a file as the library does, flush it, and return its SHA-256."""
    kind.write(path, value)
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    sync_folder(path.parent)
    return _digest(path)


def read(kind: Kind, path: Path, digest: bytes) -> object:
    """Check the SHA-256 of a file, and read it as the library does."""
    assert _digest(path) == digest
    return kind.read(path)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


_np: Any = np
_MB = 1000 * 1000


def _numbers(size: int, seed: int) -> Any:
    return np.random.default_rng(seed).standard_normal(max(8, size // 8))


def _library(name: str) -> Any:
    return import_module(name)


def _make_jax(size: int, seed: int) -> Any:
    return _library("jax.numpy").asarray(_numbers(size * 2, seed).astype("float32"))


def _make_dataset(size: int, seed: int) -> Any:
    xarray = _library("xarray")
    data = _numbers(size, seed).reshape(4, -1)
    coords: dict[str, Any] = {"place": list("abcd"), "step": _np.arange(data.shape[1])}
    return xarray.Dataset({"a": (("place", "step"), data)}, coords=coords)


def _write_dataset(path: Path, value: Any) -> object:
    return value.to_netcdf(path, engine="scipy")


def _read_dataset(path: Path) -> object:
    with _library("xarray").open_dataset(path, engine="scipy") as found:
        return found.load()


def _make_sparse(size: int, seed: int) -> Any:
    count = max(10, size // 12)
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(0, count, (2, count), dtype="int32")
    return _library("scipy.sparse").csr_array((rng.standard_normal(count), (rows, columns)), shape=(count, count))


def _make_points(size: int, seed: int) -> Any:
    count = max(10, size // 32)
    rng = np.random.default_rng(seed)
    points = _library("shapely").points(rng.standard_normal((count, 2)))
    return _library("geopandas").GeoDataFrame({"a": rng.standard_normal(count)}, geometry=points, crs="EPSG:4326")


def _make_trees(size: int, seed: int) -> tuple[Any, Any, int]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((4000, 20)), rng.standard_normal(4000), max(2, size // 18_000)


def _make_xgboost(size: int, seed: int) -> Any:
    xgboost = _library("xgboost")
    rows, goal, rounds = _make_trees(size, seed)
    return xgboost.train({"max_depth": 7, "seed": seed}, xgboost.DMatrix(rows, goal), rounds)


def _make_lightgbm(size: int, seed: int) -> Any:
    lightgbm = _library("lightgbm")
    rows, goal, rounds = _make_trees(size, seed)
    parameters = {"num_leaves": 127, "seed": seed, "verbosity": -1}
    return lightgbm.train(parameters, lightgbm.Dataset(rows, goal), rounds)


def _read_lightgbm(path: Path) -> object:
    return _library("lightgbm").Booster(model_file=path)


def _make_figure(size: int, seed: int) -> Any:
    objects = _library("plotly.graph_objects")
    traces = [objects.Scatter(y=_numbers(size // 4, seed + each), name=f"{each}") for each in range(4)]
    return objects.Figure(traces)


def _write_figure(path: Path, value: Any) -> object:
    return value.write_json(path)


def _read_figure(path: Path) -> object:
    return _library("plotly.io").read_json(path)


def _make_chart(size: int, seed: int) -> Any:
    altair = _library("altair")
    rows = [{"a": number, "b": float(each)} for number, each in enumerate(_numbers(size // 4, seed)[:4900])]
    return altair.Chart(altair.Data(values=rows)).mark_point().encode(x="a:Q", y="b:Q")


def _write_chart(path: Path, value: Any) -> object:
    return path.write_text(value.to_json(), "utf-8")


def _read_chart(path: Path) -> object:
    return _library("altair").Chart.from_json(path.read_text("utf-8"))


def _make_graph(size: int, seed: int) -> Any:
    networkx = _library("networkx")
    return networkx.gnm_random_graph(max(4, size // 160), max(4, size // 40), seed=seed)


def _write_graph(path: Path, value: Any) -> None:
    with path.open("w", encoding="utf-8") as file:
        json.dump(_library("networkx").node_link_data(value, edges="edges"), file)


def _read_graph(path: Path) -> object:
    return _library("networkx").node_link_graph(json.loads(path.read_text("utf-8")), edges="edges")


def _make_image(size: int, seed: int) -> Any:
    side = max(4, int((size / 3) ** 0.5))
    x, y = _np.mgrid[0:side, 0:side]
    noise = np.random.default_rng(seed).integers(0, 16, (side, side))
    pixels = _np.stack([x * 200 // side + noise, y * 200 // side + noise, (x + y) * 100 // side + noise], axis=2)
    return _library("PIL.Image").fromarray(pixels.astype("u1"))


def _write_image(path: Path, value: Any) -> object:
    return value.save(path, "png")


def _read_image(path: Path) -> object:
    with _library("PIL.Image").open(path) as found:
        found.load()
        return found


def _make_polars(size: int, seed: int) -> Any:
    data = _numbers(size, seed).reshape(4, -1)
    return _library("polars").DataFrame({f"x{number}": column for number, column in enumerate(data)})


def _write_polars(path: Path, value: Any) -> object:
    return value.write_ipc(path, compression="lz4")


def _read_polars(path: Path) -> object:
    return _library("polars").read_ipc(path.read_bytes())


def _make_table(size: int, seed: int) -> Any:
    return _make_polars(size, seed).to_arrow()


def _write_table(path: Path, value: Any) -> object:
    return _library("pyarrow.feather").write_feather(value, path, compression="lz4")


def _read_table(path: Path) -> object:
    return _library("pyarrow.feather").read_table(path, memory_map=False)


def _write_points(path: Path, value: Any) -> object:
    return value.to_parquet(path, compression="zstd")


def _read_points(path: Path) -> object:
    return _library("geopandas").read_parquet(path)


def _write_sparse(path: Path, value: Any) -> None:
    with path.open("wb") as file:  # otherwise SciPy appends .npz
        _library("scipy.sparse").save_npz(file, value, compressed=False)


def _read_sparse(path: Path) -> object:
    with path.open("rb") as file:
        return _library("scipy.sparse").load_npz(file)


def _write_jax(path: Path, value: Any) -> None:
    with path.open("wb") as file:
        _library("jax.numpy").save(file, value)


def _read_jax(path: Path) -> object:
    with path.open("rb") as file:
        return _library("jax.numpy").load(file)


def _write_xgboost(path: Path, value: Any) -> None:
    value.save_model(path.with_suffix(".ubj"))
    path.with_suffix(".ubj").rename(path)


def _read_ubj(path: Path) -> object:
    return _library("xgboost").Booster(model_file=bytearray(path.read_bytes()))


def _write_lightgbm(path: Path, value: Any) -> object:
    return value.save_model(path)


_KINDS = (
    # jobs, serializers, titles, sizes
    ("jax", "jax-array", "array of JAX", 100 * _MB, _make_jax, _write_jax, _read_jax),
    ("xarray", "xarray-dataset", "dataset", 100 * _MB, _make_dataset, _write_dataset, _read_dataset),
    ("scipy", "scipy-sparse", "sparse array", 100 * _MB, _make_sparse, _write_sparse, _read_sparse),
    ("polars", "polars-dataframe", "frame of Polars", 100 * _MB, _make_polars, _write_polars, _read_polars),
    ("pyarrow", "arrow-feather", "table of Arrow", 100 * _MB, _make_table, _write_table, _read_table),
    ("geopandas", "geopandas-geodataframe", "frame of points", 8 * _MB, _make_points, _write_points, _read_points),
    ("xgboost", "xgboost-booster", "booster of XGBoost", 3 * _MB, _make_xgboost, _write_xgboost, _read_ubj),
    ("lightgbm", "lightgbm-booster", "booster of LightGBM", 3 * _MB, _make_lightgbm, _write_lightgbm, _read_lightgbm),
    ("plotly", "plotly-figure", "figure", 8 * _MB, _make_figure, _write_figure, _read_figure),
    ("altair", "altair-chart", "chart", 40_000, _make_chart, _write_chart, _read_chart),
    ("networkx", "networkx-graph", "graph", 2 * _MB, _make_graph, _write_graph, _read_graph),
    ("PIL", "pillow-image", "image", 12 * _MB, _make_image, _write_image, _read_image),
)
KINDS: dict[str, Kind] = {each[0].lower(): Kind(*each) for each in _KINDS}
"""The kinds by the lower-case names of their libraries."""
