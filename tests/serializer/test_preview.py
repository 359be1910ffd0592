"""Previews of plain values, bytes and files, and what all previews have in common."""

from __future__ import annotations

import io
import json
import struct
from dataclasses import FrozenInstanceError, dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any

import pytest

from artigraph.errors import CorruptObjectError, DeserializationError
from artigraph.serializer import SupportsPreview
from artigraph.serializer.codec import collect_classes, encode
from artigraph.serializer.datetime import datetime_serializer, timedelta_serializer
from artigraph.serializer.file import file_serializer
from artigraph.serializer.json import json_serializer
from artigraph.serializer.preview import (
    ArrayPreview,
    ArrayStatistics,
    BytesPreview,
    Cells,
    Histogram,
    ImagePreview,
    LimitedFile,
    Preview,
    TableColumn,
    TablePreview,
    TextPreview,
    bytes_text,
    count_text,
    one_line,
)
from artigraph.serializer.raw import bytes_serializer
from artigraph.testing.serializer import RecordingFile

NAN, INF = float("nan"), float("inf")


def plain(value: Any, **options: int) -> TextPreview:
    return json_serializer.preview(io.BytesIO(encode(value, collect_classes(Secret | Careful))), **options)


def content(data: bytes, **options: int) -> Any:
    found = file_serializer.preview(RecordingFile(data), **options)
    assert bytes_serializer.preview(RecordingFile(data), **options) == found
    return found


# What previews are ------------------------------------------------------------------------------------------------


def test_to_dict_is_json_and_spells_what_json_lacks() -> None:
    preview = ArrayPreview(
        "numbers",
        cut=False,
        shape=(2,),
        dtype="float64",
        elements_read=2,
        items=(NAN, -INF),
        statistics=ArrayStatistics(2, complete=True, nan=1, minimum=-INF, maximum=INF, mean=None),
        histogram=Histogram((0.0, 1.0), (1,)),
        thumbnail=((1.0, None),),
    )
    assert json.loads(json.dumps(preview.to_dict(), allow_nan=False)) == {
        "kind": "array",
        "summary": "numbers",
        "cut": False,
        "shape": [2],
        "dtype": "float64",
        "elements_read": 2,
        "items": ["NaN", "-Infinity"],
        "statistics": {
            "count": 2,
            "complete": True,
            "nan": 1,
            "minimum": "-Infinity",
            "maximum": "Infinity",
            "mean": None,
        },
        "histogram": {"edges": [0.0, 1.0], "counts": [1]},
        "thumbnail": [[1.0, None]],
    }


def test_the_kinds_are_named_and_cannot_be_written_to() -> None:
    table = TablePreview("t", False, (TableColumn("a", "int64"),), ((1,),), 1, 1)
    assert table.to_dict()["columns"] == [{"name": "a", "dtype": "int64", "is_index": False, "is_read": True}]
    kinds = (TablePreview, ArrayPreview, ImagePreview, TextPreview, BytesPreview)
    assert [kind.kind for kind in kinds] == ["table", "array", "image", "text", "bytes"]
    with pytest.raises(FrozenInstanceError):
        setattr(table, "cut", True)  # noqa: B010


@pytest.mark.parametrize(
    "serializer", [json_serializer, datetime_serializer, timedelta_serializer, bytes_serializer, file_serializer]
)
def test_the_serializers_of_core_have_the_ability(serializer: object) -> None:
    assert isinstance(serializer, SupportsPreview)


CELLS: list[tuple[Any, Any]] = [
    (None, None),
    (True, True),
    (2**64 - 1, 2**64 - 1),
    (2**64, str(2**64)),
    (2**5000, hex(2**5000)[:199] + "…"),
    ("a" * 201, "a" * 199 + "…"),
    ("\ud800", "\\ud800"),
    (b"\0", "b'\\x00'"),
    ([1, "a", (2,), set(), {1.5: None}], "[1, 'a', (2,), set(), {1.5: None}]"),
    (date(2020, 1, 2), "2020-01-02"),
]


@pytest.mark.parametrize(("value", "cell"), CELLS)
def test_cells(value: object, cell: object) -> None:
    cells = Cells()
    assert cells.of(value) == cell
    assert cells.cut == (isinstance(cell, str) and cell.endswith("…"))


def test_a_cell_of_a_huge_value_is_short() -> None:
    cells = Cells()
    for value in ([0] * 10**6, ["x" * 10**6], [[[["y"] * 500] * 500] * 500], b"\0" * 10**6, "z" * 10**6):
        cell = cells.of(value)
        assert isinstance(cell, str)
        assert len(cell) == 200
    assert cells.cut


