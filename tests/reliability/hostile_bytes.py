"""Bytes that are made to take much memory or time, or to confuse a reader, and a program that reads them all.

    python -m tests.reliability.hostile_bytes MEBIBYTES

For each it prints a line of JSON: the result, the seconds, and by how many MiB the process grew. The process may grow
by this number of MiB, so a reader that allocates what a header claims is noticed. It works on Linux only.
"""

from __future__ import annotations

import json
import os
import resource
import struct
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from artigraph.errors import DeserializationError
from artigraph.serializer import Serializer, get_serializer_by_name
from tests.support.golden import golden

__all__ = ["hostile_bytes"]

_np: Any = np
_pa: Any = pa
_pd: Any = pd
_pq: Any = pq

LZ4 = b"\x04\x22\x4d\x18"
OTHERS: tuple[Any, ...] = (10**12, -1, "os.system", None, [[]], "x" * 10**6)
HUGE = (2**33, 2**40, 2**62, 2**63 - 1)


def hostile_bytes() -> Iterator[tuple[str, str, bytes]]:
    """Yield a name, the serializer that is to read it, and the bytes."""
    for name, data in plain():
        yield f"json: {name}", "json", data
    for name, data in npy():
        yield f"npy: {name}", "numpy-array", data
    for serializer in ("arrow-feather", "polars-dataframe", "arrow-record-batch"):
        for name, data in ipc(serializer):
            yield f"{serializer}: {name}", serializer, data
    for serializer in ("arrow-parquet", "pandas-dataframe", "pandas-series", "pandas-index"):
        for name, data in parquet(serializer):
            yield f"{serializer}: {name}", serializer, data
    for name, data in pandas_notes():
        yield f"pandas-dataframe: {name}", "pandas-dataframe", data


def plain() -> Iterator[tuple[str, bytes]]:
    """Yield JSON."""
    yield "nested lists", b"[" * 10**6
    yield "nested lists that are closed", b"[" * 10**6 + b"]" * 10**6
    yield "nested objects", b'{"$tuple":[' * 10**5 + b"]}" * 10**5
    yield "a number of ten million digits", b"9" * 10**7
    yield "an exponent of a million digits", b"1e" + b"9" * 10**6
    yield "a decimal of a huge exponent", b'{"$decimal":"1E+' + b"9" * 10**6 + b'"}'
    yield "hexadecimal that is none", b'{"$int":"' + b"g" * 10**6 + b'"}'
    yield "a text without an end", b'"' + b"\\" * 10**6
    yield "quotes without an end", b'"\\"' * 10**5
    yield "base64 that is none", b'{"$bytes":"' + b"!" * 10**6 + b'"}'
    yield "half of a surrogate", b'"\\ud800'
    yield "keys beyond number", b"{" + b",".join(b'"a":1' for _ in range(10**5)) + b"}"


def header(descr: str = "'<f8'", shape: str = "(3,)") -> bytes:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()


def npy_file(text: bytes, body: bytes = b"", version: int = 2) -> bytes:
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4, "little") + text + body


