"""Values of libraries that are not part of the workspace's environment, for the golden bytes; see `golden`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from tests.support.frameworks import is_here

__all__ = ["golden_frameworks"]

_np: Any = np


def _torch() -> dict[str, Mapping[str, Any]]:
    torch: Any = import_module("torch")
    nan = torch.tensor([0x7FC1, 0x3F80, -1], dtype=torch.int16)
    state: Any = OrderedDict(
        {
            "layer.bias": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
            "steps": torch.tensor(3),
            "\xe9": torch.empty(0),
        }
    )
    state._metadata = OrderedDict({"": {"version": 1}, "layer": {"version": 2}})
    return {
        "torch-tensor": {
            "bfloat16": nan.view(torch.bfloat16),
            "float8": torch.tensor([0x7F, 0x38, 0x80 - 256], dtype=torch.int8).view(torch.float8_e4m3fn),
            "bool": torch.tensor([[True], [False]]),
            "scalar": torch.tensor(2**60),
            "complex": torch.tensor([1 + 2j]),
            "channels-last": torch.arange(12.0).reshape(1, 2, 2, 3).to(memory_format=torch.channels_last),
            "empty": torch.empty(0, 3, dtype=torch.uint16),
        },
        "torch-state-dict": {"module": state, "plain": {"b": torch.arange(3), "a": torch.tensor([[0.5]])}},
    }


def _xarray() -> dict[str, Mapping[str, Any]]:
    xr: Any = import_module("xarray")
    pd: Any = import_module("pandas")
    weather = xr.Dataset(
        {
            "temperature": (("time", "station"), _np.array([[1.5, _np.nan], [2, 3]], ">f4"), {"units": "K"}),
            "names": ("station", _np.array(["a", None], object)),
            "kind": ("station", pd.Categorical(["u", "v"], ["v", "u"])),
            "count": 5,
        },
        coords={
            "time": pd.date_range("2020", periods=2, freq="D"),
            "station": ["north", "s\xfcd"],
            "code": ("station", [7, 8]),
        },
        attrs={"factor": _np.float32(0.1), "nested": {"a": (1, None), "b": _np.arange(2, dtype="i1")}},
    )
    weather.temperature.encoding = {"dtype": _np.dtype(">i2"), "scale_factor": 0.1}
    levels = pd.MultiIndex.from_arrays([["a", "a", "b"], [1, 2, 2]], names=["letter", "number"])
    coords = xr.Coordinates.from_pandas_multiindex(levels, "z")
    return {
        "xarray-dataset": {
            "weather": weather,
            "empty": xr.Dataset(),
            "no-index": xr.Dataset({"x": ("x", [1])}).drop_indexes("x"),
        },
        "xarray-dataarray": {
            "multi": xr.DataArray([0.5, 1, 2], coords, "z", "v"),
            "scalar": xr.DataArray(_np.datetime64("2020-01-01", "s"), name=("a", 1)),
        },
    }


def _geopandas() -> dict[str, Mapping[str, Any]]:
    gpd: Any = import_module("geopandas")
    shapely: Any = import_module("shapely")
    texts = ["POINT (1 2)", "POINT EMPTY", "POINT ZM (1 2 3 4)", "MULTIPOLYGON Z (((0 0 1, 1 0 1, 1 1 1, 0 0 1)))"]
    geometries = [*map(shapely.from_wkt, texts), None]
    frame = gpd.GeoDataFrame(
        {"a": range(5), "where": gpd.GeoSeries(geometries, crs=4326).array, "area": gpd.GeoSeries(geometries).array},
        geometry="where",
        index=list("vwxyz"),
    )
    rings = [shapely.LinearRing([(0, 0), (1, 0), (1, 1)]), None]
    return {
        "geopandas-geodataframe": {"frame": frame, "empty": gpd.GeoDataFrame()},
        "geopandas-geoseries": {
            "series": gpd.GeoSeries(shapely.set_srid(geometries, 25832), crs="EPSG:25832", name="where"),
            "rings": gpd.GeoSeries(rings, crs="+proj=laea +lat_0=45 +ellps=GRS80"),
        },
    }


_MAKERS: dict[str, Callable[[], dict[str, Mapping[str, Any]]]] = {
    "geopandas": _geopandas,
    "torch": _torch,
    "xarray": _xarray,
}


def golden_frameworks() -> dict[str, Mapping[str, Any]]:
    """Return values by serializer and by the name of the file, of the libraries that are installed."""
    found: dict[str, Mapping[str, Any]] = {}
    for library, make in _MAKERS.items():
        if is_here(library):
            found |= make()
    return found
