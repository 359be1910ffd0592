"""Tables as Arrow IPC files (Feather), read back with everything in them validated."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from artigraph.errors import DeserializationError, SerializationError

__all__ = ["check_extensions", "check_key", "extension_names", "read_ipc", "write_ipc"]

pa: Any = import_module("pyarrow")

_KEY = b"artigraph"
_VERSION = 1


def write_ipc(table: Any, about: dict[str, Any] | None = None) -> bytes:
    """Return an Arrow IPC file, its buffers compressed by LZ4.

    Args:
        table: what to write. Chunks of different dictionaries get one dictionary.
        about: what to keep beside it, under the key `artigraph` of the schema's metadata.

    Raises:
        SerializationError: the schema would not come back as it is.
    """
    check_key(table.schema)
    note = dict(about or {})
    extensions = extension_names(table.schema)
    if extensions:
        note["extensions"] = extensions
    if note:
        text = json.dumps({"version": _VERSION, **note})
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), _KEY: text})
    _check_schema(table.schema)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4", unify_dictionaries=True)
    with pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def read_ipc(data: bytes) -> tuple[Any, dict[str, Any]]:
    """Return the table of an Arrow IPC file, and what was kept beside it.

    Raises:
        DeserializationError: an extension type of the table is not registered here, or the file is of a newer release.
            Broken bytes raise what Arrow raises, too.
    """
    with pa.ipc.open_file(pa.py_buffer(data)) as reader:
        table = reader.read_all()
    table.validate(full=True)
    metadata = dict(table.schema.metadata or {})
    text = metadata.pop(_KEY, None)
    about: dict[str, Any] = {} if text is None else json.loads(text)
    if text is not None:
        if about.get("version") != _VERSION:
            msg = "These bytes were written by a newer release of Artigraph."
            raise DeserializationError(msg)
        table = table.replace_schema_metadata(metadata or None)
    check_extensions(table.schema, about)
    return table, about


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
