"""Turn tensors and state dicts into safetensors files, and back."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from itertools import pairwise
from typing import Any, BinaryIO, cast

from artigraph.errors import SerializationError
from artigraph.serializer._support import safetensors as st
from artigraph.serializer._support.difference import describe_by_name, extent, told
from artigraph.serializer.numpy.compare import differing_array

torch: Any = import_module("torch")
import_module("numpy")  # tensors hand out their memory through it

PART = 8 * 2**20
"""The most bytes of a part of a file."""

DTYPES: dict[str, Any] = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
    "F8_E8M0": torch.float8_e8m0fnu,
    "U16": torch.uint16,
    "I16": torch.int16,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "U32": torch.uint32,
    "I32": torch.int32,
    "F32": torch.float32,
    "U64": torch.uint64,
    "I64": torch.int64,
    "F64": torch.float64,
    "C64": torch.complex64,
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def check(tensor: Any, what: str) -> None:
    """Refuse a tensor that would not load exactly.

    Args:
        tensor: the value.
        what: how an error names it.

    Raises:
        SerializationError: says why, and what to do.
    """
    for is_refused, remedy in _REFUSED:
        if is_refused(tensor):
            msg = f"{what} {remedy.format(tensor)}"
            raise SerializationError(msg)


_REFUSED: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (
        lambda tensor: isinstance(tensor, torch.nn.Parameter),
        "is a torch.nn.Parameter, which belongs to a module; store parameter.detach().",
    ),
    (
        lambda tensor: type(tensor) is not torch.Tensor,
        "is a {0.__class__.__name__}, which would load as another type; convert it to a torch.Tensor.",
    ),
    (
        lambda tensor: tensor.is_meta,
        "is on the device 'meta', so it has no elements; store a tensor that has some.",
    ),
    (
        lambda tensor: tensor.is_nested,
        "is nested; store tensor.unbind() in a list, or tensor.to_padded_tensor(...).",
    ),
    (
        lambda tensor: tensor.layout is not torch.strided,
        "is sparse ({0.layout}); store tensor.to_dense(), or its indices and values.",
    ),
    (
        lambda tensor: tensor.is_quantized,
        "is quantized; store tensor.int_repr(), and scale and zero point in fields of their own.",
    ),
    (
        lambda tensor: tensor.device.type != "cpu",
        "is on the device '{0.device}', which the loading machine may lack; store tensor.cpu().",
    ),
    (
        lambda tensor: tensor.requires_grad,
        "requires a gradient, which belongs to a computation; store tensor.detach().",
    ),
    (
        lambda tensor: tensor.dtype is torch.complex128,
        "is of complex128, which safetensors does not have; store torch.view_as_real(tensor).",
    ),
    (
        lambda tensor: tensor.dtype not in _NAMES,
        "is of {0.dtype}, which safetensors does not have; convert it: tensor.to(...).",
    ),
    (
        lambda tensor: bool(tensor.__dict__),
        "has attributes that would be lost; store tensor.clone().",
    ),
)
"""Which tensors are refused, and what an error says of them. The first that applies decides."""


def size_of(value: Any) -> int:
    """Return the bytes of the elements of a tensor, or 0 for a value that is refused."""
    if type(value) is not torch.Tensor or value.layout is not torch.strided or value.is_nested:
        return 0
    return int(value.numel()) * int(value.element_size())


def sizes_of(values: Any) -> int:
    """Return the bytes of the elements of all tensors in a dict."""
    return sum(map(size_of, values.values()))


def to_parts(tensors: dict[str, Any], note: dict[str, Any]) -> Iterator[bytes | memoryview]:
    """Yield the file of checked tensors in parts, most of them views of their memory."""
    described = [st.Description(name, _NAMES[each.dtype], tuple(each.shape)) for name, each in tensors.items()]
    ordered = st.in_order(described)
    strides = {name: list(each.stride()) for name, each in tensors.items() if _has_layout(each)}
    if strides:
        note = {**note, "strides": strides}
    if [each.name for each in ordered] != list(tensors):
        note = {**note, "order": list(tensors)}
    yield st.header_of(ordered, note)
    for each in ordered:
        # Views that conjugate or negate when they are read have the elements of another tensor in their memory.
        for block in _blocks(tensors[each.name].resolve_conj().resolve_neg()):
            yield from _memory(block)


def _blocks(tensor: Any) -> Iterator[Any]:
    """Yield tensors that in sequence have the elements in C order. One that has gaps is copied in pieces."""
    if not tensor.numel():
        return
    if tensor.is_contiguous() or tensor.nbytes <= PART or not tensor.ndim:
        yield tensor.contiguous()
        return
    rows = PART * len(tensor) // tensor.nbytes
    for start in range(0, len(tensor), max(rows, 1)):
        piece = tensor[start : start + max(rows, 1)]
        yield from (_blocks(piece[0]) if not rows else [piece.contiguous()])


def _memory(block: Any) -> Iterator[memoryview]:
    memory = block.reshape(-1).view(torch.uint8).numpy().data.toreadonly()
    for start in range(0, len(memory), PART):
        yield memory[start : start + PART]


def _has_layout(tensor: Any) -> bool:
    """Say whether the file keeps the strides: they are not those of C order, and leave no gap."""
    strides, shape = tuple(tensor.stride()), tuple(tensor.shape)
    return bool(tensor.numel()) and strides != _c_strides(shape) and is_dense(shape, strides)


def _c_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides: list[int] = []
    step = 1
    for length in reversed(shape):
        strides.append(step)
        step *= max(length, 1)
    return tuple(reversed(strides))


def is_dense(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Say whether a tensor of this layout uses each element of its memory exactly once."""
    position = 1
    for stride, length in sorted(zip(strides, shape, strict=True)):
        if length != 1 and stride != position:
            return False
        position *= length
    return True


