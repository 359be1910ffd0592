"""Turn arrays of JAX into safetensors files, and back.

The note of a file says what the format lacks, by the name of the array:

    small       integers of less than a byte, which are stored in bytes: the dtype
    keys        keys of a random generator, of which the data is stored: the implementation
    weak        the names of arrays whose type is weak: JAX promotes them as it does numbers of Python
    order       the order of the names, unless it is that of the elements
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

import numpy as np

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer._support import safetensors as st
from artigraph.serializer._support.difference import describe_by_name, extent, told
from artigraph.serializer._support.library import class_of
from artigraph.serializer.numpy.compare import differing_array

jax: Any = import_module("jax")
_jnp: Any = import_module("jax.numpy")
_np: Any = np

PART = 8 * 2**20
"""The most bytes of a part of a file."""

DTYPES: dict[str, np.dtype[Any]] = {
    name: _np.dtype(getattr(_jnp, dtype))
    for name, dtype in (
        ("BOOL", "bool_"),
        ("U8", "uint8"),
        ("I8", "int8"),
        ("F8_E4M3", "float8_e4m3fn"),
        ("F8_E4M3FNUZ", "float8_e4m3fnuz"),
        ("F8_E5M2", "float8_e5m2"),
        ("F8_E5M2FNUZ", "float8_e5m2fnuz"),
        ("F8_E8M0", "float8_e8m0fnu"),
        ("U16", "uint16"),
        ("I16", "int16"),
        ("F16", "float16"),
        ("BF16", "bfloat16"),
        ("U32", "uint32"),
        ("I32", "int32"),
        ("F32", "float32"),
        ("U64", "uint64"),
        ("I64", "int64"),
        ("F64", "float64"),
        ("C64", "complex64"),
    )
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_SMALL = {
    _np.dtype(getattr(_jnp, dtype)): stored
    for dtype, stored in (("int2", "I8"), ("int4", "I8"), ("uint2", "U8"), ("uint4", "U8"))
}
"""The dtypes of less than a byte, and what stores them."""
_SMALL_NAMES = {str(dtype): dtype for dtype in _SMALL}
_WIDE = frozenset({"U64", "I64", "F64"})
"""The dtypes that JAX has only if the process asks for them."""
_WEAK = {"I32": 0, "I64": 0, "F32": 0.0, "F64": 0.0, "C64": 0j}
"""The dtypes of weak types, and a number of Python that has such a type."""


def check(value: Any, what: str) -> None:
    """Refuse a value that would not load exactly.

    Args:
        value: the value.
        what: how an error names it.

    Raises:
        SerializationError: says why, and what to do.
    """
    for is_refused, remedy in _REFUSED:
        if is_refused(value):
            msg = f"{what} {remedy.format(value, cls=class_of(value))}"
            raise SerializationError(msg)


_REFUSED: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (
        lambda value: isinstance(value, jax.core.Tracer),
        "is traced by a transformation such as jit or grad, so it has no elements; return it, and store the result.",
    ),
    (
        lambda value: not isinstance(value, jax.Array),
        "is a {cls}, not an array of JAX; convert it: jax.numpy.asarray(...).",
    ),
    (
        lambda value: value.is_deleted(),
        "was deleted, or donated to a function; store a copy that was made before.",
    ),
    (
        lambda value: not value.is_fully_addressable,
        "is spread over several processes; gather it: jax.experimental.multihost_utils.process_allgather(array).",
    ),
    (
        lambda value: len(value.sharding.device_set) > 1,
        "is on several devices, which the loading machine may lack; store jax.device_put(array, jax.devices()[0]).",
    ),
    (
        lambda value: is_key(value) and type(jax.random.key_impl(value)) is not str,
        "is a key of a generator that has no name in JAX; store jax.random.key_data(key).",
    ),
    (
        lambda value: not is_key(value) and value.dtype == _np.dtype("complex128"),
        "is of complex128, which safetensors does not have; store jax.numpy.stack([array.real, array.imag]).",
    ),
    (
        lambda value: not is_key(value) and value.dtype not in _NAMES and value.dtype not in _SMALL,
        "is of {0.dtype}, which safetensors does not have; convert it: array.astype(...).",
    ),
    (
        lambda value: is_weak(value) and _NAMES.get(value.dtype) not in _WEAK,
        "is of {0.dtype} and weakly typed, which cannot be made again; store array.astype(array.dtype).",
    ),
)
"""Which values are refused, and what an error says of them. The first that applies decides."""


def is_key(array: Any) -> bool:
    """Say whether an array holds keys of a random generator."""
    return bool(jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key))


def is_weak(array: Any) -> bool:
    """Say whether JAX promotes an array as it does a number of Python."""
    return not is_key(array) and bool(array.weak_type)


def size_of(value: Any) -> int:
    """Return about how many bytes an array takes, or 0 for a value that is refused."""
    if isinstance(value, jax.core.Tracer) or not isinstance(value, jax.Array):
        return 0
    return int(value.nbytes)


def sizes_of(arrays: Any) -> int:
    """Return about how many bytes all arrays of a dict take."""
    return sum(map(size_of, arrays.values()))


def elements_of(array: Any) -> Any:
    """Return the elements of an array, or the data of keys, as an array of NumPy in C order."""
    held = _np.asarray(jax.random.key_data(array) if is_key(array) else array)
    return _np.ascontiguousarray(held).reshape(held.shape)  # which makes a scalar an array of one dimension


def to_parts(arrays: dict[str, Any]) -> Iterator[bytes | memoryview]:
    """Yield the file of checked arrays in parts, most of them views of their memory."""
    described: list[st.Description] = []
    note: dict[str, Any] = {"small": {}, "keys": {}, "weak": []}
    for name, each in arrays.items():
        if is_key(each):
            note["keys"][name] = jax.random.key_impl(each)
            dtype, shape = "U32", jax.random.key_data(each).shape
        else:
            dtype, shape = _NAMES.get(each.dtype) or _SMALL[each.dtype], each.shape
            if each.dtype in _SMALL:
                note["small"][name] = str(each.dtype)
        if is_weak(each):
            note["weak"].append(name)
        described.append(st.Description(name, dtype, tuple(shape)))
    ordered = st.in_order(described)
    if [each.name for each in ordered] != list(arrays):
        note["order"] = list(arrays)
    yield st.header_of(ordered, {key: said for key, said in note.items() if said})
    for each in ordered:
        elements = elements_of(arrays[each.name])
        stored = elements.astype(DTYPES[each.dtype]) if elements.dtype in _SMALL else elements
        memory = stored.reshape(-1).view(_np.uint8).data.toreadonly()
        for start in range(0, len(memory), PART):
            yield memory[start : start + PART]


def stored_elements(memory: memoryview, entry: st.Entry, note: dict[str, Any]) -> Any:
    """Return the elements of a stored array as a flat array of NumPy."""
    if len(memory) != entry.stop - entry.start:
        st.refuse(f"{entry.name!r} is cut off")
    dtype = DTYPES[entry.dtype]
    flat = _np.frombuffer(memory, dtype) if len(memory) else _np.empty(0, dtype)
    if entry.dtype == "BOOL" and flat.size and int(flat.view(_np.uint8).max()) > 1:
        st.refuse(f"an element of {entry.name!r} is neither True nor False")
    small = _SMALL_NAMES[note["small"][entry.name]] if entry.name in note.get("small", {}) else None
    if small is None:
        return flat
    found = flat.astype(small)
    if _SMALL[small] != entry.dtype or (found.astype(dtype) != flat).any():
        st.refuse(f"an element of {entry.name!r} is not one of {small}")
    return found


def array_of(memory: memoryview, entry: st.Entry, note: dict[str, Any]) -> Any:
    """Return a stored array, on the default device.

    Raises:
        DeserializationError: it has 64 bits, and this process has only 32.
    """
    if entry.dtype in _WIDE and not jax.config.jax_enable_x64:
        msg = (
            f"{entry.name!r} is of {DTYPES[entry.dtype]}, and JAX has no types of 64 bits in this process. Switch them "
            "on before the load: jax.config.update('jax_enable_x64', True)."
        )
        raise DeserializationError(msg)
    elements = stored_elements(memory, entry, note).reshape(entry.shape)
    if entry.name in note.get("keys", {}):
        return jax.random.wrap_key_data(_jnp.array(elements), impl=_generator(note["keys"][entry.name]))
    if entry.name not in note.get("weak", []):
        return _jnp.array(elements)
    with _bits(entry.dtype):
        weak = _jnp.broadcast_to(_jnp.asarray(_WEAK[entry.dtype]), entry.shape)
        return weak.at[...].set(_jnp.array(elements))


def _generator(name: object) -> str:
    if type(name) is not str:
        st.refuse("a generator of keys has no name")
    return name


def _bits(dtype: str) -> AbstractContextManager[Any]:
    """Return a context in which a number of Python has this dtype."""
    context: AbstractContextManager[Any] = jax.enable_x64(dtype in _WIDE)
    return context


def dtype_text(entry: st.Entry, note: dict[str, Any]) -> str:
    """Return the dtype of a stored array as text."""
    if entry.name in note.get("keys", {}):
        return f"key data of {note['keys'][entry.name]}"
    found = note.get("small", {}).get(entry.name, DTYPES[entry.dtype])
    return f"{found} (weak)" if entry.name in note.get("weak", []) else str(found)


# Equality and differences ---------------------------------------------------------------------------------------------


def as_numbers(elements: Any) -> Any:
    """Return elements of a dtype that NumPy itself has: of others, equal float32 or int8."""
    if elements.dtype.kind != "V":
        return elements
    return elements.astype(np.int8 if "int" in str(elements.dtype) else np.float32)


def same_array(one: Any, other: Any) -> bool:
    """Say whether two arrays have one dtype, shape and weakness, and equal elements. NaN equals NaN."""
    if type(one) is not type(other) or not isinstance(one, jax.Array):
        return False
    if one.dtype != other.dtype or one.shape != other.shape or is_weak(one) != is_weak(other):
        return False
    return not _differing(one, other).number


def _differing(one: Any, other: Any) -> Any:
    return differing_array(as_numbers(elements_of(one)), as_numbers(elements_of(other)))


def describe_arrays(before: Any, after: Any) -> str:
    """Return one line on how two arrays differ."""
    parts: list[str] = []
    if before.shape != after.shape:
        parts.append(f"{extent(before.shape)} → {extent(after.shape)}")
    if _dtype(before) != _dtype(after):
        parts.append(f"{_dtype(before)} → {_dtype(after)}")
    noun = "keys" if is_key(after) else "elements"
    return "; ".join(parts) or f"{noun} differ {told(_differing(before, after), elements_of(before).size)}"


def describe_dicts(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return one line on how two dicts of arrays differ."""
    parts = describe_by_name(before, after, "arrays", same_array, describe_arrays)
    return "; ".join(parts) or "alike in names and arrays, not in order"


def _dtype(array: Any) -> str:
    if is_key(array):
        return f"key of {jax.random.key_impl(array)}"
    return f"{array.dtype}{' (weak)' if is_weak(array) else ''}"
