"""The serializers of arrays and dicts of arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, BinaryIO

from artigraph.errors import SerializationError
from artigraph.serializer._support import safetensors as st
from artigraph.serializer._support import safetensors_preview as stp
from artigraph.serializer._support.library import PartsSerializer, class_of, deserializing
from artigraph.serializer.jax import _arrays
from artigraph.serializer.jax._arrays import jax
from artigraph.serializer.preview import ArrayPreview, TablePreview

Buffer = bytes | bytearray | memoryview
_ONLY = "array"
"""The name in the file of an array that is stored by itself."""


class ArraySerializer(PartsSerializer[Any, ArrayPreview]):
    """Stores arrays of JAX as safetensors files with one array, named "array".

    A loaded array has the same dtype, shape, bits and weak type, and is on the default device of its process. Keys of
    random generators keep their implementation. An array of 64 bits loads only if `jax_enable_x64` is on.

    Refused: tracers, deleted arrays, arrays on several devices or processes, complex128, and the dtypes of 4, 6 and 8
    bits that safetensors does not have. int2, int4, uint2 and uint4 are stored in bytes.
    """

    name = "jax-array"
    types: tuple[type[Any], ...] = (jax.Array,)

    def size_hint(self, value: Any) -> int | None:
        """Return the bytes of the elements."""
        return _arrays.size_of(value)

    def _to_parts(self, value: Any) -> Iterator[bytes | memoryview]:
        """Yield a safetensors file in parts of at most 8 MiB."""
        _arrays.check(value, "This value")
        yield from _arrays.to_parts({_ONLY: value})

    def _from_bytes(self, data: Buffer) -> Any:
        """Return the array of a file."""
        buffer = memoryview(data).cast("B")
        head = st.head_of(buffer)
        (entry,) = head.entries.values()
        return _arrays.array_of(buffer[entry.start : entry.stop], entry, head.note)

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> ArrayPreview:
        """Return shape, dtype and first elements. Of real numbers also statistics, a histogram and a thumbnail."""
        return stp.preview_tensor(
            file,
            rows=rows,
            max_bytes=max_bytes,
            noun="array",
            dtype_of=_arrays.dtype_text,
            elements_of=_stored_numbers,
        )

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two arrays have one dtype, shape and weak type, and equal elements. NaN equals NaN."""
        return _arrays.same_array(one, other)

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on shapes, dtypes, and how many elements differ by how much."""
        return _arrays.describe_arrays(before, after)


class ArrayDictSerializer(PartsSerializer[Any, TablePreview]):
    """Stores dicts of arrays of JAX by name, such as the parameters of a model, as safetensors files.

    A loaded dict has the same order. Each array is kept and refused as `ArraySerializer` does. A tree of dicts has to
    be flattened first.

    No type is claimed, because any dict would be. A field names this serializer, or has the type `ArrayDict`.
    """

    name = "jax-array-dict"
    types: tuple[type[Any], ...] = (dict,)

    def size_hint(self, value: Any) -> int | None:
        """Return the bytes of the elements of all arrays."""
        return _arrays.sizes_of(value) if isinstance(value, dict) else None

    def _to_parts(self, value: Any) -> Iterator[bytes | memoryview]:
        """Yield a safetensors file in parts of at most 8 MiB."""
        _check_dict(value)
        yield from _arrays.to_parts(value)

    def _from_bytes(self, data: Buffer) -> Any:
        """Return the dict of a file."""
        buffer = memoryview(data).cast("B")
        head = st.head_of(buffer)
        order: list[str] = head.note.get("order", list(head.entries))
        if sorted(order) != sorted(head.entries):
            st.refuse("its order does not name its arrays")
        entries = [head.entries[name] for name in order]
        return {each.name: _arrays.array_of(buffer[each.start : each.stop], each, head.note) for each in entries}

    def deserialize_columns(self, file: BinaryIO, columns: Sequence[Any]) -> Any:
        """Return a dict with only the arrays that have these names, in this order. Reads no other elements."""
        with deserializing(self.name):
            head = st.read_head(file)
            missing = [name for name in columns if name not in head.entries]
            if missing:
                st.refuse(f"no array has the name {missing[0]!r}")
            return {name: _read_array(file, head.entries[name], head.note) for name in columns}

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> TablePreview:
        """Return a table with name, dtype, shape and size of each array. Reads no elements."""
        return stp.preview_tensors(
            file, rows=rows, columns=columns, max_bytes=max_bytes, noun="array", dtype_of=_arrays.dtype_text
        )

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two dicts have equal arrays under equal names. NaN equals NaN."""
        if type(one) is not type(other) or one.keys() != other.keys():
            return False
        return all(_arrays.same_array(each, other[name]) for name, each in one.items())

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on the names, and on shapes, dtypes and elements of the arrays that differ."""
        return _arrays.describe_dicts(before, after)


def _stored_numbers(memory: memoryview, entry: st.Entry, note: dict[str, Any]) -> Any:
    return _arrays.as_numbers(_arrays.stored_elements(memory, entry, note))


def _read_array(file: BinaryIO, entry: st.Entry, note: dict[str, Any]) -> Any:
    file.seek(entry.start)
    return _arrays.array_of(memoryview(file.read(entry.stop - entry.start)), entry, note)


def _items_of(arrays: Any) -> list[tuple[Any, Any]]:
    return list(arrays.items())


def _check_dict(value: Any) -> None:
    if type(value) is not dict:
        msg = f"A {class_of(value)} is no dict of arrays; make one: dict(...)."
        raise SerializationError(msg)
    for name, each in _items_of(value):
        if type(name) is not str:
            msg = f"The key {name!r} is no str, so it cannot name an array; use names such as 'layer.0.kernel'."
            raise SerializationError(msg)
        if isinstance(each, dict):
            msg = (
                f"{name!r} is a dict, and the format has no trees; flatten it to names such as '{name}.kernel', with "
                "jax.tree_util.tree_flatten_with_path, or store it as a field without this serializer."
            )
            raise SerializationError(msg)
        _arrays.check(each, f"{name!r}")


array_serializer: ArraySerializer = ArraySerializer().register()
"""Serializes `jax.Array`."""

# Not registered: it would claim every dict. It is found by its name.
array_dict_serializer: ArrayDictSerializer = ArrayDictSerializer()
"""Serializes dicts of arrays in fields that name this serializer."""

ArrayDict = Annotated[dict[str, Any], array_dict_serializer]
"""The type of a field that holds a dict of arrays as one object."""
