"""Stored frames and tables as CSV and parquet, without the classes of users."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

from artigraph.errors import QueryError
from artigraph.serializer import get_serializer_by_name
from artigraph.table import Table
from artigraph.table.arrow import arrow


@contextmanager
def converted(source: BinaryIO, serializer: str, kind: Literal["csv", "parquet"]) -> Generator[BinaryIO]:
    """Yield a temporary file with a stored frame or table in another format. It closes the source.

    The whole value is loaded. Nothing is yielded if a part of it cannot be converted.

    Raises:
        QueryError: the format cannot hold the value.
        MissingDependencyError: pyarrow, or the library of the value, is not installed.
        DeserializationError: the bytes are not what the serializer writes.
    """
    pa = arrow()
    with source, tempfile.TemporaryDirectory(prefix="artigraph-") as folder:
        value = get_serializer_by_name(serializer).deserialize(source.read())
        target = Path(folder, "table")
        try:
            table = Table(TABULAR[serializer](value))
            (table.to_csv if kind == "csv" else table.to_parquet)(target)
        except (pa.ArrowException, TypeError, ValueError, NotImplementedError) as error:
            other = "--as parquet or --as raw" if kind == "csv" else "--as raw"
            msg = f"The value that {serializer} wrote cannot be written as {kind}: {error}. Use {other}"
            raise QueryError(msg) from error
        with target.open("rb") as file:
            yield file


def _of_pandas(frame: Any) -> Any:
    return arrow().Table.from_pandas(frame)


def _of_polars(frame: Any) -> Any:
    return frame.to_arrow()


TABULAR: Mapping[str, Callable[[Any], Any]] = {
    "arrow-feather": lambda table: table,
    "arrow-parquet": lambda table: table,
    "arrow-record-batch": lambda batch: arrow().Table.from_batches([batch]),
    "arrow-record-batch-stream": lambda reader: reader.read_all(),
    "pandas-dataframe": _of_pandas,
    "pandas-series": lambda series: _of_pandas(series.to_frame()),
    "polars-dataframe": _of_polars,
    "polars-series": lambda series: _of_polars(series.to_frame()),
}
"""How an Arrow table is made of the values of each serializer. No other serializer is used."""