def npy() -> Iterator[tuple[str, bytes]]:
    """Yield npy files."""
    for shape in ("(2**62,)", f"({2**62},)", "(4294967296,)*3", f"({2**32}, {2**32}, {2**32})", "(-1,)", "(1.5,)", "3"):
        yield f"shape {shape}", npy_file(header(shape=shape))
    yield "a shape of many nothings", npy_file(header(shape=f"(0, {2**63})"))
    yield "a shape of many dimensions", npy_file(header(shape="(" + "1," * 1000 + ")"), bytes(8))
    yield "objects", npy_file(header("'|O'"), b"cos\nsystem\n(S'true'\ntR.")
    yield "objects in fields", npy_file(header("[('a', '|O')]"), bytes(24))
    yield "a dtype of huge items", npy_file(header(f"'|S{2**31 - 1}'"))
    yield "a header longer than the file", b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}"
    yield "a header of a million numbers", npy_file(b"(" + b"1," * 10**6 + b")")
    yield "a header of as many as may be", npy_file((b"(" + b"1," * 2**17)[: 2**18 - 1] + b")")
    yield "a header of many fields", npy_file(b"[" + b"('a','<f8')," * 10**6 + b"]")
    yield "a nested header", npy_file(b"(" * 10**5)
    yield "a header of minuses", npy_file(b"-" * 10**5 + b"1")
    yield "a header of code", npy_file(b"__import__('os').system('true')")
    yield "a header with a call", npy_file(header("().__class__"))
    data = stored("numpy-array", "strings")
    start = 10 + int.from_bytes(data[8:10], "little")
    for length in (2**40, 2**63 - 1, 2**64 - 1):
        yield f"a string of {length} bytes", data[:start] + struct.pack("<Q", length) + data[start + 8 :]
    trailer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    yield "a nested trailer", data[:trailer] + _trailer(b"[" * 10**6)
    yield "a trailer longer than the file", data[:-8] + b"\xff\xff\xff\xffARTI"
    yield "a trailer of another dtype", data[:trailer] + _trailer(b'{"artigraph": 1, "dtype": "|O"}')


def _trailer(text: bytes) -> bytes:
    return text + len(text).to_bytes(4, "little") + b"ARTI"


def stored(serializer: str, case: str) -> bytes:
    """Return the bytes of a valid value."""
    return get_serializer_by_name(serializer).serialize(golden()[serializer][case])


def ipc(name: str) -> Iterator[tuple[str, bytes]]:
    """Yield Arrow files with false claims about the size of compressed buffers, and the places of parts."""
    numbers: dict[str, Any] = {"noise": list(range(5000))}
    values = {
        "arrow-feather": _pa.table(numbers),
        "polars-dataframe": pl.DataFrame(numbers),
        "arrow-record-batch": _pa.RecordBatch.from_pydict(numbers),
    }
    data: bytes = get_serializer_by_name(name).serialize(values[name])
    place = data.index(LZ4) - 8
    for claim in (*HUGE, -1, -2, 1, 0):
        yield f"a buffer of {claim} bytes", data[:place] + struct.pack("<q", claim) + data[place + 8 :]
    rows = struct.pack("<q", 5000)
    for claim in (*HUGE, -1):
        yield f"{claim} rows", data.replace(rows, struct.pack("<q", claim))
    end = len(data) - 10
    for length in (0, 1, 2**31 - 1, -1):
        yield f"a footer of {length} bytes", data[:end] + struct.pack("<i", length) + data[end + 4 :]
    for place in range(end - 200, end, 8):
        yield f"a footer that points elsewhere at {place - end}", data[:place] + b"\xff" * 7 + data[place + 7 :]


def parquet(name: str) -> Iterator[tuple[str, bytes]]:
    """Yield parquet files with false claims in footers and pages."""
    numbers = list(range(5000))
    values = {
        "arrow-parquet": _pa.table({"noise": numbers}),
        "pandas-dataframe": _pd.DataFrame({"noise": numbers}),
        "pandas-series": _pd.Series(numbers),
        "pandas-index": _pd.Index(numbers),
    }
    data: bytes = get_serializer_by_name(name).serialize(values[name])
    length = int.from_bytes(data[-8:-4], "little")
    body, footer = data[: -8 - length], data[-8 - length : -8]
    rows = _varint(5000)
    for claim in (*HUGE, -1):
        longer = footer.replace(rows, _varint(claim))
        yield f"{claim} rows", body + longer + len(longer).to_bytes(4, "little") + b"PAR1"
    for claim in (0, 1, 2**31 - 1, 2**32 - 1):
        yield f"a footer of {claim} bytes", body + footer + claim.to_bytes(4, "little") + b"PAR1"
    for place in range(0, 64, 2):
        yield f"a page header of other numbers at {place}", data[: 4 + place] + b"\xff\x7f" + data[6 + place :]


def _varint(value: int) -> bytes:
    """Write a number as Thrift does."""
    rest = ((value << 1) ^ (value >> 63)) & (2**64 - 1)
    found = bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*found, rest])


