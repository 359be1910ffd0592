"""The columns of one Arrow table, handed over one by one while values are taken apart or put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from artigraph.serializer._support.arrow import ipc_text, pa, read_ipc_text

__all__ = ["ColumnReader", "ColumnWriter", "Sliced"]


class Sliced:
    """A column whose elements become an Arrow array slice by slice, for a copy has to be made of them."""

    def __init__(self, length: int, make: Callable[[slice], Any]) -> None:
        self._length = length
        self._make = make
        self.type: Any = make(slice(0, 0)).type

    def __len__(self) -> int:
        return self._length

    def slice(self, start: int, length: int) -> Any:
        """Return the Arrow array of some elements."""
        return self._make(slice(start, start + length))


class ColumnWriter:
    """Takes the Arrow arrays that values consist of, in the order in which they will be asked for."""

    def __init__(self) -> None:
        self.arrays: list[Any] = []
        self.names: list[str] = []
        self.dictionary: list[str] = []
        """The columns that a dictionary may make shorter."""
        self._taken: set[str] = set()

    def add(self, array: Any, name: str) -> None:
        """Take an Arrow array or a `Sliced`; the name is for who opens the file by other means, and made unique."""
        unique = name
        while unique in self._taken:
            unique = f"{name}.{len(self.names)}"
        self._taken.add(unique)
        self.names.append(unique)
        self.arrays.append(array)
        if not (pa.types.is_floating(array.type) or pa.types.is_temporal(array.type)):
            self.dictionary.append(unique)

    def schema(self) -> Any:
        """Return the schema of a table of all of them."""
        return pa.schema([pa.field(name, array.type) for name, array in zip(self.names, self.arrays, strict=True)])

    def text(self) -> str:
        """Return all of them as text."""
        arrays = [each.slice(0, len(each)) for each in self.arrays]
        return ipc_text([a.combine_chunks() if isinstance(a, pa.ChunkedArray) else a for a in arrays])


class ColumnReader:
    """Hands out chunked Arrow arrays in the order in which they were taken; what it handed out it does not keep."""

    def __init__(self, arrays: Iterable[Any]) -> None:
        self._arrays = iter(arrays)

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
