"""What of frames and series of geopandas is refused, read in part, shown, compared, and read by other programs."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from artigraph import ArtifactModel, Lazy
from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer.pandas import dataframe_serializer
from artigraph.storage.file import FileSystem
from artigraph.testing.serializer import RecordingFile
from tests.serializer.geopandas.values import (
    SYSTEMS,
    TEXTS,
    assert_same,
    assert_same_geometries,
    every_geometry,
    gpd,
    pyproj,
    rings,
    several,
    shapely,
)

its: Any = import_module("artigraph.serializer.geopandas")
geodataframe_serializer: Any = its.geodataframe_serializer
geoseries_serializer: Any = its.geoseries_serializer
check_wkb: Any = import_module("artigraph.serializer.geopandas._wkb").check_wkb
_pd: Any = pd
_pa: Any = pa
_pq: Any = pq
NAN = float("nan")
RING = [(0, 0), (1, 0), (1, 1), (0, 0)]


def of(*geometries: Any, **more: Any) -> Any:
    return gpd.GeoDataFrame({"a": range(len(geometries))}, geometry=gpd.GeoSeries(geometries, **more))


def nested(depth: int) -> Any:
    found = shapely.Point(1, 2)
    for _ in range(depth):
        found = shapely.GeometryCollection([found])
    return found


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "mixed rings": (
        lambda: of(shapely.LinearRing(RING), shapely.Point(1, 2)),
        r"'geometry'.*shapely.LineString\(ring\)",
    ),
    "ring in a collection": (
        lambda: of(shapely.Point(1, 2), None, shapely.GeometryCollection([shapely.LinearRing(RING)])),
        "row 2 would come back as GEOMETRYCOLLECTION",
    ),
    "point of NaN": (lambda: of(shapely.Point(NAN, NAN)), "row 0 would come back as POINT EMPTY"),
    "SRIDs": (
        lambda: of(shapely.set_srid(shapely.Point(1, 2), 5), shapely.Point(1, 2)),
        r"different SRIDs \(\[0, 5\]\)",
    ),
    "deep": (lambda: of(nested(102)), "nested deeper than 100"),
    "a system of a subclass": (
        lambda: of(shapely.Point(1, 2), crs=pyproj.crs.GeographicCRS("mine")),
        "coordinate reference system is a .*GeographicCRS.*set_crs",
    ),
    "texts as geometry": (
        lambda: gpd.GeoDataFrame({"geometry": ["a"], "b": gpd.GeoSeries([shapely.Point(1, 2)])}, geometry="b"),
        "A column named 'geometry' holds no geometries",
    ),
    "objects": (lambda: of(shapely.Point(1, 2)).assign(b=[{1: object()}]), "column 'b'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_not_come_back_is_refused_with_what_to_do(case: str) -> None:
    make, text = REFUSED[case]
    with pytest.raises(SerializationError, match=text):
        geodataframe_serializer.serialize(make())


def test_what_the_advice_says_is_stored() -> None:
    line = of(shapely.LineString(shapely.LinearRing(RING)), shapely.Point(1, 2))
    mine = pyproj.crs.GeographicCRS("mine")
    system = of(shapely.Point(1, 2), crs=mine).set_crs(pyproj.CRS.from_wkt(mine.to_wkt()), allow_override=True)
    for value in (line, system, of(nested(100))):
        assert_same(value, geodataframe_serializer.deserialize(geodataframe_serializer.serialize(value)))


def test_columns_of_one_label_come_back() -> None:
    value = several()
    value.columns = ["a", "where", "area", "a", "kind"]
    assert_same(value, geodataframe_serializer.deserialize(geodataframe_serializer.serialize(value)))


def test_a_frame_of_pandas_keeps_its_geometries() -> None:
    frame = _pd.DataFrame(several())
    back = dataframe_serializer.deserialize(dataframe_serializer.serialize(frame))
    assert type(back) is pd.DataFrame
    assert_same_geometries(frame["area"].array, back["area"].array)
    assert dataframe_serializer.equal(frame, back)
    assert not dataframe_serializer.equal(frame, frame.assign(area=frame["area"].array.to_crs(4326)))


# GeoParquet -----------------------------------------------------------------------------------------------------------


def test_geopandas_reads_the_files() -> None:
    value = several().reset_index(drop=True)
    found = gpd.read_parquet(io.BytesIO(geodataframe_serializer.serialize(value)))
    assert found.active_geometry_name == "area"
    for name in ("where", "area"):
        assert_same_geometries(found[name].array, value[name].array)
    one = gpd.read_parquet(io.BytesIO(geoseries_serializer.serialize(several()["where"])))
    assert_same_geometries(one["where"].array, several()["where"].array)


def test_files_that_geoparquet_does_not_have_say_nothing_of_it() -> None:
    def said(serializer: Any, value: Any) -> Any:
        return _pq.read_metadata(io.BytesIO(serializer.serialize(value))).metadata.get(b"geo")

    assert json.loads(said(geodataframe_serializer, several()))["primary_column"] == "area"
    assert json.loads(said(geodataframe_serializer, several()[["name", "where"]]))["primary_column"] == "where"
    assert said(geodataframe_serializer, gpd.GeoDataFrame({"a": [1]})) is None
    assert said(geoseries_serializer, gpd.GeoSeries([shapely.from_wkt("POINT M (1 2 3)")])) is None


# Parts of a frame -----------------------------------------------------------------------------------------------------


def test_one_column_is_read_without_the_others() -> None:
    many = 200_000
    rng = np.random.default_rng(0)
    points = gpd.points_from_xy(rng.random(many), rng.random(many))
    value = gpd.GeoDataFrame({"a": range(many), "b": rng.random(many)}, geometry=points, crs=4326)
    data = geodataframe_serializer.serialize(value)
    file = RecordingFile(data)
    part = geodataframe_serializer.deserialize_columns(file, ["a"])
    assert_same(part, value[["a"]])
    assert file.fetched < len(data) / 5
    assert_same(geodataframe_serializer.deserialize_columns(file, ["geometry", "a"]), value[["geometry", "a"]])


async def test_fields_of_a_model_hold_frames(engine: object, tmp_path: Path) -> None:
    files = FileSystem(tmp_path / "objects")

    @dataclass
    class Survey(ArtifactModel, name="geopandas.Survey"):
        frame: Any
        lazy: Annotated[Lazy[Any], files]
        where: Any
        several: dict[str, Any]

    value = several()
    node_id = await Survey(value, Lazy(value), value["where"], {"rings": rings()}).save("survey")
    loaded = await Survey.load(node_id)
    assert_same(loaded.frame, value)
    assert_same(loaded.where, value["where"])
    assert_same(loaded.several["rings"], rings())
    assert_same(await loaded.lazy.load(columns=["where"]), value[["where"]])
    assert loaded == Survey(value, Lazy(value), value["where"], {"rings": rings()})
    assert loaded != Survey(value.to_crs(4326), Lazy(value), value["where"], {"rings": rings()})


# Previews and differences ---------------------------------------------------------------------------------------------


def test_a_preview_shows_geometries_as_text() -> None:
    file = RecordingFile(geodataframe_serializer.serialize(several()))
    found = geodataframe_serializer.preview(file)
    assert [(column.name, column.dtype) for column in found.columns[2:4]] == [
        ("where", "geometry"),
        ("area", "geometry"),
    ]
    assert [row[2] for row in found.rows] == ["POINT (1 4)", "POINT (2 5)", "POINT (3 6)"]
    assert [row[3] for row in found.rows] == ["POLYGON ((1 0, 1 1, 0 1, 0 0, 1 0))", None, "POLYGON EMPTY"]
    assert found.summary.startswith("geodataframe, 3 rows x 5 columns")
    one = geoseries_serializer.preview(RecordingFile(geoseries_serializer.serialize(every_geometry())), rows=3)
    assert [row[-1] for row in one.rows] == [None, *TEXTS[:2]]
    assert one.total_rows == len(TEXTS) + 1


def test_threads_read_one_series_at_once() -> None:
    shared = gpd.GeoSeries(shapely.points(range(8), 0))
    expected = its.geoseries_serializer.serialize(shared)

    def work(_: int) -> None:
        assert its.geoseries_serializer.serialize(shared) == expected
        assert its.geoseries_serializer.equal(shared, shared.copy())

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(300)))
    finally:
        sys.setswitchinterval(before)
    assert shared.to_numpy().flags.writeable


def test_equality_counts_systems_and_the_active_geometry() -> None:
    equal = geodataframe_serializer.equal
    assert equal(several(), several().copy())
    assert not equal(several(), several().set_geometry("where"))
    assert not equal(several(), several().to_crs(4326))
    assert not equal(several(), several().set_crs(4326, allow_override=True))
    assert not equal(several(), _pd.DataFrame(several()))
    assert not equal(several(), several().assign(area=several()["where"]))
    assert geoseries_serializer.equal(every_geometry(), every_geometry())
    assert not geoseries_serializer.equal(every_geometry(), every_geometry(crs=4326))
    flat, high = gpd.GeoSeries.from_wkt(["POINT (1 2)"]), gpd.GeoSeries.from_wkt(["POINT Z (1 2 3)"])
    assert not geoseries_serializer.equal(flat, high)
    assert not geoseries_serializer.equal(flat, gpd.GeoSeries([None]))
    assert not geoseries_serializer.equal(rings(), rings().map(shapely.LineString, na_action="ignore"))


def test_a_difference_is_told() -> None:
    one = several()
    tell = geodataframe_serializer.describe_change
    moved = one.assign(where=gpd.points_from_xy([1, 2, 4], [4, 5, 6], crs=4326))
    assert tell(one, moved) == "cells differ: 'where' (1 of 3)"
    assert tell(one, one.set_geometry("where")) == "active geometry: 'area' → 'where'"
    assert tell(one, one.set_crs(4326, allow_override=True)) == "reference system: 'area' EPSG:3857 → EPSG:4326"
    assert tell(one, one.drop(columns="name")) == "3x5 → 3x4; without columns: 'name'"
    series = geoseries_serializer.describe_change
    assert series(one["where"], moved["where"]) == "cells differ: 'values' (1 of 3)"
    assert series(one["where"], one["where"].set_crs(None, allow_override=True)) == "reference system: EPSG:4326 → none"


# Hostile bytes --------------------------------------------------------------------------------------------------------


def changed(data: bytes, change: Callable[[dict[str, Any]], None], wkb: bytes | None = None) -> bytes:
    """Return a file with another description, and with other geometries."""
    table = _pq.read_table(io.BytesIO(data))
    metadata = {b"artigraph": _pq.read_metadata(io.BytesIO(data)).metadata[b"artigraph"]}
    described = json.loads(metadata[b"artigraph"])
    change(described)
    metadata[b"artigraph"] = json.dumps(described).encode()
    if wkb is not None:
        place = table.schema.get_field_index("geometry")
        column = _pa.array([wkb] * len(table), _pa.large_binary())
        table = table.set_column(place, _pa.field("geometry", _pa.large_binary()), column)
    target = io.BytesIO()
    _pq.write_table(table.replace_schema_metadata(metadata), target, store_schema=True)
    return target.getvalue()


def header(base: int, count: int = 1, *, order: bytes = b"\x01") -> bytes:
    return order + base.to_bytes(4, "little") + count.to_bytes(4, "little")


POINT = b"\x01\x01\0\0\0" + bytes(16)
HOSTILE = {
    "nested": header(7) * 10**6 + POINT,
    "nested multipoints": header(4) * 10**6 + POINT,
    "nested of no standard": header(4007) * 10**6 + POINT,
    "nested with flags": header(7) + header(7 | 1 << 20) * 10**6 + POINT,
    "nested within": header(7, 2) + POINT + header(7) * 10**6 + POINT,
    "big-endian": (b"\0" + (7).to_bytes(4, "big") + (1).to_bytes(4, "big")) * 10**6,
    "count": header(7, 2**32 - 1),
    "many points": header(2, 2**31),
    "many rings": header(3, 2**32 - 1),
    "curve": header(8, 1) + bytes(16),
    "text": b"0101000000000000000000F03F0000000000000040",
    "empty": b"",
    "type": header(99),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_geometries_are_an_error(case: str) -> None:
    data = geodataframe_serializer.serialize(of(shapely.Point(1, 2)))
    assert geodataframe_serializer.deserialize(changed(data, lambda _: None, POINT)).geometry[0].x == 0
    broken = changed(data, lambda _: None, HOSTILE[case])
    with pytest.raises(DeserializationError):
        geodataframe_serializer.deserialize(broken)
    with pytest.raises(DeserializationError):
        geodataframe_serializer.preview(RecordingFile(broken), max_bytes=2**26)


def checked(wkb: bytes) -> Any:
    check_wkb([wkb])
    return shapely.from_wkb(wkb)


@pytest.mark.parametrize("text", [text for text in TEXTS if "(" in text])
def test_geometries_that_are_cut_off_are_an_error(text: str) -> None:
    whole = shapely.to_wkb(shapely.from_wkt(text), byte_order=1, flavor="iso")
    check_wkb([whole, None])
    for length in range(len(whole)):
        with pytest.raises((ValueError, shapely.errors.GEOSException)):
            checked(whole[:length])


def system(description: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in description["values"] if each["kind"] == "geometry")["crs"]
    return found


def deep() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(500):
        found = {"type": "BoundCRS", "source_crs": found}
    return found


BROKEN: dict[str, Callable[[dict[str, Any]], Any]] = {
    "kind": lambda said: said.update(kind="frame"),
    "version": lambda said: said.update(version=2),
    "active": lambda said: said.update(active="j[1]"),
    "system": lambda said: system(said).update(definition={"type": "GeographicCRS"}),
    "system of another type": lambda said: system(said).update(definition={"type": "Ellipsoid", "name": "a"}),
    "deep system": lambda said: system(said).update(definition=deep()),
    "rings": lambda said: said["values"][1].update(rings=True),
    "srid": lambda said: said["values"][1].update(srid="a"),
    "columns": lambda said: said["values"].pop(),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_description_that_lies_is_an_error(case: str) -> None:
    data = geodataframe_serializer.serialize(of(shapely.Point(1, 2), crs=4326))
    assert_same(geodataframe_serializer.deserialize(changed(data, lambda _: None)), of(shapely.Point(1, 2), crs=4326))
    with pytest.raises(DeserializationError):
        geodataframe_serializer.deserialize(changed(data, BROKEN[case]))


@pytest.mark.parametrize("code", ["EPSG:3857", "EPSG:99999999", "+proj=pipeline +file=/tmp/a", "+init=/tmp/a:b"])
def test_a_code_that_is_none_or_another_system_does_not_win(code: str) -> None:
    data = geodataframe_serializer.serialize(of(shapely.Point(1, 2), crs=4326))
    assert geodataframe_serializer.deserialize(data).crs.srs == "EPSG:4326"
    found = geodataframe_serializer.deserialize(changed(data, lambda said: system(said).update(code=code)))
    assert found.crs == pyproj.CRS(4326)
    assert json.loads(found.crs.srs)["name"] == "WGS 84"


@pytest.mark.parametrize("text", [text for text in SYSTEMS if text])
def test_reference_systems_come_back_as_they_were(text: str) -> None:
    value = gpd.GeoSeries([shapely.Point(1, 2)], crs=text)
    found = geoseries_serializer.deserialize(geoseries_serializer.serialize(value))
    assert found.crs == value.crs
    assert found.crs.srs == value.crs.srs or found.crs.is_exact_same(value.crs)
