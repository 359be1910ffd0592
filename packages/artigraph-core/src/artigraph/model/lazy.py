"""Lazy values, which are loaded on request."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import replace
from types import GenericAlias
from typing import Any, BinaryIO, Generic, TypeVar, cast, get_origin

from typing_extensions import TypeIs

from artigraph.errors import FieldNotLoadedError
from artigraph.graph import Fetch, StoredObject, fetch, map_object, note_uses, open_object
from artigraph.model.compare import Parts, Structured
from artigraph.model.repr import html_of, show_parts, top_level
from artigraph.model.values import StoredValue
from artigraph.progress import Meter, ProgressCallback, ProgressReporter

T = TypeVar("T")


class Lazy(Structured, Generic[T]):
    """A handle to a large value that is loaded only when you ask for it.

        @dataclass
        class Training(ArtifactModel):
            samples: Lazy[pd.DataFrame] = artifact_field(storage=s3)

        training_id = await Training(Lazy(frame)).save("training")
        training = await Training.load(training_id)             # reads no object
        frame = await training.samples.load()                   # all of it
        part = await training.samples.load(columns=["price"])   # no more than these columns
        file = await training.samples.open()                    # a file, read and checked as far as it is used

    Annotate a field as `Lazy[T]` or `Lazy[T] | None`, or as a list, tuple, dict, `ArtifactMapping` or
    `ArtifactSequence` of such. A handle holds one value, not a model (whose own fields can be lazy).

    A loaded value is not kept: each call of `load` reads and checks the bytes again. Two handles are equal if their
    values are. If one is not loaded, its bytes are compared with the bytes as which the other's value would be stored.
    """

    __slots__ = ("_stored", "_value")

    def __init__(self, value: T, /) -> None:
        if value is None:
            msg = "A Lazy holds a value; where there is none, the field is None itself: Lazy[T] | None"
            raise TypeError(msg)
        self._value: T | None = value
        self._stored: StoredValue | None = None

    def __class_getitem__(cls, parameter: Any) -> GenericAlias:
        return GenericAlias(cls, parameter)

    @property
    def size(self) -> int | None:
        """The size of the stored value in bytes; None for a value that was not stored."""
        return None if self._stored is None else self._stored.size

    async def load(
        self,
        *,
        columns: Sequence[Any] | None = None,
        memory_map: bool = False,
        progress: ProgressCallback | None = None,
    ) -> T:
        """Load the value, or only some columns of a table, or map it into memory.

        Args:
            columns: the labels of the wanted columns, in this order. Of a Parquet file only these are read.
            memory_map: leave the value in its file and map it read-only, which takes no memory of its own. This needs a
                storage that keeps files on this machine, and a format that can be used in place, such as that of
                arrays. The file is checked first.
            progress: receives the bytes read of a value in a storage.

        Raises:
            DeserializationError: the bytes cannot be decoded, a column does not exist, or the value's serializer cannot
                read columns or be mapped.
            StorageError: the object cannot be read or mapped.
            CorruptObjectError: the object does not match its checksum.
            ValueError: columns or a map are requested of a value that was not stored, or both are requested.
        """
        stored = self._stored
        if columns is not None and memory_map:
            msg = "A memory map holds all columns; ask for one or the other"
            raise ValueError(msg)
        if stored is None:
            if columns is not None or memory_map:
                msg = "Columns and maps are of what is stored, and this Lazy holds its value: select from that"
                raise ValueError(msg)
            return cast("T", self._value)
        await note_uses([stored.node_id])
        if isinstance(stored.source, bytes):
            inline: T = await _load(stored, Meter(), columns, memory_map=memory_map)
            return inline
        total = stored.size if columns is None else None
        async with ProgressReporter(progress).metered("read objects", total) as meter:
            value: T = await _load(stored, meter, columns, memory_map=memory_map)
        return value

    async def open(self) -> BinaryIO:
        """Open the stored value as a seekable file. Each chunk is checked before you can read a byte of it.

        An object in a storage that is reached over the network is fetched in chunks of 8 MiB as you read. The event
        loop on which the file was opened fetches them. So read such a file in another thread than that loop's: in
        async code, `asyncio.to_thread(read, file)`.

        Raises:
            FieldNotLoadedError: the value was not stored.
            StorageError, CorruptObjectError: the object cannot be read, or does not match its checksum.
        """
        if self._stored is None:
            msg = "This Lazy holds a value that was not stored yet; there is nothing to be opened"
            raise FieldNotLoadedError(msg)
        await note_uses([self._stored.node_id])
        return await _open(self._stored)

    def __repr__(self) -> str:
        return self._artigraph_show(top_level())

    def _repr_html_(self) -> str:
        return html_of(self)

    def _artigraph_show(self, level: int) -> str:
        stored = self._stored
        if stored is None:
            return show_parts("Lazy", [("", self._value)], level)
        where = f" in {stored.source.storage.name!r}" if isinstance(stored.source, StoredObject) else ""
        return f"Lazy(<{stored.serializer}, {stored.size:,} bytes{where}>)"

    def _artigraph_parts(self) -> list[object]:
        return [self._value if self._stored is None else (self._stored.serializer, self._stored.digest)]

    def _artigraph_aligned(self, other: Structured) -> tuple[Parts | None, Parts | None]:
        value, stored = held(other)
        if self._stored is not None and stored is None:
            return [True], [self._stored.encodes(value)]
        if self._stored is None and stored is not None:
            return [True], [stored.encodes(self._value)]
        return super()._artigraph_aligned(other)


async def _load(stored: StoredValue, meter: Meter, columns: Sequence[Any] | None, *, memory_map: bool) -> Any:
    if memory_map:
        source = stored.source
        view = memoryview(source) if isinstance(source, bytes) else await map_object(source, meter)
        return await asyncio.to_thread(stored.decode_mapped, view)
    if columns is not None:
        with await _open(stored, meter) as file:
            return await asyncio.to_thread(stored.decode_columns, file, columns)
    if stored.streamed:
        return await asyncio.to_thread(stored.decode_file, await _open(stored, meter))
    loaded: list[Any] = []
    await fetch([Fetch(stored.source, lambda data: loaded.append(stored.decode(data)), stored.needs_bytes)], meter)
    return loaded[0]


async def _open(stored: StoredValue, meter: Meter | None = None) -> BinaryIO:
    source = stored.source
    return io.BytesIO(source) if isinstance(source, bytes) else await open_object(source, meter)


def is_lazy(annotation: object) -> TypeIs[type[Lazy[Any]]]:
    """Return whether an annotation, or its origin, is `Lazy` or a class derived from it."""
    return isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, Lazy)


def unloaded(stored: StoredValue, kind: type[Lazy[Any]]) -> Lazy[Any]:
    """Return a handle, of `Lazy` or a class derived from it, to a stored value."""
    lazy = object.__new__(kind)
    private: Any = lazy
    private._value, private._stored = None, stored
    return lazy


def name_origin(lazy: object, words: str) -> None:
    """Let the errors of a later load say where a handle that was not loaded comes from."""
    private: Any = lazy
    stored: StoredValue | None = private._stored
    if stored is not None and isinstance(stored.source, StoredObject):
        owner = f"{stored.source.owner} ({words})"
        private._stored = replace(stored, source=stored.source._replace(owner=owner))


def held(lazy: object) -> tuple[object, StoredValue | None]:
    """Return the two things that a handle may hold: a value, or a stored value."""
    private: Any = lazy
    return private._value, private._stored
