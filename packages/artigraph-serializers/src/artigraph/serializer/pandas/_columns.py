"""The columns of one Arrow table, handed over one by one while values are taken apart or put together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from artigraph.serializer._support.arrow import ipc_text, pa, read_ipc_text

__all__ = ["ColumnReader", "ColumnWriter"]


class ColumnWriter:
    """Takes the Arrow arrays that values consist of, in the order in which they will be asked for."""

    def __init__(self) -> None:
        self.arrays: list[Any] = []
        self.names: list[str] = []
        self.dictionary: list[str] = []
        """The columns that a dictionary may make shorter."""
        self._taken: set[str] = set()

    def add(self, array: Any, name: str) -> None:
        """Take an array; the name is for people who open the file by other means, and made unique."""
        unique = name
        while unique in self._taken:
            unique = f"{name}.{len(self.names)}"
        self._taken.add(unique)
        self.names.append(unique)
        self.arrays.append(array)
        if not (pa.types.is_floating(array.type) or pa.types.is_temporal(array.type)):
            self.dictionary.append(unique)

    def table(self) -> Any:
        """Return all of them as a table."""
        return pa.Table.from_arrays(self.arrays, names=self.names)

    def text(self) -> str:
        """Return all of them as text."""
        return ipc_text([a.combine_chunks() if isinstance(a, pa.ChunkedArray) else a for a in self.arrays])


class ColumnReader:
    """Hands out chunked Arrow arrays in the order in which they were taken."""

    def __init__(self, arrays: Iterable[Any]) -> None:
        self._arrays = iter(list(arrays))

    @classmethod
    def of_text(cls, text: str) -> ColumnReader:
        """Return a reader of the arrays of such a text."""
        return cls(read_ipc_text(text))

    def next(self) -> Any:
        """Return the next one."""
        found = next(self._arrays, None)
        if found is None:
            msg = "a column is missing"
            raise ValueError(msg)
        return found

    def finish(self) -> None:
        """See that there is none left."""
        if next(self._arrays, None) is not None:
            msg = "there is a column too many"
            raise ValueError(msg)