def tensors_of(buffer: memoryview, entries: Iterable[st.Entry], note: dict[str, Any], start: int = 0) -> dict[str, Any]:
    """Return tensors by name. They share the buffer's memory if it is writable, and are copies otherwise.

    Args:
        buffer: memory with the elements of all entries.
        entries: which tensors to make.
        note: the file's note.
        start: the position of the buffer in the file.
    """
    return {each.name: tensor_of(buffer[each.start - start : each.stop - start], each, note) for each in entries}


def tensor_of(memory: memoryview, entry: st.Entry, note: dict[str, Any]) -> Any:
    """Return a tensor over its elements: of their memory if that is writable and aligned, otherwise a copy."""
    dtype = DTYPES[entry.dtype]
    if len(memory) != entry.stop - entry.start:
        st.refuse(f"{entry.name!r} is cut off")
    if not len(memory):
        return torch.empty(entry.shape, dtype=dtype)
    if memory.readonly:
        memory = memoryview(bytearray(memory))
    flat = torch.frombuffer(memory, dtype=dtype)
    if flat.data_ptr() % st.SIZES[entry.dtype]:
        flat = torch.frombuffer(memory, dtype=torch.uint8).clone().view(dtype)
    if dtype is torch.bool and int(flat.view(torch.uint8).max()) > 1:
        st.refuse(f"an element of {entry.name!r} is neither True nor False")
    tensor = flat.reshape(entry.shape)
    strides = note.get("strides", {}).get(entry.name)
    if strides is None:
        return tensor
    if not is_dense(entry.shape, tuple(strides)):
        st.refuse(f"{entry.name!r} has strides that leave gaps")
    return torch.empty_strided(entry.shape, strides, dtype=dtype).copy_(tensor)


def check_memory(tensors: dict[str, Any]) -> None:
    """Refuse tensors that share memory: each would load with memory of its own.

    Raises:
        SerializationError: names two of them.
    """
    spans: list[tuple[int, int, str]] = []
    for name, each in tensors.items():
        if each.numel():
            start = each.data_ptr()
            last = sum((length - 1) * stride for length, stride in zip(each.shape, each.stride(), strict=True))
            spans.append((start, start + (last + 1) * each.itemsize, name))
    for (_, stop, one), (start, _, other) in pairwise(sorted(spans)):
        if start < stop:
            msg = (
                f"{one!r} and {other!r} share memory, and would not do so after a load. If they are tied, store one of "
                "them and tie them again; otherwise store tensor.clone()."
            )
            raise SerializationError(msg)


# Equality and differences ---------------------------------------------------------------------------------------------


_WIDE = {
    *(torch.bfloat16, torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz),
    torch.float8_e8m0fnu,
}
"""Dtypes that NumPy lacks, whose every value is a float32."""


