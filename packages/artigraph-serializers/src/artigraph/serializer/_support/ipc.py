"""Tables as Arrow IPC files (Feather), read back with everything in them validated."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer._support.sink import PartsSink

__all__ = [
    "check_extensions",
    "check_key",
    "extension_names",
    "read_ipc",
    "read_ipc_columns",
    "schema_with_note",
    "split_note",
    "unique_place",
    "write_ipc",
    "write_options",
]

pa: Any = import_module("pyarrow")

_KEY = b"artigraph"
_VERSION = 1

_BATCH = 64 * 2**20
"""Bytes of a table in a batch, about, as they are in memory."""


def write_ipc(table: Any, about: dict[str, Any] | None = None, *, whole: bool = False) -> Iterator[bytes]:
    """Yield an Arrow IPC file, its buffers compressed by LZ4, batch after batch in parts of at most 8 MiB.

    Args:
        table: what to write. Chunks of different dictionaries get one dictionary.
        about: what to keep beside it, under the key `artigraph` of the schema's metadata.
        whole: whether a chunk of the table has to stay one batch, however large it is.

    Raises:
        SerializationError: the schema would not come back as it is.
    """
    schema = schema_with_note(table.schema, about)
    rows = None if whole or table.nbytes <= _BATCH else max(_BATCH * table.num_rows // table.nbytes, 1)
    sink = PartsSink()
    unified = table.unify_dictionaries()
    with pa.ipc.new_file(sink.stream, schema, options=write_options()) as writer:
        for batch in unified.to_batches(max_chunksize=rows):
            writer.write_batch(batch)
            yield from sink.take()
    yield from sink.finish()


def write_options() -> Any:
    """Return how IPC is written."""
    return pa.ipc.IpcWriteOptions(compression="lz4")


def schema_with_note(schema: Any, about: dict[str, Any] | None = None) -> Any:
    """Return the schema with what is kept beside the data, under the key `artigraph` of its metadata.

    Raises:
        SerializationError: the schema would not come back as it is.
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
    """Return the schema as it was given, and what was kept beside the data.

    Raises:
        DeserializationError: an extension type is not registered here, or the note is of a newer release.
    """
    metadata = dict(schema.metadata or {})
    text = metadata.pop(_KEY, None)
    about: dict[str, Any] = {} if text is None else json.loads(text)
    if text is not None:
        if about.get("version") != _VERSION:
            msg = "These bytes were written by a newer release of Artigraph."
            raise DeserializationError(msg)
        schema = schema.with_metadata(metadata or None)
    check_extensions(schema, about)
    return schema, about


def read_ipc(data: bytes) -> tuple[Any, dict[str, Any]]:
    """Return the table of an Arrow IPC file, and what was kept beside it.

    Raises:
        DeserializationError: as `split_note`. Broken bytes raise what Arrow raises, too.
    """
    with pa.ipc.open_file(pa.py_buffer(data)) as reader:
        return _read_all(reader)


def read_ipc_columns(file: Any, columns: Sequence[Any]) -> tuple[Any, dict[str, Any]]:
    """Return the columns of these names, in their order, of a file that is open, and what was kept beside the table.

    The buffers of other columns are not read; dictionaries are, all of them.
    """
    with pa.ipc.open_file(file) as reader:
        schema = reader.schema
        split_note(schema)  # the whole of it has to be of this release, and its extension types known
        places = [unique_place(schema, name) for name in columns]
    file.seek(0)
    # Arrow takes an empty list for all columns; one of them says how many rows there are.
    included = sorted(set(places)) or list(range(len(schema.names)))[:1]
    options = pa.ipc.IpcReadOptions(included_fields=included)
    with pa.ipc.open_file(file, options=options) as reader:
        table, about = _read_all(reader)
    return table.select([included.index(place) for place in places]), about


def unique_place(schema: Any, name: object) -> int:
    """Return the place of the one column of a name.

    Raises:
        DeserializationError: there is none, or more than one.
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
    # Only where it has to be: a table without columns would lose its rows.
    return table if schema.metadata == table.schema.metadata else table.replace_schema_metadata(schema.metadata), about


def extension_names(schema: Any) -> list[str]:
    """Return the names of the extension types in a schema, at any depth."""
    return sorted({kind.extension_name for kind in _extension_types(schema)})


def check_extensions(schema: Any, about: Mapping[str, Any]) -> None:
    """See that a table that was loaded has the extension types that it was stored with.

    Raises:
        DeserializationError: one is not registered here, so that its values came as those of its storage type.
    """
    missing = set(about.get("extensions", ())).difference(extension_names(schema))
    for name in sorted(missing):
        msg = f"The Arrow extension type {name!r} is not registered here: call pyarrow.register_extension_type."
        raise DeserializationError(msg)


def check_key(schema: Any) -> None:
    """See that a table leaves us the key of the metadata in which we keep what is ours.

    Raises:
        SerializationError: it does not.
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
