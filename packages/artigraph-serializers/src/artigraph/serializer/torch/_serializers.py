"""The serializers of tensors and state dicts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, BinaryIO

from artigraph.errors import SerializationError
from artigraph.serializer._support import safetensors as st
from artigraph.serializer._support import safetensors_preview as stp
from artigraph.serializer._support.library import PartsSerializer, class_of, deserializing
from artigraph.serializer.preview import ArrayPreview, TablePreview
from artigraph.serializer.torch import _tensors
from artigraph.serializer.torch._tensors import torch

Buffer = bytes | bytearray | memoryview
_ONLY = "tensor"
"""The name in the file of a tensor that is stored by itself."""


class TensorSerializer(PartsSerializer[Any, ArrayPreview]):
    """Stores tensors of any shape on the CPU as safetensors files with one tensor, named "tensor".

    A loaded tensor has the same dtype, shape and bits. It has the same strides if the stored one had no gaps, as in
    `channels_last`. Any other tensor loads in C order. The loaded tensor does not require a gradient, and shares its
    memory with no other object: it is a copy, or it uses the writable buffer that it was made from.

    Refused: sparse, nested and quantized tensors, tensors on other devices, tensors that require a gradient, complex128
    and dtypes of less than a byte, and subclasses such as `torch.nn.Parameter`.
    """

    name = "torch-tensor"
    types: tuple[type[Any], ...] = (torch.Tensor,)

    def size_hint(self, value: Any) -> int | None:
        """Return the bytes of the elements."""
        return _tensors.size_of(value) if type(value) is torch.Tensor else None

    def _to_parts(self, value: Any) -> Iterator[bytes | memoryview]:
        """Yield a safetensors file in parts of at most 8 MiB, views of the memory of a contiguous tensor."""
        _tensors.check(value, "This value")
        yield from _tensors.to_parts({_ONLY: value}, {})

    def _from_bytes(self, data: Buffer) -> Any:
        """Return the tensor of a file. A writable buffer becomes its memory; any other buffer is copied."""
        buffer = memoryview(data).cast("B")
        head = st.head_of(buffer)
        (entry,) = head.entries.values()
        return _tensors.tensors_of(buffer, [entry], head.note)[_ONLY]

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> ArrayPreview:
        """Return shape, dtype and first elements. Of real numbers also statistics, a histogram and a thumbnail."""
        return stp.preview_tensor(
            file, rows=rows, max_bytes=max_bytes, noun="tensor", dtype_of=_dtype_of, elements_of=_elements_of
        )

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two tensors have one dtype and shape, and equal elements. NaN equals NaN."""
        return _tensors.same_tensor(one, other)

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on shapes, dtypes, and how many elements differ by how much."""
        return _tensors.describe_tensors(before, after)


class StateDictSerializer(PartsSerializer[Any, TablePreview]):
    """Stores dicts of tensors by name, such as state dicts of modules, as safetensors files.

    A loaded dict has the same class (dict or OrderedDict), the same order, and the `_metadata` that `state_dict()` adds
    to it. Each tensor is kept and refused as `TensorSerializer` does. Tensors that share memory are refused by name:
    store one of them, and tie them again after the load.

    No type is claimed, because any dict would be. A field names this serializer, or has the type `StateDict`.
    """

    name = "torch-state-dict"
    types: tuple[type[Any], ...] = (dict,)

    def size_hint(self, value: Any) -> int | None:
        """Return the bytes of the elements of all tensors."""
        return _tensors.sizes_of(value) if isinstance(value, dict) else None

    def _to_parts(self, value: Any) -> Iterator[bytes | memoryview]:
        """Yield a safetensors file in parts of at most 8 MiB, mostly views of the tensors' memory."""
        _check_dict(value)
        _tensors.check_memory(value)
        yield from _tensors.to_parts(value, _tensors.note_of(value))

    def _from_bytes(self, data: Buffer) -> Any:
        """Return the dict of a file. A writable buffer becomes the tensors' memory; any other buffer is copied."""
        buffer = memoryview(data).cast("B")
        head = st.head_of(buffer)
        return _tensors.restored(_tensors.tensors_of(buffer, head.entries.values(), head.note), head.note)

    def deserialize_columns(self, file: BinaryIO, columns: Sequence[Any]) -> Any:
        """Return a dict with only the tensors that have these names, in this order. Reads no other elements."""
        with deserializing(self.name):
            head = st.read_head(file)
            missing = [name for name in columns if name not in head.entries]
            if missing:
                st.refuse(f"no tensor has the name {missing[0]!r}")
            return {name: _tensors.read_tensor(file, head.entries[name], head.note) for name in columns}

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> TablePreview:
        """Return a table with name, dtype, shape and size of each tensor. Reads no elements."""
        return stp.preview_tensors(
            file, rows=rows, columns=columns, max_bytes=max_bytes, noun="tensor", dtype_of=_dtype_of
        )

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two dicts have one class, and equal tensors under equal names. NaN equals NaN."""
        return _tensors.same_state(one, other)

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on the names, and on shapes, dtypes and elements of the tensors that differ."""
        return _tensors.describe_states(before, after)


def _check_dict(value: Any) -> None:
    if isinstance(value, torch.nn.Module):
        msg = "A torch.nn.Module is code and data; store its data: module.state_dict()."
        raise SerializationError(msg)
    if type(value) not in (dict, OrderedDict):
        msg = f"A {class_of(value)} is no dict of tensors; make one: dict(...)."
        raise SerializationError(msg)
    for name, each in value.items():
        if type(name) is not str:
            msg = f"The key {name!r} is no str, so it cannot name a tensor; use names such as 'layer.0.weight'."
            raise SerializationError(msg)
        if not isinstance(each, torch.Tensor):
            msg = f"{name!r} is a {class_of(each)}, not a tensor; store it in a field of its own."
            raise SerializationError(msg)
        _tensors.check(each, f"{name!r}")


def _dtype_of(entry: st.Entry, _: dict[str, Any]) -> str:
    return str(_tensors.DTYPES[entry.dtype])


def _elements_of(memory: memoryview, entry: st.Entry, _: dict[str, Any]) -> Any:
    return _tensors.as_array(_tensors.tensor_of(memory, entry, {}))


tensor_serializer: TensorSerializer = TensorSerializer().register()
"""Serializes `torch.Tensor`."""

# Not registered: it would claim every dict. It is found by its name.
state_dict_serializer: StateDictSerializer = StateDictSerializer()
"""Serializes dicts of tensors in fields that name this serializer."""

StateDict = Annotated[dict[str, Any], state_dict_serializer]
"""The type of a field that holds a dict of tensors as one object."""
