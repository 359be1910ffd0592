"""What a state dict has beside its tensors, and reading single tensors."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any, BinaryIO, cast

from artigraph.errors import SerializationError
from artigraph.serializer._support import safetensors as st
from artigraph.serializer.torch._compare import same_tensor
from artigraph.serializer.torch._tensors import tensor_of

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
