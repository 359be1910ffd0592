"""Geometry columns as well-known binary (WKB), which other programs read as GeoParquet."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from artigraph.errors import SerializationError
from artigraph.serializer._support.arrow import pa
from artigraph.serializer.geopandas._crs import describe_crs, restore_crs, same_crs
from artigraph.serializer.geopandas._wkb import check_wkb
from artigraph.serializer.pandas.tables import (
    ColumnReader,
    ColumnWriter,
    Description,
    add_kind,
    in_steps,
    texts_of,
)

gpd: Any = import_module("geopandas")
shapely: Any = import_module("shapely")

Array = npt.NDArray[Any]
KIND = "geometry"
_POINT, _RING, _MULTIPOINT, _COLLECTION = 0, 2, 4, 7
"""Numbers of shapely's types."""
_IN_DOUBT = (_RING, _MULTIPOINT, _COLLECTION)
_ADVICE = (
    "Replace it by one that WKB has: shapely.LineString(ring) for a ring within a collection, shapely.Point() for a "
    "point without numbers"
)


def describe_geometry(values: Any, columns: ColumnWriter, name: str) -> Description:
    """Add a geometry array to `columns` as WKB, and return the rest of its description.

    Raises:
        SerializationError: a geometry would not load exactly.
    """
    geometries = _geometries(values)
    there = geometries[~shapely.is_missing(geometries)]
    description: Description = {"kind": KIND, "crs": describe_crs(values.crs)}
    srids: list[int] = np.unique(shapely.get_srid(there)).tolist()
    if len(srids) > 1:
        msg = f"its geometries have different SRIDs ({srids[:5]}); set one for all: shapely.set_srid(geometries, srid)"
        raise SerializationError(msg)
    if srids not in ([], [0]):
        description["srid"] = srids[0]
    rings = shapely.get_type_id(there) == _RING
    if rings.any():
        if not rings.all():
            msg = "some of its geometries are linear rings; make all of them lines: shapely.LineString(ring)"
            raise SerializationError(msg)
        description["rings"] = True

    def make(part: slice) -> Any:
        wkb: Array = shapely.to_wkb(geometries[part], byte_order=1, flavor="iso")
        _check_again(geometries[part], wkb, part.start or 0, description)
        return pa.array(wkb, pa.large_binary())

    columns.add(in_steps(len(geometries), pa.large_binary(), make), name)
    return description


def _geometries(values: Any) -> Array:
    """Return a read-only view of the geometries, so that threads can read one value at once.

    Shapely makes each array that it gets read-only while it works, and then sets the flag back. Of two threads with one
    array, one can find it read-only and leave it so. An array that is read-only from the start has nothing to set back.
    """
    geometries: Array = np.asarray(values, object).view()
    geometries.flags.writeable = False
    return geometries


def _check_again(geometries: Array, wkb: Array, start: int, description: Description) -> None:
    """Read back what WKB may not have: rings within collections, and points and empty parts that are made of NaN."""
    types = shapely.get_type_id(geometries)
    empty = shapely.is_empty(geometries)
    in_doubt = np.isin(types, _IN_DOUBT) | empty
    points = (types == _POINT) & ~empty
    in_doubt[points] = np.isnan(shapely.get_x(geometries[points]))
    if not in_doubt.any():
        return
    again = _restored(wkb[in_doubt], description)
    same = _same(geometries[in_doubt], again)
    if not same.all():
        row = start + int(np.flatnonzero(in_doubt)[np.argmin(same)])
        msg = f"its geometry in row {row} would come back as {again[np.argmin(same)]!s:.80}. {_ADVICE}"
        raise SerializationError(msg)


def restore_geometry(description: Description, columns: ColumnReader) -> Any:
    """Return the geometry array for a description that `describe_geometry` returned."""
    stored = texts_of(columns.next())
    return gpd.array.from_shapely(_restored(stored, description), crs=restore_crs(description["crs"]))


def _restored(stored: Array, description: Description) -> Array:
    check_wkb(stored)
    geometries: Array = shapely.from_wkb(stored)
    if description.get("rings"):
        made = np.empty(len(geometries), object)
        made[:] = [None if each is None else _ring_of(each) for each in geometries]
        geometries = made
    return shapely.set_srid(geometries, description["srid"]) if "srid" in description else geometries


def _ring_of(line: Any) -> Any:
    return shapely.LinearRing(shapely.get_coordinates(line, include_z=line.has_z, include_m=line.has_m))


def _same(one: Array, other: Array) -> npt.NDArray[np.bool_]:
    """Return which geometries are equal in type, coordinates and SRID. NaN equals NaN, and a missing one itself."""
    alike: npt.NDArray[np.bool_] = shapely.equals_identical(one, other)
    alike &= (shapely.has_z(one) == shapely.has_z(other)) & (shapely.has_m(one) == shapely.has_m(other))
    alike &= shapely.get_srid(one) == shapely.get_srid(other)
    alike |= shapely.is_missing(one) & shapely.is_missing(other)
    return alike


def same_geometry(one: Any, other: Any) -> bool:
    """Say whether two geometry arrays of one length have equal geometries and coordinate reference systems."""
    return same_crs(one.crs, other.crs) and bool(_same(_geometries(one), _geometries(other)).all())


def has_measures(values: Any) -> bool:
    """Say whether a geometry has M coordinates, which GeoParquet does not have."""
    return bool(shapely.has_m(_geometries(values)).any())


def coordinates_of(values: Any) -> int:
    """Return how many points the geometries have in all."""
    return int(shapely.get_num_coordinates(_geometries(values)).sum())


GEOMETRY_ARRAY: type[Any] = gpd.array.GeometryArray
add_kind(KIND, GEOMETRY_ARRAY, (describe_geometry, restore_geometry), same_geometry)
