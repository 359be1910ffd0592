"""Frames and series of geopandas of every kind that is stored, and a comparison without the serializer's own code."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from tests.support.frames import COLUMNS, assert_same_frame, assert_same_index
from tests.support.frameworks import framework

gpd: Any = framework("geopandas")
shapely: Any = import_module("shapely")
pyproj: Any = import_module("pyproj")
_np: Any = np
_pd: Any = pd

TEXTS = [
    *("POINT (1 2)", "POINT Z (1 2 3)", "POINT M (1 2 3)", "POINT ZM (1 2 3 4)", "POINT (NaN 1)", "POINT (-0 1e300)"),
    *("POINT EMPTY", "POINT Z EMPTY", "POLYGON EMPTY", "POLYGON ZM EMPTY", "GEOMETRYCOLLECTION EMPTY"),
    *("LINESTRING (0 0, 1 1)", "LINESTRING Z (0 0 1, 1 1 NaN)", "LINESTRING EMPTY"),
    *("POLYGON ((0 0, 4 0, 4 4, 0 0), (1 1, 2 1, 2 2, 1 1))", "POLYGON M ((0 0 1, 4 0 2, 4 4 3, 0 0 4))"),
    *("MULTIPOINT ((1 1), EMPTY)", "MULTIPOINT Z (1 1 5, 2 2 6)", "MULTILINESTRING ((0 0, 1 1), EMPTY)"),
    *("MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), ((5 5, 6 5, 6 6, 5 5)))", "MULTIPOLYGON EMPTY"),
    *("GEOMETRYCOLLECTION (POINT (1 2), GEOMETRYCOLLECTION (LINESTRING (0 0, 1 1)))",),
    *("GEOMETRYCOLLECTION (POINT (1 2), POINT Z (1 2 3))",),
]
SYSTEMS = ["EPSG:4326", "EPSG:32633", "OGC:CRS84", "ESRI:54009", "+proj=laea +lat_0=45 +ellps=GRS80 +units=km", None]


def every_geometry(**more: Any) -> Any:
    """A series of all geometries, with a missing one."""
    found = [None, *map(shapely.from_wkt, TEXTS)]
    return gpd.GeoSeries(found, name="all", **more)


def rings() -> Any:
    """A series of linear rings."""
    flat = shapely.LinearRing([(0, 0), (1, 0), (1, 1)])
    return gpd.GeoSeries([flat, None, shapely.LinearRing([(0, 0, 5), (1, 0, 5), (1, 1, 5)])], crs=3035)


def several() -> Any:
    """A frame with several geometry columns, of which the second is active."""
    made = gpd.GeoDataFrame(
        {
            "name": ["a", None, "c"],
            "where": gpd.points_from_xy([1, 2, 3], [4, 5, 6], crs=4326),
            "area": gpd.GeoSeries([shapely.box(0, 0, 1, 1), None, shapely.Polygon()], crs=3857).array,
            "count": _pd.array([1, None, 3], dtype="Int64"),
            "kind": _pd.Categorical(["u", "v", "u"]),
        },
        geometry="area",
        index=_pd.date_range("2020", periods=3, tz="UTC", name="when"),
    )
    made.attrs = {"source": "survey", "year": 2020}
    return made


def frames() -> list[Any]:
    """Return frames of every kind."""
    numbers = [str(place) for place in range(4)]
    columns = {name: values for name, values in COLUMNS.items() if len(values) == 4}
    wide = gpd.GeoDataFrame(_pd.DataFrame(columns), geometry=gpd.points_from_xy(range(4), range(4)))
    flagged = several().reset_index(drop=True)
    flagged.flags.allows_duplicate_labels = False
    labeled = gpd.GeoDataFrame({0: [1], (1, "a"): gpd.GeoSeries([shapely.Point(1, 2)])}, geometry=(1, "a"))
    return [
        several(),
        several().set_geometry("where"),
        several()[["name", "where"]],  # the active geometry is no column any more
        several().iloc[:0],
        several().iloc[::-2],
        gpd.GeoDataFrame(),
        gpd.GeoDataFrame({"a": [1]}),
        gpd.GeoDataFrame(geometry=[]),
        every_geometry(crs=4326).to_frame("geometry"),
        rings().to_frame(),
        wide.drop(columns=[name for name in ("geometry",) if name in numbers]),
        gpd.GeoDataFrame({"geometry": every_geometry(), "geometry.0": 1, "index": 2}),
        flagged,
        labeled,
        several().set_index(["name", "count"]),
    ]


def series() -> list[Any]:
    """Return series of every kind."""
    return [
        *(every_geometry(crs=system) for system in SYSTEMS),
        gpd.GeoSeries([]),
        gpd.GeoSeries([None, None]),
        rings(),
        several()["where"],
        several().geometry.rename((1, "x")),
        gpd.GeoSeries(shapely.set_srid([shapely.Point(1, 2), None], 4326)),
        gpd.GeoSeries([shapely.Point(1, 2)], index=_pd.Index([("a", 1)], tupleize_cols=False)),
    ]


def form(geometry: Any) -> Any:
    """What a geometry consists of."""
    if geometry is None:
        return None
    parts = [form(part) for part in geometry.geoms] if hasattr(geometry, "geoms") else shapely.to_wkb(geometry)
    return (type(geometry), geometry.has_z, geometry.has_m, geometry.is_empty, shapely.get_srid(geometry), parts)


def assert_same_geometries(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    assert [form(each) for each in one] == [form(each) for each in other]
    assert (one.crs is None) == (other.crs is None)
    if one.crs is not None:
        assert one.crs == other.crs
        assert type(one.crs) is type(other.crs) is pyproj.CRS


def assert_same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, gpd.GeoSeries):
        assert (type(one.name), one.name) == (type(other.name), other.name)
        assert_same_index(one.index, other.index)
        assert_same_geometries(one.array, other.array)
        assert one.attrs == other.attrs
        return
    if isinstance(one, gpd.GeoDataFrame):
        assert (type(one.active_geometry_name), one.active_geometry_name) == (
            type(other.active_geometry_name),
            other.active_geometry_name,
        )
    mine, theirs = _pd.DataFrame(one), _pd.DataFrame(other)
    assert list(mine.dtypes) == list(theirs.dtypes)
    places = [place for place, dtype in enumerate(mine.dtypes) if dtype == "geometry"]
    for place in places:
        assert_same_geometries(mine.iloc[:, place].array, theirs.iloc[:, place].array)
    rest = [place for place in range(mine.shape[1]) if place not in places]
    assert_same_index(mine.columns, theirs.columns)
    assert_same_frame(mine.iloc[:, rest], theirs.iloc[:, rest])
    assert one.attrs == other.attrs
    assert one.flags.allows_duplicate_labels == other.flags.allows_duplicate_labels