def pandas_notes() -> Iterator[tuple[str, bytes]]:
    """Yield frames whose notes, the JSON beside the columns, have wrong numbers, wrong names or nothing."""
    frame = _pd.DataFrame(
        {
            "sparse": _pd.arrays.SparseArray([0, 0, 1]),
            "category": _pd.Categorical(["a", "b", "a"]),
            "period": _pd.period_range("2024-01", periods=3, freq="M"),
            "interval": _pd.interval_range(0, 3),
            "object": [(1, 2), {"a"}, None],
        },
        index=_pd.RangeIndex(3, 9, 2),
    )
    data: bytes = get_serializer_by_name("pandas-dataframe").serialize(frame)
    table = _pq.read_table(_pa.BufferReader(data))
    metadata: Mapping[bytes, bytes] = _pq.ParquetFile(_pa.BufferReader(data)).metadata.metadata
    note = json.loads(metadata[b"artigraph"])
    for path, value in _leaves(note, ()):
        for other in OTHERS:
            if other != value:
                yield f"note {'.'.join(map(str, path))} {str(other)[:20]}", _noted(table, _with(note, path, other))
    yield "a note that is deep", _noted_text(table, "[" * 10**6)
    yield "a note of a newer release", _noted(table, {**note, "version": 10**6})


def _leaves(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if not isinstance(value, (dict, list)):
        yield path, value
        return
    parts = cast("Any", value)
    for key, item in parts.items() if isinstance(value, dict) else enumerate(parts):
        yield from _leaves(item, (*path, key))


def _with(note: Any, path: tuple[Any, ...], other: Any) -> Any:
    copy = json.loads(json.dumps(note))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = other
    return copy


def _noted(table: Any, note: Any) -> bytes:
    return _noted_text(table, json.dumps(note))


def _noted_text(table: Any, text: str) -> bytes:
    sink = _pa.BufferOutputStream()
    with _pq.ParquetWriter(sink, table.schema.remove_metadata(), store_schema=True) as writer:
        writer.write_table(table.replace_schema_metadata(None))
        writer.add_key_value_metadata({"artigraph": text})
    return cast("bytes", sink.getvalue().to_pybytes())


def unfolding(mebibytes: int) -> bytes:
    """Return a valid parquet file of some KiB, whose text has this number of MiB when it is read."""
    column = _pa.DictionaryArray.from_arrays(_pa.array([0] * mebibytes, _pa.int32()), _pa.array(["0" * 2**20]))
    sink = _pa.BufferOutputStream()
    with _pq.ParquetWriter(sink, _pa.schema([("text", column.type)]), store_schema=False, compression="zstd") as writer:
        writer.write_table(_pa.table({"text": column}))
    return cast("bytes", sink.getvalue().to_pybytes())


def main(mebibytes: int) -> None:
    """Read everything, within a limit of memory."""
    for name in golden():
        serializer: Serializer[Any] = get_serializer_by_name(name)
        try:  # imports and threads of the first use are not memory for the bytes
            serializer.deserialize(b"nothing")
        except DeserializationError:
            continue
    everything = [*hostile_bytes(), ("unfolding", "arrow-parquet", unfolding(3 * mebibytes))]
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    most = pages * resource.getpagesize() + mebibytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for name, serializer_name, data in everything:
        before, start = _resident(), time.perf_counter()
        try:
            get_serializer_by_name(serializer_name).deserialize(data)
            outcome = "a value"
        except DeserializationError as error:
            outcome = "refused" if str(error) else "refused without a word"
        except BaseException as error:
            outcome = f"{type(error).__name__}: {error}"[:300]
        seconds, growth = round(time.perf_counter() - start, 3), max(0, _resident() - before)
        print(json.dumps([name, len(data), outcome, seconds, growth]), flush=True)


def _resident() -> int:
    """Return the most memory that the process ever had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main(int(sys.argv[1]))
    # A thread of Arrow may still work on refused bytes. It releases a buffer of Python's when it is done, which aborts
    # the process if the interpreter is ending by then. So this process exits without ending the interpreter.
    sys.stdout.flush()
    os._exit(0)
