"""Tables of results."""

from __future__ import annotations

import json
from importlib import import_module
from os import PathLike
from typing import Any

from artigraph.errors import MissingDependencyError
from artigraph.printable import count_text
from artigraph.table.arrow import arrow


class Table:
    """The results of a query, one row for each, as an Arrow table.

    `arrow` is the `pyarrow.Table` itself. The methods hand it to other libraries.
    """

    __slots__ = ("arrow",)

    def __init__(self, table: Any) -> None:
        self.arrow: Any = table
        """The `pyarrow.Table`."""

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in their order."""
        return tuple(self.arrow.column_names)

    def __len__(self) -> int:
        return int(self.arrow.num_rows)

    def __repr__(self) -> str:
        return f"<Table of {count_text(len(self), 'row')}: {', '.join(self.column_names)}>"

    def _repr_html_(self) -> str:
        from artigraph.table._html import table_html

        return table_html(self.arrow)

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame`.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        _require("pandas")
        return self.arrow.to_pandas()

    def to_polars(self) -> Any:
        """Return a `polars.DataFrame`.

        Raises:
            MissingDependencyError: Polars is not installed.
        """
        return _require("polars").from_arrow(self.arrow)

    def to_parquet(self, path: str | PathLike[str]) -> None:
        """Write a parquet file. A file that exists there is replaced."""
        _require("pyarrow.parquet").write_table(self.arrow, path)

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write a CSV file with a header, in UTF-8. A file that exists there is replaced.

        A missing value is an empty cell, and an empty text is `""`. The parts of an object are columns of their own:
        `samples.size`. A list is JSON, bytes are hexadecimal digits, and a timedelta is a number of seconds.
        """
        _require("pyarrow.csv").write_csv(_for_csv(self.arrow), path)

    def to_arrow_file(self, path: str | PathLike[str]) -> None:
        """Write a file of Arrow's IPC format, which Feather readers read. A file that exists there is replaced."""
        with _require("pyarrow.ipc").new_file(str(path), self.arrow.schema) as file:
            file.write_table(self.arrow)


def _require(name: str) -> Any:
    """Import a library that is not a dependency.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        msg = f"This needs {name}: pip install 'artigraph[{name}]'"
        raise MissingDependencyError(msg) from error


def _for_csv(table: Any) -> Any:
    """Return a table with the columns as text that a CSV file cannot hold otherwise."""
    pa = arrow()
    flat = table.flatten()
    for number, field in enumerate(flat.schema):
        texts: list[str | None] | None = None
        values = flat.column(number)
        if pa.types.is_dictionary(field.type):
            flat = flat.set_column(number, field.name, values.cast(pa.string()))
        elif pa.types.is_list(field.type) or pa.types.is_large_list(field.type):
            texts = [None if value is None else json.dumps(value) for value in values.to_pylist()]
        elif pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            texts = [None if value is None else value.hex() for value in values.to_pylist()]
        elif pa.types.is_duration(field.type):
            texts = [None if value is None else repr(value.total_seconds()) for value in values.to_pylist()]
        if texts is not None:
            flat = flat.set_column(number, field.name, pa.array(texts, pa.string()))
    return flat
