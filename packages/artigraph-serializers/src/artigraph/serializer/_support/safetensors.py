"""The safetensors format: a header in JSON, and the elements of each tensor in C order, one tensor after the other.

    length          of the header, 8 bytes, little-endian
    header          {"__metadata__": {...}, NAME: {"dtype": ..., "shape": [...], "data_offsets": [START, STOP]}, ...}
    elements        little-endian, without gaps

The library `safetensors` reads every such file. It is not used here, because it joins all tensors in memory, and reads
single tensors only from files that have a path. The note is a JSON object in the metadata, below the key "artigraph".
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple, NoReturn, cast

from artigraph.errors import DeserializationError, SerializationError

SIZES = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E4M3": 1,
    "F8_E4M3FNUZ": 1,
    "F8_E5M2": 1,
    "F8_E5M2FNUZ": 1,
    "F8_E8M0": 1,
    "U16": 2,
    "I16": 2,
    "F16": 2,
    "BF16": 2,
    "U32": 4,
    "I32": 4,
    "F32": 4,
    "U64": 8,
    "I64": 8,
    "F64": 8,
    "C64": 8,
}
"""The bytes of an element, by the format's name of its dtype."""

LENGTH = 8
"""The bytes of the header's length."""
_LARGEST_HEADER = 100_000_000
"""In bytes, as the library has it."""
_ALIGNMENT = 64
_METADATA = "__metadata__"
_NOTE = "artigraph"
_VERSION = 1


class Description(NamedTuple):
    """A tensor before it is written."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored tensor."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    """Where its elements begin in the file."""
    stop: int


@dataclass(frozen=True, slots=True)
class Head:
    """What a file says before its elements."""

    entries: dict[str, Entry]
    """The tensors in the order of their elements."""
    note: dict[str, Any]


def in_order(tensors: Iterable[Description]) -> list[Description]:
    """Return tensors in the order in which they are stored: wide elements first, so that all are aligned."""
    return sorted(tensors, key=lambda each: -SIZES[each.dtype])


def header_of(tensors: Iterable[Description], note: dict[str, Any]) -> bytes:
    """Return the beginning of a file, up to the first element.

    Raises:
        SerializationError: a name cannot be stored, or the header is too long.
    """
    if sys.byteorder != "little":
        msg = "safetensors is little-endian, and this machine is not."
        raise SerializationError(msg)
    said: dict[str, Any] = {_METADATA: {_NOTE: json.dumps({"version": _VERSION, **note}, ensure_ascii=False)}}
    position = 0
    for name, dtype, shape in tensors:
        stop = position + math.prod(shape) * SIZES[dtype]
        if name == _METADATA:
            msg = f"{name!r} has a meaning of its own in safetensors, so no tensor can have this name; rename it."
            raise SerializationError(msg)
        said[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, stop]}
        position = stop
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-(LENGTH + len(text)) % _ALIGNMENT)
    if len(text) > _LARGEST_HEADER:
        msg = f"The names and shapes take {len(text)} bytes, and safetensors has room for {_LARGEST_HEADER}."
        raise SerializationError(msg)
    return len(text).to_bytes(LENGTH, "little") + text


def header_length(data: bytes | memoryview, size: int) -> int:
    """Return the length of the header, of which the first bytes are given, in a file of this size."""
    length = int.from_bytes(data[:LENGTH], "little")
    if len(data) < LENGTH or length > min(size - LENGTH, _LARGEST_HEADER):
        refuse("its header is cut off")
    return length


def head_of(buffer: memoryview) -> Head:
    """Return the head of a file in memory."""
    length = header_length(buffer[:LENGTH], len(buffer))
    return parse_header(bytes(buffer[LENGTH : LENGTH + length]), len(buffer))


def read_head(file: BinaryIO) -> Head:
    """Return the head of a file. Reads nothing else of it."""
    size = file.seek(0, 2)
    file.seek(0)
    length = header_length(file.read(LENGTH), size)
    return parse_header(file.read(length), size)


def parse_header(text: bytes, size: int) -> Head:
    """Return the head of a file of this size, from the text of its header.

    Raises:
        DeserializationError: it is not such a header. Broken JSON raises the errors of `json`.
    """
    found: object = json.loads(text.decode(), object_pairs_hook=_unique)
    if not isinstance(found, dict):
        refuse("its header is not an object")
    said = cast("dict[str, Any]", found)
    note: object = json.loads(said.pop(_METADATA)[_NOTE])
    if not isinstance(note, dict) or cast("Any", note).get("version") != _VERSION:
        refuse("a newer release wrote it, or another program")
    start = position = LENGTH + len(text)
    entries: dict[str, Entry] = {}
    for name, described in said.items():
        if set(described) != {"dtype", "shape", "data_offsets"}:
            refuse(f"its header does not describe {name!r}")
        dtype, shape, (first, last) = described["dtype"], tuple(described["shape"]), described["data_offsets"]
        if not all(type(number) is int and number >= 0 for number in (*shape, first, last)):
            refuse(f"{name!r} has no shape or no position")
        stop = position + math.prod(shape) * SIZES[dtype]
        if (start + first, start + last) != (position, stop):
            refuse(f"{name!r} is not where its elements are")
        entries[name] = Entry(name, dtype, shape, position, stop)
        position = stop
    if position != size:
        refuse(f"its tensors take {position} bytes of {size}")
    return Head(entries, cast("dict[str, Any]", note))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        refuse("its header has a name twice")
    return found


def refuse(what: str) -> NoReturn:
    """Raise the error for bytes that are not stored tensors."""
    msg = f"These bytes are not stored tensors: {what}."
    raise DeserializationError(msg)
