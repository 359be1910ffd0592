"""Queries whose results are rows: Arrow tables, batches of them, and rows as dicts."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar
from uuid import UUID

from artigraph.errors import QueryError
from artigraph.progress import ProgressCallback, ProgressReporter
from artigraph.query._base import Select
from artigraph.query._moments import check_count
from artigraph.query._ordering import cut_orders
from artigraph.query._properties import PropertySelect
from artigraph.query._table_plan import RunProperty, check_names
from artigraph.query._table_read import ArtifactRows
from artigraph.query.columns import Column
from artigraph.run import Run
from artigraph.table import Table, TableColumn, Values
from artigraph.table.arrow import arrow, make_table

R = TypeVar("R")

_ON_THE_LOOP = 2_000
"""The most values of which an Arrow table is made on the event loop."""


class Rows(Protocol):
    """Reads the rows of a table."""

    @property
    def batch(self) -> int:
        """The number of nodes that one statement reads."""
        ...

    @property
    def columns(self) -> list[TableColumn]:
        """The columns of the table."""
        ...

    async def read(self, ids: Sequence[UUID]) -> dict[str, Values]:
        """Return the values of each column for the nodes that still exist, in the order of their ids."""
        ...


async def read_values(rows: Rows, ids: Sequence[UUID]) -> dict[str, list[Any]]:
    """Return the values of each column for some nodes, read batch by batch."""
    values: dict[str, list[Any]] = {column.name: [] for column in rows.columns}
    for start in range(0, len(ids), rows.batch):
        found = await rows.read(ids[start : start + rows.batch])
        for name in values:
            values[name] += found[name]
    return values


def dicts_of(values: Mapping[str, Values]) -> list[dict[str, Any]]:
    """Return a dict for each row."""
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


async def make(columns: Sequence[TableColumn], values: Mapping[str, Values], **how: bool) -> Table:
    """Return the table of some rows. A large one is made in a thread."""
    if len(columns) * len(values["node_id"]) <= _ON_THE_LOOP:
        return Table(make_table(columns, values, **how))
    return Table(await asyncio.to_thread(lambda: make_table(columns, values, **how)))


def _check_size(size: object) -> int:
    """Check the number of rows of a batch, and return it.

    Raises:
        QueryError: it is not a whole number from 1 on.
    """
    if isinstance(size, int) and size == 0:
        msg = "A batch has at least one row, not 0"
        raise QueryError(msg)
    return check_count(size, "size")


async def make_batches(
    reader: Rows, pages: AsyncIterator[Sequence[UUID]], *, as_text: bool, progress: ProgressCallback | None
) -> AsyncIterator[Table]:
    """Yield a table for each page of ids."""
    columns, report, done = check_names(reader.columns), ProgressReporter(progress), 0
    async for ids in pages:
        batch = await make(columns, await read_values(reader, ids), as_text=as_text, in_batches=True)
        done += len(batch)
        report("read rows", done, None, "rows")
        yield batch


class ArtifactTables(Select[R]):
    """A query for artifacts, whose fields can be the columns of a table."""

    __slots__ = ()

    async def table(
        self, *columns: Column, run: Sequence[RunProperty] = (), label: bool = False, as_text: bool = False
    ) -> Table:
        """Return an Arrow table of the results: one row for each, and one column for each field that you name.

            c = columns(Report)
            found = await select(Report).table(c.title, c.metrics["loss"], run=("name", "parameters.rate"))
            found.to_pandas(), found.to_polars(), found.arrow        # the same table, for each library

        The first columns are `node_id` and `run_id`. A field's column has its path as its name: `data.name`. Without
        columns you get all fields but models and collections. No model is built, and no object is loaded: the column
        of a frame says where its bytes are, and how many.

        The annotation decides the Arrow type. If it allows several types, the values decide. Ids and paths are text,
        enums are dictionaries of their members' names, aware datetimes are in UTC, and decimals have 18 digits after
        the point. A field that an older version of the class did not have is null, as None is.

        It takes one statement. A query with a limit takes one for the ids, and one for each 8,000 values. So does a
        query that the database cannot decide alone.

        Args:
            columns: fields of the model, of models in it, or keys of mappings: `c.data.name`, `c.metrics["loss"]`.
            run: properties of the run of each artifact, by name (`name`, `parameters.rate`) or as columns of `Run`.
            label: whether there is a column `label`.
            as_text: whether a column is text if its values are of several types, or fit into no Arrow type.

        Raises:
            QueryError: a column is not one of this model, or runs have no such property.
            TableError: a column holds values of several types, or one that its Arrow type cannot hold exactly.
            MissingDependencyError: pyarrow is not installed. `rows` does without it.
            DeserializationError: a value cannot be read.
        """
        arrow()
        reader = await self._reader(columns, run, label=label)
        made = check_names(reader.columns)
        return await make(made, await self._read_all(reader), as_text=as_text)

    async def table_batches(
        self,
        *columns: Column,
        run: Sequence[RunProperty] = (),
        label: bool = False,
        as_text: bool = False,
        size: int = 10_000,
        progress: ProgressCallback | None = None,
    ) -> AsyncIterator[Table]:
        """Yield the results as tables of at most `size` rows, so that memory does not grow with their number.

            async for batch in select(Report).table_batches(c.title, c.accuracy):
                writer.write_table(batch.arrow)

        All batches have one schema. A column keeps the type that its annotation, or the first batch, gives it. With
        `as_text` a column without an annotation of one type is text from the start. Artifacts that are saved or
        deleted meanwhile may be in it or not. With an order, or with a comparison that the database cannot decide, the
        ids of all results are held in memory. `progress` receives the number of rows so far.

        Raises:
            QueryError, TableError, MissingDependencyError, DeserializationError: as `table`.
        """
        arrow()
        reader = await self._reader(columns, run, label=label)
        async for batch in make_batches(reader, self._pages(_check_size(size)), as_text=as_text, progress=progress):
            yield batch

    async def rows(
        self, *columns: Column, run: Sequence[RunProperty] = (), label: bool = False
    ) -> list[dict[str, Any]]:
        """Return a dict for each result, with the same keys as the columns of `table`. It needs no pyarrow.

            for row in await select(Report).rows(c.title, c.accuracy):
                print(row["node_id"], row["title"], row["accuracy"])

        Each value is exactly the one that was saved, whatever its type. An `ObjectCell` stands for a value that only
        its serializer reads, or that was too large for its row. If you ask by a stored name, a `StoredEnum` or
        `StoredStruct` stands for an instance of a class.

        Raises:
            QueryError: a column is not one of this model, or runs have no such property.
            TableError: a column is a model in some artifacts.
            DeserializationError: a value cannot be read.
        """
        reader = await self._reader(columns, run, label=label)
        check_names(reader.columns)
        return dicts_of(await self._read_all(reader))

    @abstractmethod
    async def _reader(self, columns: Sequence[Column], run: Sequence[RunProperty], *, label: bool) -> ArtifactRows:
        """Return what reads these columns, or all that fit into a table if it gets no columns."""

    async def _read_all(self, rows: ArtifactRows) -> Mapping[str, Values]:
        """Return the values of each column for all results: by one statement, where the database alone finds them."""
        source, asked = self._asked()
        is_cut = self._limit is not None or self._offset > 0 or bool(cut_orders(self._order_keys()))
        if is_cut or not asked.decided or self._is_tried(paged=True):
            return await read_values(rows, await self.ids())
        statement = self._statement(source, asked, paged=False)
        found = await rows.read_found(source, lambda with_fields: self._deep(with_fields(statement)))
        return await read_values(rows, await self.ids()) if found is None else found


class RunTables(PropertySelect[Run]):
    """A query for runs, whose properties can be the columns of a table."""

    __slots__ = ()

    async def table(self, *columns: RunProperty, as_text: bool = False) -> Table:
        """Return an Arrow table of the runs: one row for each, and one column for each property that you name.

            found = await select(Run).where(columns(Run).name == "train").table("started_at", "parameters.rate")
            found.to_pandas(), found.to_polars(), found.arrow        # the same table, for each library

        The first column is `node_id`. Without columns you get the name, status, start, end and type of error. Types
        are as in tables of artifacts. It takes one statement for the ids and two for each 1,000 runs.

        Args:
            columns: properties, by name (`name`, `parameters.rate`, `tags.team`) or as columns of `Run`.
            as_text: whether a column is text if its values are of several types, or fit into no Arrow type.

        Raises:
            QueryError: runs have no such property.
            TableError: a column holds values of several types, or one that its Arrow type cannot hold exactly.
            MissingDependencyError: pyarrow is not installed. `rows` does without it.
            DeserializationError: a value cannot be read.
        """
        arrow()
        reader = await self._reader(columns)
        made = check_names(reader.columns)
        return await make(made, await read_values(reader, await self.ids()), as_text=as_text)

    async def table_batches(
        self,
        *columns: RunProperty,
        as_text: bool = False,
        size: int = 10_000,
        progress: ProgressCallback | None = None,
    ) -> AsyncIterator[Table]:
        """Yield the runs as tables of at most `size` rows, so that memory does not grow with their number.

        All batches have one schema, as those of artifacts have.

        Raises:
            QueryError, TableError, MissingDependencyError, DeserializationError: as `table`.
        """
        arrow()
        reader = await self._reader(columns)
        async for batch in make_batches(reader, self._pages(_check_size(size)), as_text=as_text, progress=progress):
            yield batch

    async def rows(self, *columns: RunProperty) -> list[dict[str, Any]]:
        """Return a dict for each run, with the same keys as the columns of `table`. It needs no pyarrow.

        Raises:
            QueryError: runs have no such property.
            DeserializationError: a value cannot be read.
        """
        reader = await self._reader(columns)
        check_names(reader.columns)
        return dicts_of(await read_values(reader, await self.ids()))

    @abstractmethod
    async def _reader(self, columns: Sequence[RunProperty]) -> Rows:
        """Return what reads these properties."""
