"""A file of parquet columns that refuses pages that are large in memory, before Arrow makes room for them.

Arrow believes the size in a page's header, and takes up to 2 GiB for a page of a few bytes. So the headers, which are
structs in Thrift's compact protocol, are read along with Arrow. A header that cannot be read is left to Arrow.
"""

from __future__ import annotations

from artigraph.raw_file import RawFile
from artigraph.serializer.preview import LimitedFile

_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _STRUCT = 0, 1, 2, 3, 7, 8, 12
_NUMBERS = (4, 5, 6)
_LARGEST_HEADER = 2**17


class PageGuard(RawFile):
    """A parquet file whose column chunks are read from their beginning, each in sequence."""

    def __init__(self, limited: LimitedFile, max_page: int) -> None:
        super().__init__(limited.size)
        self._limited = limited
        self._max_page = max_page
        self._pages: dict[int, tuple[bytes, int]] = {}
        """By the position of the next read of a chunk: the header read so far, or the bytes left before the next."""
        self.guards = False
        """Whether columns are read now, and not the footer."""

    def read(self, size: int | None = -1, /) -> bytes:
        start = self._position
        self._limited.seek(start)
        data = self._limited.read(size)
        self._position = self._limited.tell()
        if self.guards and data:
            header, skipped = self._pages.pop(start, (b"", 0))
            self._follow(header, skipped, data)
        return data

    def begin(self) -> None:
        """Start to read a column. Its chunks begin with the header of a page."""
        self.guards = True
        self._pages.clear()

    def _follow(self, header: bytes, skipped: int, data: bytes) -> None:
        while True:
            if skipped >= len(data):
                self._pages[self._position] = (b"", skipped - len(data))
                return
            header += data[skipped:]
            found = _page_of(header)
            if found is None:
                if len(header) <= _LARGEST_HEADER:
                    self._pages[self._position] = (header, 0)
                return
            length, decoded, stored = found
            if max(decoded, stored) > self._max_page:
                self._limited.exceeded = True
                msg = f"a page takes {decoded} bytes in memory"
                raise OSError(msg)
            if decoded < 0 or stored < 0:
                return
            data, header, skipped = header, b"", length + stored


def _page_of(data: bytes) -> tuple[int, int, int] | None:
    """Return the length of a page's header, and the decoded and the stored size of the page. None if it is cut off."""
    try:
        fields: dict[int, int] = {}
        end = _read_struct(data, 0, fields)
    except (IndexError, ValueError, RecursionError):
        return None
    return end, fields.get(2, 0), fields.get(3, 0)


def _read_struct(data: bytes, at: int, numbers: dict[int, int] | None = None) -> int:
    """Return where a struct ends. Collect its fields that are numbers."""
    field = 0
    while True:
        kind, delta = data[at] & 15, data[at] >> 4
        at += 1
        if kind == _STOP:
            return at
        if delta:
            field += delta
        else:
            number, at = _read_number(data, at)
            field = number
        if kind in _NUMBERS and numbers is not None:
            numbers[field], at = _read_number(data, at)
        else:
            at = _skip(data, at, kind)
        if at > len(data):
            raise IndexError


def _skip(data: bytes, at: int, kind: int) -> int:
    """Return where the value of a field ends. The value of a truth value is its type."""
    if kind in _NUMBERS:
        return _read_varint(data, at)[1]
    if kind == _BINARY:
        length, at = _read_varint(data, at)
        return at + length
    if kind == _STRUCT:
        return _read_struct(data, at)
    widths = {_TRUE: 0, _FALSE: 0, _BYTE: 1, _DOUBLE: 8}
    if kind not in widths:
        msg = f"a page's header has no field of type {kind}"
        raise ValueError(msg)
    return at + widths[kind]


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:  # noqa: PLR2004
            return value, at


def _read_number(data: bytes, at: int) -> tuple[int, int]:
    value, at = _read_varint(data, at)
    return (value >> 1) ^ -(value & 1), at
