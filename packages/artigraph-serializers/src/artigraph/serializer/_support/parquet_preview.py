"""The first rows of parquet files, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from artigraph.serializer._support.arrow import open_parquet, pa
from artigraph.serializer._support.pages import PageGuard
from artigraph.serializer._support.preview import within_limit
from artigraph.serializer.preview import LimitedFile

_BUFFER = 2**14
"""Bytes that are read at once. So only the first pages of a column are read, not all of it."""
_PAGE_ROWS = 1024
"""A page ends at about 1 MiB, but only after this number of rows. So pages of large rows are larger."""
_STEPS = 64


class ParquetHead:
    """The beginning of a parquet file, read within a limit."""

    def __init__(self, limited: LimitedFile, max_bytes: int) -> None:
        self._limited = limited
        self._max_bytes = max_bytes
        self._guard = PageGuard(limited, max_bytes)
        self._file = open_parquet(self._guard, pre_buffer=False, buffer_size=_BUFFER)
        self.schema: Any = self._file.schema_arrow
        self.metadata: Mapping[bytes, bytes] = self._file.metadata.metadata or {}
        self.total_rows: int = self._file.metadata.num_rows
        if self.total_rows < 0:
            msg = "it has a negative number of rows"
            raise ValueError(msg)

    def read(self, names: Iterable[str], rows: int) -> dict[str, list[Any]]:
        """Return the first values of the columns with these names, several if columns share one.

        A column is missing if reading or decoding it needs too much, as are all if there are no rows.
        """
        if not self._file.metadata.num_row_groups or rows <= 0:
            return {}
        group = self._file.metadata.row_group(0)
        size, many = int(group.total_byte_size), int(group.num_rows)
        if many <= 0 or size < 0:
            return {}
        wanted = set(dict.fromkeys(names))
        types: dict[str, list[Any]] = {}
        for field in self.schema:
            if field.name in wanted:
                types.setdefault(field.name, []).append(field.type)
        # Sizes of single columns are not asked for: of a damaged file they end the process.
        page = size * _PAGE_ROWS // max(many, _PAGE_ROWS)
        step = rows if size * rows <= self._max_bytes else max(rows // _STEPS, 1)
        found: dict[str, list[Any]] = {}
        for name, kinds in types.items():
            if min(size, page) > self._max_bytes and not all(map(_is_narrow, kinds)):
                continue
            columns = within_limit(self._limited, partial(self._read_one, name, len(kinds), rows, step), lambda: None)
            if columns is not None:
                found[name] = columns
        return found

    def _read_one(self, name: str, many: int, rows: int, step: int) -> list[Any] | None:
        chunks: list[list[Any]] = [[] for _ in range(many)]
        size = done = 0
        self._guard.begin()
        for batch in self._file.iter_batches(step, row_groups=[0], columns=[name], use_threads=False):
            part = batch.slice(0, rows - done)
            part.validate(full=True)
            size += batch.get_total_buffer_size()
            if size > self._max_bytes:
                return None
            # By name: a field `b` of a column `a` has the path of a column named `a.b`, and is read along with it.
            columns = [column for each, column in zip(part.schema.names, part.columns, strict=True) if each == name]
            for place, column in enumerate(columns):
                chunks[place].append(column)
            done += part.num_rows
            if done >= rows:
                break
        return [pa.chunked_array(each) for each in chunks] if chunks[0] else None


def _is_narrow(kind: Any) -> bool:
    """Say whether all values of a type have one small size."""
    types = pa.types
    return bool(types.is_primitive(kind) or types.is_decimal(kind) or types.is_null(kind))
