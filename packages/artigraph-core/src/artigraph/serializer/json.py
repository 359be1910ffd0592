"""The serializer of plain Python values."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath, PureWindowsPath
from types import NoneType
from typing import Any, BinaryIO
from uuid import UUID

from artigraph.serializer.base import Serializer
from artigraph.serializer.codec import decode, encode
from artigraph.serializer.preview import TextPreview, preview_plain

__all__ = ["JsonSerializer", "json_serializer"]


class JsonSerializer(Serializer[Any]):
    """Writes plain values as JSON that records their exact types, as docs/design/encoding.md describes.

    Subclasses of its types (`numpy.float64`, a str with a method, an enum) are refused, because they would load as
    their base. Enums, named tuples and dataclasses are stored in fields whose annotation names them.
    """

    name = "json"
    types: tuple[type[Any], ...] = (
        NoneType,
        bool,
        int,
        float,
        str,
        UUID,
        Decimal,
        PurePosixPath,
        PureWindowsPath,
        tuple,
        list,
        set,
        frozenset,
        dict,
        complex,
        Fraction,
        range,
        Counter,
        OrderedDict,
        defaultdict,
        deque,
    )

    def serialize(self, value: Any) -> bytes:
        return encode(value)

    def deserialize(self, data: bytes) -> Any:
        return decode(data)

    def preview(
        self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20
    ) -> TextPreview:
        """Return the value as text. Instances of classes are shown by the names of these."""
        return preview_plain(file, rows=rows, max_bytes=max_bytes)


json_serializer: JsonSerializer = JsonSerializer().register()
