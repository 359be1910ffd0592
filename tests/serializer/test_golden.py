"""Every release reads what a serializer once wrote, and writes the same bytes under the same name."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import pyarrow as pa
import pytest

from artigraph import File
from artigraph.serializer import Serializer, get_serializer_by_name
from tests.support.frameworks import SERIALIZERS, is_here
from tests.support.golden import ALWAYS_THE_SAME, FOLDER, golden
from tests.support.identical import assert_identical

GOLDEN = golden()
CASES = [(name, case) for name, values in GOLDEN.items() for case in values]
_pa: Any = pa
BY_EQUAL = {
    *("pandas-series", "pandas-index", "pandas-scalar", "polars-series"),
    *("networkx-graph", "pillow-image", "scipy-sparse", "torch-tensor", "torch-state-dict"),
    *("xarray-dataset", "xarray-dataarray", "geopandas-geodataframe", "geopandas-geoseries"),
    *("lightgbm-booster", "xgboost-booster"),
    *("altair-chart", "jax-array", "jax-array-dict", "plotly-figure"),
}
"""Serializers whose own comparison is as strict as one can be, or whose bytes are compared too."""
ABSENT = {name for name, library in SERIALIZERS.items() if not is_here(library)}
"""Serializers that are tested in another environment: `just frameworks`."""


def assert_same(serializer: Serializer[Any], one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, File):
        with one.open() as file, other.open() as other_file:
            assert file.read() == other_file.read()
    elif isinstance(one, _pa.RecordBatchReader):
        assert_identical(_pa.table(one.read_all()), _pa.table(other.read_all()))
    elif isinstance(one, _pa.RecordBatch):
        assert_identical(_pa.Table.from_batches([one]), _pa.Table.from_batches([other]))
    elif serializer.name in BY_EQUAL:
        assert serializer.equal(one, other)
    else:
        assert_identical(one, other)


def test_there_are_bytes_of_every_serializer_that_is_shipped() -> None:
    offered = {entry.name for entry in entry_points(group="artigraph.serializer")}
    shipped = {"json", "datetime", "timedelta", "bytes", "file"} | offered
    assert shipped == GOLDEN.keys() | ABSENT == {path.name for path in FOLDER.iterdir()}
    kept = {(path.parent.name, path.name) for path in FOLDER.glob("*/*") if path.parent.name not in ABSENT}
    assert kept == set(CASES), "run python -m tests.support.golden; stored files are never removed"


@pytest.mark.parametrize(("name", "case"), CASES)
def test_bytes_of_the_first_release_are_read(name: str, case: str) -> None:
    serializer: Serializer[Any] = get_serializer_by_name(name)
    found = serializer.deserialize((FOLDER / name / case).read_bytes())
    assert_same(serializer, found, golden()[name][case])


@pytest.mark.parametrize(("name", "case"), [pair for pair in CASES if pair[0] in ALWAYS_THE_SAME])
def test_bytes_of_the_first_release_are_written(name: str, case: str) -> None:
    serializer: Serializer[Any] = get_serializer_by_name(name)
    assert serializer.serialize(GOLDEN[name][case]) == (FOLDER / name / case).read_bytes()
