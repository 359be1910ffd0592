"""Write tables as Arrow IPC files (Feather), and read and validate them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer._support.arrow import PartsSink
from artigraph.serializer._support.arrow_input import InputFile

pa: Any = import_module("pyarrow")

_KEY = b"artigraph"
_VERSION = 1

_BATCH = 64 * 2**20
"""The approximate bytes of a batch in memory."""


def write_ipc(table: Any, about: dict[str, Any] | None = None, *, whole: bool = False) -> Iterator[bytes]:
    """Yield the bytes of an Arrow IPC file, compressed by LZ4, in parts of at most 8 MiB.

    Args:
        table: the table to write. Chunks with different dictionaries get one common dictionary.
        about: what to store beside the table, under the key `artigraph` of the schema's metadata.
        whole: whether each chunk of the table becomes one batch of any size. Otherwise large chunks are split.

    Raises:
        SerializationError: the schema would not load unchanged.
    """
    schema = schema_with_note(table.schema, about)
    size = buffer_size(table)
    rows = None if whole or size <= _BATCH else max(_BATCH * table.num_rows // size, 1)
    sink = PartsSink()
    unified = _unified(table)
    with pa.ipc.new_file(sink.stream, schema, options=write_options()) as writer:
        for batch in unified.to_batches(max_chunksize=rows):
            writer.write_batch(batch)
            yield from sink.take()
    yield from sink.finish()


def buffer_size(data: Any) -> int:
    """Return the approximate number of bytes of a table, batch or array.

    That is `nbytes`, which counts only the part that a slice refers to. If a type contains a union, `nbytes` can crash
    the process, because an empty union read from IPC has no buffers. Then its whole buffers are counted.
    """
    types = [data.type] if hasattr(data, "type") else data.schema.types
    return int(data.get_total_buffer_size() if any(map(_has_union, types)) else data.nbytes)


def _has_union(kind: Any) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        return _has_union(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _has_union(kind.value_type)
    return pa.types.is_union(kind) or any(_has_union(kind.field(index).type) for index in range(kind.num_fields))


def _unified(table: Any) -> Any:
    try:
        return table.unify_dictionaries()
    except pa.ArrowException:
        for name, column in zip(table.column_names, table.columns, strict=True):
            _check_unified(name, column)
        raise


def _check_unified(name: str, column: Any) -> None:
    try:
        column.unify_dictionaries()
    except pa.ArrowException as error:
        remedy = "column.cast(column.type.value_type)" if pa.types.is_dictionary(column.type) else "cast its fields"
        msg = (
            f"the column {name!r} of type {column.type} has chunks with different dictionaries, of which no single one "
            f"can be made ({error}); store the values without dictionaries: {remedy}"
        )
        raise SerializationError(msg) from error


def write_options() -> Any:
    """Return the options for writing IPC."""
    return pa.ipc.IpcWriteOptions(compression="lz4")


def schema_with_note(schema: Any, about: dict[str, Any] | None = None) -> Any:
    """Return the schema with a note: what is stored beside the data, under the key `artigraph` of its metadata.

    Raises:
        SerializationError: the schema would not load unchanged.
    """
    check_key(schema)
    note = dict(about or {})
    extensions = extension_names(schema)
    if extensions:
        note["extensions"] = extensions
    if note:
        text = json.dumps({"version": _VERSION, **note})
        schema = schema.with_metadata({**(schema.metadata or {}), _KEY: text})
    _check_schema(schema)
    return schema


def split_note(schema: Any) -> tuple[Any, dict[str, Any]]:
    """Return the original schema, and what was stored beside the data.

    Raises:
        DeserializationError: an extension type is not registered here, or a newer release wrote the note.
    """
    about = note_of(schema)
    if about:
        metadata = dict(schema.metadata)
        del metadata[_KEY]
        schema = schema.with_metadata(metadata or None)
    check_extensions(schema, about)
    return schema, about


def note_of(schema: Any) -> dict[str, Any]:
    """Return what was stored beside the data.

    Raises:
        DeserializationError: a newer release wrote the note.
    """
    metadata: Mapping[bytes, bytes] = schema.metadata or {}
    text = metadata.get(_KEY)
    about: dict[str, Any] = {} if text is None else json.loads(text)
    if text is not None and about.get("version") != _VERSION:
        msg = "These bytes were written by a newer release of Artigraph."
        raise DeserializationError(msg)
    return about


def read_ipc(data: bytes) -> tuple[Any, dict[str, Any]]:
    """Return the table of an Arrow IPC file, and what was stored beside it.

    Raises:
        DeserializationError: as `split_note`. Broken bytes may raise Arrow's errors, too.
    """
    with pa.ipc.open_file(pa.py_buffer(data)) as reader:
        return _read_all(reader)


def read_ipc_columns(file: Any, columns: Sequence[Any]) -> tuple[Any, dict[str, Any]]:
    """Return the columns with these names, in their order, from an open file, and what was stored beside the table.

    The buffers of other columns are not read, but all dictionaries are.
    """
    source = InputFile(file)
    with pa.ipc.open_file(source) as reader:
        schema = reader.schema
        split_note(schema)  # checks the release and the extension types of the whole file
        places = [unique_place(schema, name) for name in columns]
    file.seek(0)
    # Arrow reads all columns if the list is empty. One column is enough to find the number of rows.
    included = sorted(set(places)) or list(range(len(schema.names)))[:1]
    options = pa.ipc.IpcReadOptions(included_fields=included)
    with pa.ipc.open_file(source, options=options) as reader:
        table, about = _read_all(reader)
    return table.select([included.index(place) for place in places]), about


def unique_place(schema: Any, name: object) -> int:
    """Return the position of the only column with this name.

    Raises:
        DeserializationError: no column, or more than one, has the name.
    """
    places: list[int] = schema.get_all_field_indices(name) if isinstance(name, str) else []
    if len(places) != 1:
        found = "more than one column" if places else "no column"
        msg = f"There is {found} of the name {name!r}."
        raise DeserializationError(msg)
    return places[0]


def _read_all(reader: Any) -> tuple[Any, dict[str, Any]]:
    table = reader.read_all()
    table.validate(full=True)
    schema, about = split_note(table.schema)
    # Only if needed: a table without columns would lose its number of rows.
    return table if schema.metadata == table.schema.metadata else table.replace_schema_metadata(schema.metadata), about


def extension_names(schema: Any) -> list[str]:
    """Return the names of the extension types in a schema, at any depth."""
    return sorted({kind.extension_name for kind in _extension_types(schema)})


def check_extensions(schema: Any, about: Mapping[str, Any]) -> None:
    """Check that a loaded table has the extension types with which it was stored.

    Raises:
        DeserializationError: an extension type is not registered here, so its values were read as the storage type.
    """
    missing = set(about.get("extensions", ())).difference(extension_names(schema))
    for name in sorted(missing):
        msg = f"The Arrow extension type {name!r} is not registered here: call pyarrow.register_extension_type."
        raise DeserializationError(msg)


def check_key(schema: Any) -> None:
    """Check that the metadata key in which Artigraph stores its note is free.

    Raises:
        SerializationError: it is taken.
    """
    if _KEY in (schema.metadata or {}):
        msg = "the key 'artigraph' of the schema's metadata is taken; drop it: table.replace_schema_metadata"
        raise SerializationError(msg)


def _check_schema(schema: Any) -> None:
    again = pa.ipc.read_schema(schema.serialize())
    if again.equals(schema, check_metadata=True):
        return
    for field, found in zip(schema, again, strict=True):
        if not found.equals(field, check_metadata=True):
            msg = (
                f"the column {field.name!r} of type {field.type} would come back as {found.type}; register its "
                "extension type (pyarrow.register_extension_type), or convert it"
            )
            raise SerializationError(msg)
    msg = "the metadata of its schema would come back changed; see that its keys are unique"
    raise SerializationError(msg)


def _extension_types(schema: Any) -> Iterator[Any]:
    for field in schema:
        yield from _extension_types_of(field.type)


def _extension_types_of(kind: Any) -> Iterator[Any]:
    if isinstance(kind, pa.BaseExtensionType):
        yield kind
        yield from _extension_types_of(kind.storage_type)
    elif pa.types.is_dictionary(kind):
        yield from _extension_types_of(kind.value_type)
    else:
        for index in range(kind.num_fields):
            yield from _extension_types_of(kind.field(index).type)
