"""The serializers of frames and series of geopandas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from artigraph.serializer._support.library import PartsSerializer, check_class, deserializing
from artigraph.serializer.geopandas import _frames
from artigraph.serializer.geopandas._crs import same_crs
from artigraph.serializer.geopandas._geometry import gpd
from artigraph.serializer.pandas.tables import (
    describe_frames,
    describe_series,
    preview_table,
    same_frame,
    same_scalar,
    same_series,
)
from artigraph.serializer.preview import TablePreview


class _GeoSerializer(PartsSerializer[Any, TablePreview]):
    """What the serializers of frames and series have in common."""

    def size_hint(self, value: Any) -> int | None:
        """Return the approximate number of bytes of the labels, the values and the coordinates."""
        return _frames.size_in_all(value) if isinstance(value, self.types) else None


class GeoDataFrameSerializer(_GeoSerializer):
    """Stores frames of geopandas as GeoParquet files with page checksums, exactly.

    Geometry columns are well-known binary (WKB), with their coordinate reference systems. Missing and empty geometries
    differ. Z and M coordinates, SRIDs, several geometry columns and the active one are kept. Everything else is kept
    and refused as the serializer of pandas frames does. Other programs read the files as GeoParquet; one with M
    coordinates they read as parquet.

    Refused, with the name of the column and the row:

    - linear rings among other geometries or within collections
    - points of NaN, and collections that are nested deeper than 100
    - a column named "geometry" that holds other values
    - subclasses of GeoDataFrame
    """

    name = "geopandas-geodataframe"
    types: tuple[type[Any], ...] = (gpd.GeoDataFrame,)

    def _to_parts(self, value: Any) -> Iterator[bytes]:
        """Yield a GeoParquet file in parts of at most 8 MiB."""
        check_class(value, gpd.GeoDataFrame, "geopandas")
        yield from _frames.frame_to_file(value)

    def _from_bytes(self, data: bytes) -> Any:
        """Return the frame of a file."""
        return _frames.frame_from_file(data)

    def deserialize_columns(self, file: BinaryIO, columns: Sequence[Any]) -> Any:
        """Return what `frame[columns]` returns: without geometries a frame of pandas. Reads no other columns."""
        with deserializing(self.name):
            return _frames.columns_from_file(file, list(columns))

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> TablePreview:
        """Return index and columns with the first rows, and geometries as well-known text."""
        return preview_table(file, "frame", rows=rows, columns=columns, max_bytes=max_bytes, stored=_frames.FRAME)

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two frames have equal labels, dtypes, values, reference systems and active geometry.

        NaN equals NaN.
        """
        if type(one) is not type(other) or not same_scalar(one.active_geometry_name, other.active_geometry_name):
            return False
        return same_frame(one, other)

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on shapes, columns, dtypes, reference systems, and how many cells differ."""
        mine, theirs = before.active_geometry_name, after.active_geometry_name
        changed = [] if same_scalar(mine, theirs) else [f"active geometry: {mine!r:.60} → {theirs!r:.60}"]
        shared = [label for label in before.columns if label in after.columns]
        for label in shared[:1000]:
            changed += _crs_change(before[label], after[label], f"{label!r:.60} ")
        return _joined(changed, describe_frames(before, after))


class GeoSeriesSerializer(_GeoSerializer):
    """Stores series of geometries as GeoParquet files. It keeps and refuses what `GeoDataFrameSerializer` does."""

    name = "geopandas-geoseries"
    types: tuple[type[Any], ...] = (gpd.GeoSeries,)

    def _to_parts(self, value: Any) -> Iterator[bytes]:
        """Yield a GeoParquet file in parts of at most 8 MiB."""
        check_class(value, gpd.GeoSeries, "geopandas")
        yield from _frames.series_to_file(value)

    def _from_bytes(self, data: bytes) -> Any:
        """Return the series of a file."""
        return _frames.series_from_file(data)

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> TablePreview:
        """Return the index and the first geometries as well-known text."""
        return preview_table(file, "series", rows=rows, columns=columns, max_bytes=max_bytes, stored=_frames.SERIES)

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two series have equal name, labels, geometries and reference systems. NaN equals NaN."""
        return same_series(one, other)

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on name, length, reference system, and how many geometries differ."""
        return _joined(_crs_change(before, after, ""), describe_series(before, after))


def _crs_change(before: Any, after: Any, where: str) -> list[str]:
    mine, theirs = (getattr(getattr(each, "array", None), "crs", None) for each in (before, after))
    if same_crs(mine, theirs):
        return []
    return [f"reference system: {where}{_crs_name(mine)} → {_crs_name(theirs)}"]


def _crs_name(crs: Any) -> str:
    return "none" if crs is None else f"{crs.to_string() if len(crs.srs) < 40 else crs.name:.60}"  # noqa: PLR2004


def _joined(changed: list[str], tables: str) -> str:
    text = "; ".join(changed[:6]).replace("\n", " ")
    return f"{text}; {tables}" if text and not tables.startswith("alike") else text or tables


geodataframe_serializer: GeoDataFrameSerializer = GeoDataFrameSerializer().register()
"""Serializes `geopandas.GeoDataFrame`."""

geoseries_serializer: GeoSeriesSerializer = GeoSeriesSerializer().register()
"""Serializes `geopandas.GeoSeries`."""
