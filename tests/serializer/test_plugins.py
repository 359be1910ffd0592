"""Serializers of other libraries are found without being imported, and say what to install."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from artigraph.errors import MissingDependencyError, needs
from artigraph.serializer import get_serializer_by_name
from tests.support.frameworks import SERIALIZERS, is_here

SHIPPED = {
    "altair-chart",
    "arrow-feather",
    "arrow-parquet",
    "arrow-record-batch",
    "arrow-record-batch-stream",
    "jax-array",
    "jax-array-dict",
    "numpy-array",
    "numpy-scalar",
    "pandas-dataframe",
    "pandas-index",
    "pandas-scalar",
    "pandas-series",
    "plotly-figure",
    "polars-dataframe",
    "polars-series",
    "scipy-sparse",
    "networkx-graph",
    "pillow-image",
    "torch-state-dict",
    "torch-tensor",
    "xarray-dataset",
    "xarray-dataarray",
    "geopandas-geodataframe",
    "geopandas-geoseries",
    "lightgbm-booster",
    "xgboost-booster",
}
"""Names are stored with the data, so none is ever removed."""
HERE = sorted(name for name in SHIPPED if name not in SERIALIZERS or is_here(SERIALIZERS[name]))
"""Those whose libraries are installed; `just frameworks` tests the others."""


LARGE = sorted({*SERIALIZERS.values()})
"""The libraries of `just frameworks`."""


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_names_are_permanent() -> None:
    offered = {
        point.name for point in entry_points(group="artigraph.serializer") if point.module.startswith("artigraph.")
    }
    assert offered == SHIPPED


@pytest.mark.parametrize("name", HERE)
def test_each_name_is_that_of_its_serializer(name: str) -> None:
    assert get_serializer_by_name(name).name == name


@pytest.mark.parametrize("name", ["numpy-scalar", "pandas-index", "polars-series", "arrow-parquet"])
def test_a_process_that_imported_nothing_loads_it(name: str) -> None:
    code = f"from artigraph.serializer import get_serializer_by_name; print(get_serializer_by_name({name!r}).name)"
    assert run(code).strip() == name


BY_TYPE = {
    "numpy": {"zeros(1)": "numpy-array", "float64(1)": "numpy-scalar", "str_('a')": "numpy-scalar"},
    "pandas": {
        "DataFrame()": "pandas-dataframe",
        "MultiIndex.from_arrays([[1]])": "pandas-index",
        "Timestamp(0)": "pandas-scalar",
        "NA": "pandas-scalar",
    },
    "polars": {"DataFrame()": "polars-dataframe", "Series()": "polars-series"},
    "pyarrow": {"table({})": "arrow-feather", "table({}).to_reader()": "arrow-record-batch-stream"},
    "scipy.sparse": {"csr_array((1, 1))": "scipy-sparse", "lil_matrix((1, 1))": "scipy-sparse"},
    "PIL.Image": {"new('L', (1, 1))": "pillow-image"},
    "networkx": {"Graph()": "networkx-graph", "MultiDiGraph()": "networkx-graph"},
    "xarray": {"Dataset()": "xarray-dataset", "DataArray(1)": "xarray-dataarray"},
    "geopandas": {"GeoDataFrame()": "geopandas-geodataframe", "GeoSeries([])": "geopandas-geoseries"},
    "jax": {"numpy.zeros(1)": "jax-array", "random.key(0)": "jax-array"},
    "plotly.graph_objects": {"Figure()": "plotly-figure"},
    "altair": {"Chart()": "altair-chart", "layer()": "altair-chart", "hconcat()": "altair-chart"},
    "torch": {"zeros(1)": "torch-tensor", "nn.Parameter(torch.zeros(1))": "torch-tensor"},
    "xgboost": {"Booster()": "xgboost-booster"},
    "lightgbm": {"Booster.__new__(lightgbm.Booster)": "lightgbm-booster"},
}


@pytest.mark.parametrize("library", [library for library in BY_TYPE if is_here(library)])
def test_a_process_that_imported_nothing_finds_it_by_type(library: str) -> None:
    lines = [f"print(get_serializer_by_type(type({library}.{value})).name)" for value in BY_TYPE[library]]
    code = "\n".join([f"import {library}", "from artigraph.serializer import get_serializer_by_type", *lines])
    assert run(code).split() == list(BY_TYPE[library].values())


@pytest.mark.parametrize("library", ["numpy", "pandas", "polars", "pyarrow", "networkx", "scipy", *LARGE])
def test_a_missing_library_names_the_command(library: str) -> None:
    code = f"""
import sys
sys.modules[{library!r}] = None
try:
    import artigraph.serializer.{library}
except ImportError as error:
    print(type(error).__name__, error)
"""
    said = run(code)
    assert said.startswith("MissingDependencyError")
    assert f"pip install 'artigraph[{library}]'" in said


@pytest.mark.parametrize("library", ["attrs", "msgspec", "pydantic"])
@pytest.mark.parametrize("end", ["", ".sync"])
def test_a_missing_library_of_models_names_the_command(library: str, end: str) -> None:
    code = f"""
import sys
sys.modules[{library!r}] = None
try:
    import artigraph.{library}{end}
except ImportError as error:
    print(type(error).__name__, error)
"""
    said = run(code)
    assert said.startswith(f"MissingDependencyError artigraph.{library} cannot be imported: ")
    assert f"pip install 'artigraph[{library}]'" in said


def test_what_is_missing_below_names_the_command_of_what_was_asked_for() -> None:
    msg = "No module named 'a'"
    with pytest.raises(MissingDependencyError) as caught, needs("artigraph.b", "b"), needs("artigraph.a", "a"):
        raise ImportError(msg)
    assert str(caught.value) == (
        "artigraph.b cannot be imported: No module named 'a'. Install what it needs: pip install 'artigraph[b]'"
    )


def test_importing_one_imports_no_other() -> None:
    libraries = {
        "numpy": {"pandas", "polars", "pyarrow"},
        "pandas": {"polars"},
        "polars": {"pandas"},
        "pyarrow": {"pandas", "polars"},
        "scipy": {"pandas", "polars", "pyarrow"},
        "networkx": {"numpy", "pandas", "polars", "pyarrow"},
        "pillow": {"numpy", "pandas", "polars", "pyarrow"},
        "torch": {"pandas", "polars", "pyarrow"},
        "xarray": {"polars", "geopandas", "dask"},
        "geopandas": {"polars", "xarray"},
        "xgboost": {"torch", "lightgbm"},
        "lightgbm": {"torch", "xgboost"},
        "jax": {"pandas", "polars", "pyarrow"},
        "plotly": {"pandas", "polars", "pyarrow"},
        "altair": {"polars", "pyarrow"},
    }
    for library, others in libraries.items():
        if library in LARGE and not is_here(library):
            continue
        loaded = run(f"import sys, artigraph.serializer.{library}; print(*sys.modules)").split()
        assert not others.intersection(loaded), library