def test_pieces_of_summaries() -> None:
    assert (count_text(1, "row"), count_text(1000, "row")) == ("1 row", "1,000 rows")
    assert one_line("a\nb\u202e") == "a\\nb\\u202e"
    assert len(one_line("\n" * 1000, 20)) == 20


def test_a_limited_file_reads_no_more_than_it_may() -> None:
    inner = RecordingFile(b"0123456789")
    limited = LimitedFile(inner, 6)
    assert (limited.size, limited.read_at(8, 100), limited.read(), limited.left) == (10, b"89", b"", 4)
    buffer = bytearray(2)
    limited.seek(0)
    assert limited.readinto(buffer) == 2
    assert (bytes(buffer), limited.tell(), limited.exceeded) == (b"01", 2, False)
    with pytest.raises(OSError, match="8 bytes are more than the 2"):
        limited.read()
    assert limited.exceeded
    assert inner.fetched == 4
    limited.close()
    assert not inner.closed


def test_a_limited_file_joins_short_reads() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 2))

    assert LimitedFile(Slow(b"01234"), 10).read(5) == b"01234"


# Plain values -----------------------------------------------------------------------------------------------------


class Secret(Enum):
    KEY = 1


RAN: list[str] = []


@dataclass
class Careful:
    name: str
    level: Any = None

    def __post_init__(self) -> None:
        RAN.append(self.name)


def test_classes_of_users_are_shown_by_their_names_and_not_run() -> None:
    data = encode([Careful("made", Secret.KEY), {Secret.KEY: 1}], collect_classes(Secret | Careful))
    assert "made" in RAN
    RAN.clear()
    preview = json_serializer.preview(io.BytesIO(data))
    assert preview.text == "[Careful(name='made', level=Secret.KEY), {Secret.KEY: 1}]"
    assert not RAN
    assert not preview.cut
    assert plain(Careful("made")).summary == "Careful with 2 fields"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (NAN, "nan"),
        (2**200, str(2**200)),
        ("one\ntwo", "one\ntwo"),
        ({"a": (1, -0.0)}, "{'a': (1, -0.0)}"),
        (b"\0", "b'\\x00'"),
    ],
)
def test_plain_values_are_shown_as_in_python(value: Any, text: str) -> None:
    preview = plain(value)
    assert (preview.text, preview.encoding, preview.cut) == (text, None, False)
    assert "\n" not in preview.summary


@pytest.mark.parametrize(
    ("value", "start", "end"),
    [
        (list(range(1000)), "[\n    0,\n", "47,\n…"),
        (tuple("ab" * 30), "(\n    'a',", "'b',\n…"),
        (dict.fromkeys(range(4), "x" * 40), "{\n    0: 'xxx", ",\n}"),
        ({"x" * number for number in range(20)}, "{\n    '", ",\n}"),
        (Careful("made", "y" * 100), "Careful(\n    name='made',", "',\n)"),
    ],
)
def test_long_containers_have_a_line_for_each_item(value: Any, start: str, end: str) -> None:
    preview = plain(value)
    assert preview.text.startswith(start)
    assert preview.text.endswith(end)
    assert len(preview.text.splitlines()) <= 50
    assert preview.cut == end.endswith("…")


def test_the_lines_of_a_text_are_limited() -> None:
    preview = plain("line\n" * 100, rows=2)
    assert (preview.text, preview.cut) == ("line\nline", True)
    assert (plain("a", rows=0).text, plain([1], rows=0).text) == ("", "")
    assert plain(list(range(100)), rows=2).text.startswith("[0, 1, 2")
    assert len(plain("a" * 10**6, max_bytes=2**26).text) == 2**14


def test_a_value_that_would_take_much_memory_is_shown_as_its_json() -> None:
    empty: list[object] = []
    file = RecordingFile(encode([empty] * 10**6))
    preview = json_serializer.preview(file)
    assert preview.summary == "a plain value of 2.9 MiB"
    assert (preview.text[:6], preview.encoding, preview.cut) == ("[[],[]", "utf-8", True)
    assert file.fetched <= 2**16
    assert json_serializer.preview(io.BytesIO(b'"' + "ä".encode() * 10**6 + b'"')).text.startswith('"ää')
    with pytest.raises(DeserializationError):
        json_serializer.preview(io.BytesIO(b"\xff" * 10**6))


