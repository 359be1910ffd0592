"""Serializers that make a file in parts."""

from __future__ import annotations

import io
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import TypeVar

from artigraph.serializer.base import Serializer

T = TypeVar("T")


def joined(parts: Iterable[bytes | memoryview]) -> bytes:
    """Return the parts as one bytes object. It frees each part at once, whereas `bytes.join` would hold them all."""
    buffer = io.BytesIO()
    for part in parts:
        buffer.write(part)
    return buffer.getvalue()


class PartsSerializer(Serializer[T]):
    """A serializer that makes its file in parts, and joins them if the whole file is asked for."""

    def serialize(self, value: T) -> bytes:
        """Return the file: the parts that `serialize_parts` yields, joined."""
        return joined(self.serialize_parts(value))

    @abstractmethod
    def serialize_parts(self, value: T) -> Iterator[bytes]:
        """Yield the file in parts."""
