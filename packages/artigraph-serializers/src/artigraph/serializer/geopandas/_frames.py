"""Frames and series of geopandas as parquet files: those of pandas, with what GeoParquet needs in the metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

import pandas as pd

from artigraph.errors import SerializationError
from artigraph.serializer.geopandas._geometry import GEOMETRY_ARRAY, KIND, coordinates_of, gpd, has_measures
from artigraph.serializer.pandas.tables import (
    Description,
    More,
    cell_from_text,
    cell_to_text,
    count_arrays,
    frame_to_parts,
    read_frame,
    read_frame_columns,
    same_scalar,
    series_from_bytes,
    series_to_parts,
    size_of,
)

FRAME, SERIES = "geodataframe", "geoseries"
"""The kinds of the files."""
_GEOPARQUET = "1.0.0"
_NAME = "geometry"
"""The label for which the constructor of a frame makes geometries of other values."""

_pd: Any = pd


def frame_to_file(frame: Any) -> Iterator[bytes]:
    """Yield the file of a frame in parts."""
    plain = _pd.DataFrame(frame, copy=False)
    _pass_on(frame, plain)
    active: object = frame.active_geometry_name
    _check_again(frame, plain.iloc[:0], active)
    places = [place for place, dtype in enumerate(plain.dtypes) if _is_geometry(dtype)]
    primary = next((place for place in places if same_scalar(plain.columns[place], active)), next(iter(places), None))
    measured = any(has_measures(plain.iloc[:, place].array) for place in places)

    def metadata(values: list[Description], names: list[str]) -> dict[str, str]:
        return {} if primary is None or measured else _geo(values, names, primary)

    yield from frame_to_parts(plain, More({"kind": FRAME, "active": cell_to_text(active)}, metadata))


def _check_again(frame: Any, empty: Any, active: object) -> None:
    """Refuse a frame that the constructor would change."""
    labels = list(empty.columns)
    if any(label == _NAME and not _is_geometry(empty.dtypes.iloc[place]) for place, label in enumerate(labels)):
        msg = (
            "A column named 'geometry' holds no geometries, and geopandas makes some of it when a frame is made. "
            "Rename the column, or store pandas.DataFrame(frame)."
        )
        raise SerializationError(msg)
    again = made_frame(empty, active)
    if not again.columns.equals(frame.columns) or list(again.dtypes) != list(frame.dtypes):
        msg = "geopandas would change its columns when the frame is made again; give each column a name of its own."
        raise SerializationError(msg)
    if not same_scalar(again.active_geometry_name, active):
        msg = f"Its active geometry {active!r:.80} would come back as {again.active_geometry_name!r:.80}; rename it."
        raise SerializationError(msg)


def made_frame(plain: Any, active: object) -> Any:
    """Return a frame of geopandas with the columns of a frame of pandas, and this active geometry."""
    template = gpd.GeoDataFrame()
    if active is not None:
        template = gpd.GeoDataFrame({_NAME: gpd.GeoSeries([])}, geometry=_NAME)
        template = template if active == _NAME else template.rename_geometry(active)
    found = gpd.GeoDataFrame(plain, copy=False)
    # As pandas passes on what a subclass has beside its columns. The active geometry may be no column any more.
    found.__finalize__(template)
    _pass_on(plain, found)
    return found


def _pass_on(one: Any, other: Any) -> None:
    """Give a frame or a series the attrs and flags of another one. The constructors drop them."""
    other.attrs = one.attrs
    other.flags.allows_duplicate_labels = one.flags.allows_duplicate_labels


def _is_geometry(dtype: Any) -> bool:
    return isinstance(dtype, gpd.array.GeometryDtype)


def _geo(values: list[Description], names: list[str], primary: int) -> dict[str, str]:
    """Return the metadata of a GeoParquet file."""
    left = iter(names)
    of_values = [list(islice(left, count_arrays(each))) for each in values]
    columns: dict[str, Any] = {}
    for described, (name, *_) in zip(values, of_values, strict=True):
        if described["kind"] == KIND:
            crs = described["crs"]
            columns[name] = {"encoding": "WKB", "geometry_types": [], "crs": crs and crs["definition"]}
    return {"geo": json.dumps({"version": _GEOPARQUET, "primary_column": of_values[primary][0], "columns": columns})}


def frame_from_file(data: bytes) -> Any:
    """Return the frame of a file."""
    plain, description = read_frame(data, FRAME)
    return made_frame(plain, cell_from_text(description["active"]))


def columns_from_file(file: BinaryIO, chosen: list[Any]) -> Any:
    """Return what `frame[chosen]` returns: without geometries a frame of pandas. Reads no other columns."""
    plain, description = read_frame_columns(file, chosen, FRAME)
    if not any(map(_is_geometry, plain.dtypes)):
        return plain
    return made_frame(plain, cell_from_text(description["active"]))


def series_to_file(series: Any) -> Iterator[bytes]:
    """Yield the file of a series in parts."""

    def metadata(values: Description, names: list[str]) -> dict[str, str]:
        return {} if has_measures(series.array) else _geo([values], names, 0)

    yield from series_to_parts(series, More({"kind": SERIES}, metadata))


def series_from_file(data: bytes) -> Any:
    """Return the series of a file."""
    plain = series_from_bytes(data, SERIES)
    if type(plain.array) is not GEOMETRY_ARRAY:
        msg = "its values are no geometries"
        raise ValueError(msg)
    found = gpd.GeoSeries(plain, copy=False)
    _pass_on(plain, found)
    return found


def size_in_all(value: Any) -> int:
    """Return about how many bytes the columns and the coordinates take."""
    if type(value) is gpd.GeoSeries:
        arrays: list[Any] = [value.array]
    else:
        arrays = [value.iloc[:, place].array for place, dtype in enumerate(value.dtypes) if _is_geometry(dtype)]
    return (size_of(value) or 0) + sum(16 * coordinates_of(each) for each in arrays if type(each) is GEOMETRY_ARRAY)