def test_dates_and_durations() -> None:
    moment = datetime(2020, 1, 2, 3, tzinfo=UTC)
    assert datetime_serializer.preview(io.BytesIO(encode(moment))).text == "2020-01-02T03:00:00+00:00"
    assert timedelta_serializer.preview(io.BytesIO(encode(timedelta(1, 2)))).text == "1 day, 0:00:02"
    with pytest.raises(DeserializationError, match="int"):
        datetime_serializer.preview(io.BytesIO(b"1"))


# Bytes and files --------------------------------------------------------------------------------------------------

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 480) + b"\x08\x02\0\0\0"
GIF = b"GIF89a" + struct.pack("<HH", 3, 2) + b"\0\0\0"
JPEG = (
    b"\xff\xd8"
    b"\xff\xe1"
    + struct.pack(">H", 60_000)
    + bytes(59_998)
    + b"\xff\xe2"
    + struct.pack(">H", 60_000)
    + bytes(59_998)
    + b"\xff\xff\xc0"
    + struct.pack(">HBHH", 17, 8, 480, 640)
    + bytes(100)
)
WEBP = b"RIFF" + bytes(4) + b"WEBP"
LOSSY = WEBP + b"VP8 " + bytes(4) + b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 640 | 1 << 14, 480) + bytes(9)
LOSSLESS = WEBP + b"VP8L" + bytes(4) + b"\x2f" + struct.pack("<I", 639 | 479 << 14) + bytes(9)
EXTENDED = WEBP + b"VP8X" + bytes(4) + bytes(4) + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")


@pytest.mark.parametrize(
    ("data", "kind", "size"),
    [
        (PNG, "png", (640, 480)),
        (GIF, "gif", (3, 2)),
        (JPEG, "jpeg", (640, 480)),
        (LOSSY, "webp", (640, 480)),
        (LOSSLESS, "webp", (640, 480)),
        (EXTENDED, "webp", (640, 480)),
    ],
    ids=["png", "gif", "jpeg", "lossy", "lossless", "extended"],
)
def test_images(data: bytes, kind: str, size: tuple[int, int]) -> None:
    found = content(data)
    assert isinstance(found, ImagePreview)
    assert (found.format, (found.width, found.height), found.size, found.cut) == (kind, size, len(data), True)
    for length in range(min(len(data), 200)):
        assert isinstance(content(data[:length]), Preview)


@pytest.mark.parametrize(
    "data",
    [
        PNG[:20],
        PNG.replace(b"IHDR", b"NONE"),
        GIF[:8],
        b"GIF88a" + bytes(20),
        b"\xff\xd8\xff\xd9" + bytes(20),
        b"\xff\xd8\xff\xe0\0\0" + bytes(20),
        b"\xff\xd8" + b"\xff\x01" * 1000,
        b"\xff\xd8\xff\xc0\0\x11\x08",
        WEBP + b"VP8 " + bytes(20),
        b"RIFF" + bytes(4) + b"WAVE" + bytes(40),
        PNG.replace(struct.pack(">I", 640), bytes(4)),
    ],
)
def test_what_only_begins_as_an_image_is_bytes(data: bytes) -> None:
    assert isinstance(content(data), BytesPreview)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("a\tb\r\nä", "utf-8"), ("x", "utf-8-sig"), ("ä\nb", "utf-16"), ("ä\nb", "utf-32"), ("𝄞" * 40_000, "utf-8")],
)
def test_texts(text: str, encoding: str) -> None:
    found = content(text.encode(encoding))
    assert isinstance(found, TextPreview)
    assert (found.encoding, text.startswith(found.text)) == (encoding, True)
    assert found.cut == (found.text != text)


@pytest.mark.parametrize("data", [b"", b"a\0b", b"\xff\xfe\0\xd8", b"caf\xe9", b"\x1b[31m"])
def test_what_is_no_text_is_shown_as_hexadecimal_numbers(data: bytes) -> None:
    assert content(data) == BytesPreview(bytes_text(len(data)), False, data.hex(" "), len(data))


def test_a_large_file_is_read_in_small_part() -> None:
    file = RecordingFile(b"text\n" * 20_000_000)
    found = file_serializer.preview(file)
    assert isinstance(found, TextPreview)
    assert (found.summary, found.text, found.cut) == ("text (utf-8), 95.4 MiB", "\n".join(["text"] * 50), True)
    assert file.fetched == 2**16
    assert content(bytes(1000), rows=2).hex == " ".join(["00"] * 32)


def test_an_error_of_the_file_propagates() -> None:
    class Damaged(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            msg = "damaged"
            raise CorruptObjectError(msg)

    for serializer in (json_serializer, file_serializer):
        with pytest.raises(CorruptObjectError):
            serializer.preview(Damaged(b"1"))