def as_array(tensor: Any) -> Any:
    """Return the elements as a NumPy array, as float32 if NumPy lacks the dtype."""
    wide = tensor.detach().resolve_conj().resolve_neg()
    return (wide.float() if tensor.dtype in _WIDE else wide).numpy()


def same_tensor(one: Any, other: Any) -> bool:
    """Say whether two tensors have one class, dtype and shape, and equal elements. NaN equals NaN."""
    if type(one) is not type(other) or one.dtype != other.dtype or one.shape != other.shape:
        return False
    return not differing_array(as_array(one), as_array(other)).number


def describe_tensors(before: Any, after: Any) -> str:
    """Return one line on how two tensors differ."""
    parts: list[str] = []
    if before.shape != after.shape:
        parts.append(f"{extent(before.shape)} → {extent(after.shape)}")
    if before.dtype != after.dtype:
        parts.append(f"{before.dtype} → {after.dtype}")
    if parts:
        return "; ".join(parts)
    return f"elements differ {told(differing_array(as_array(before), as_array(after)), before.numel())}"


def describe_states(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return one line on how two dicts of tensors differ."""
    parts = describe_by_name(before, after, "tensors", same_tensor, describe_tensors)
    return "; ".join(parts) or "alike in names and tensors, not in class, order or metadata"


# What a state dict has beside its tensors -----------------------------------------------------------------------------


_ATTRIBUTE = "_metadata"
"""The attribute in which `Module.state_dict()` keeps the versions of modules."""


def note_of(state: dict[str, Any]) -> dict[str, Any]:
    """Return what a file says of a state dict beside its tensors.

    Raises:
        SerializationError: it has attributes that JSON does not keep exactly.
    """
    if type(state) is dict:
        return {}
    attributes = vars(state)
    metadata: Any = attributes.get(_ATTRIBUTE)
    if set(attributes) - {_ATTRIBUTE} or not _is_plain(metadata):
        msg = (
            "This OrderedDict has attributes that would be lost "
            f"({', '.join(sorted(attributes))}); store dict(state), which has none."
        )
        raise SerializationError(msg)
    return {"ordered": True} if metadata is None else {"ordered": True, "metadata": metadata}


def _is_plain(metadata: Any) -> bool:
    """Say whether metadata is what PyTorch makes: by module, its version and other numbers, texts and truth values."""
    if metadata is None:
        return True
    if not _is_one(metadata, OrderedDict) or vars(metadata):
        return False
    for name, said in metadata.items():
        if type(name) is not str or not _is_one(said, dict):
            return False
        if not all(type(key) is str and type(each) in (int, str, bool, type(None)) for key, each in said.items()):
            return False
    return True


def _is_one(value: object, cls: type[Any]) -> bool:
    """Say whether a value is of exactly this class."""
    return type(value) is cls


def restored(tensors: dict[str, Any], note: dict[str, Any]) -> dict[str, Any]:
    """Return the state dict that has these tensors."""
    order: list[str] = note.get("order", list(tensors))
    if sorted(order) != sorted(tensors):
        st.refuse("its order does not name its tensors")
    found = {name: tensors[name] for name in order}
    if "ordered" not in note:
        return found
    state: Any = OrderedDict(found)
    if "metadata" in note:
        metadata = OrderedDict(note["metadata"])
        if not _is_plain(metadata):
            st.refuse("its metadata is not one of modules")
        setattr(state, _ATTRIBUTE, metadata)
    return cast("dict[str, Any]", state)


def read_tensor(file: BinaryIO, entry: st.Entry, note: dict[str, Any]) -> Any:
    """Return one tensor, and read only its elements."""
    memory = memoryview(bytearray(entry.stop - entry.start))
    file.seek(entry.start)
    filled = 0
    into: Any = file
    while filled < len(memory) and (read := into.readinto(memory[filled:])):
        filled += read
    return tensor_of(memory[:filled], entry, note)


def same_state(one: Any, other: Any) -> bool:
    """Say whether two state dicts have one class and attributes, and equal tensors."""
    classes: set[Any] = {type(one), type(other)}
    if classes not in ({dict}, {OrderedDict}) or one.keys() != other.keys():
        return False
    if classes == {OrderedDict} and list(one) != list(other):
        return False
    if json.dumps(getattr(one, _ATTRIBUTE, None)) != json.dumps(getattr(other, _ATTRIBUTE, None)):
        return False
    return all(same_tensor(each, other[name]) for name, each in one.items())
