"""A preview of some 25 MB reads a small part, and never decodes much more than its limit."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from artigraph.errors import CorruptObjectError
from artigraph.serializer import get_serializer_by_name
from artigraph.testing.serializer import RecordingFile

_np: Any = np
_pa: Any = pa
_pl: Any = pl
ROWS = 300_000
MOST = 8 * 2**20


def data() -> dict[str, Any]:
    numbers = _np.random.default_rng(0).random((10, ROWS))
    return {f"c{place}": column for place, column in enumerate(numbers)} | {"s": [f"text {n}" for n in range(ROWS)]}


@pytest.fixture(scope="module")
def table() -> Any:
    return _pa.table(data())


def numbers(shape: Any) -> Any:
    return _np.random.default_rng(0).random(shape)


MAKERS: dict[str, Callable[[Any], Any]] = {
    "arrow-feather": lambda table: table,
    "arrow-parquet": lambda table: table,
    "arrow-record-batch": lambda table: table.combine_chunks().to_batches()[0],
    "arrow-record-batch-stream": lambda table: table.to_reader(100_000),
    "pandas-dataframe": lambda table: table.to_pandas(),
    "pandas-series": lambda _: pd.Series(numbers(12 * ROWS)),
    "pandas-index": lambda _: pd.Index(numbers(12 * ROWS)),
    "polars-dataframe": _pl.from_arrow,
    "polars-series": lambda _: pl.Series("s", numbers(12 * ROWS)),
    "numpy-array": lambda _: numbers((12, ROWS)),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_large_value_is_read_in_small_part(name: str, table: Any) -> None:
    serializer: Any = get_serializer_by_name(name)
    value = MAKERS[name](table)
    stored = serializer.serialize(value)
    assert len(stored) > 20 * 10**6 > 2 * MOST
    file = RecordingFile(stored)
    found = serializer.preview(file)
    assert file.fetched <= MOST
    assert found.cut
    if name == "numpy-array":
        assert (found.shape, found.elements_read < 2**20, len(found.items)) == ((12, ROWS), True, 50)
        return
    rows = 12 * ROWS if name in ("pandas-series", "pandas-index", "polars-series") else ROWS
    assert found.total_rows == rows
    if name in ("arrow-parquet", "pandas-dataframe"):
        # Read page by page, so that all columns are shown.
        assert (len(found.rows), len(found.columns)) == (50, 11)
        assert all(column.is_read for column in found.columns)
    few = RecordingFile(stored)
    assert serializer.preview(few, max_bytes=2**17).total_rows == rows
    assert few.fetched <= 2**17


@pytest.mark.parametrize("name", ["arrow-feather", "polars-dataframe"])
def test_what_is_small_in_the_file_and_large_in_memory_is_not_decoded(name: str) -> None:
    zeros = _np.zeros(4_000_000)
    value = _pa.table({"zeros": zeros}) if name == "arrow-feather" else pl.DataFrame({"zeros": zeros})
    serializer: Any = get_serializer_by_name(name)
    stored = serializer.serialize(value)
    assert len(stored) < MOST / 8
    found = serializer.preview(RecordingFile(stored))
    assert (found.rows, found.columns[0].is_read, found.total_rows) == ((), False, 4_000_000)


PEAK = """
def peak():  # of this process alone: ru_maxrss begins with that of the parent
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
"""
MEASURE = """
import io, sys
import pandas, pyarrow
from artigraph.serializer import get_serializer_by_name
name, path = sys.argv[1:]
serializer = get_serializer_by_name(name)
serializer.preview(io.BytesIO(serializer.serialize(pandas.DataFrame({"a": ["x"]}) if name.startswith("pandas")
    else pyarrow.table({"a": ["x"]}))))
with open(path, "rb") as file:
    before = peak()
    serializer.preview(file)
    print((peak() - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
@pytest.mark.parametrize("name", ["pandas-dataframe", "arrow-parquet", "arrow-feather"])
@pytest.mark.parametrize("kind", ["one text again and again", "large texts", "zeros"])
def test_the_memory_is_limited(name: str, kind: str, tmp_path: Any) -> None:
    columns: dict[str, Any] = {
        "one text again and again": {"a": ["x" * 4_000_000] * 25},
        "large texts": {"a": ["x" * 100_000 + str(number) for number in range(1000)]},
        "zeros": {"a": _np.zeros(12_000_000)},
    }[kind]
    value = pd.DataFrame(columns) if name.startswith("pandas") else _pa.table(columns)
    (tmp_path / "stored").write_bytes(get_serializer_by_name(name).serialize(value))
    ended = subprocess.run(
        [sys.executable, "-c", PEAK + MEASURE, name, tmp_path / "stored"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert int(ended.stdout) < 40, f"{ended.stdout} MiB"


FOOTER = """
import io
import numpy
import pyarrow
from artigraph.errors import DeserializationError
from artigraph.serializer.pyarrow import parquet_serializer

stored = parquet_serializer.serialize(pyarrow.table({"a": numpy.arange(1000), "s": ["x", None] * 500}))
before = peak()
for place in range(len(stored) - 8 - int.from_bytes(stored[-8:-4], "little"), len(stored) - 8):
    broken = bytearray(stored)
    broken[place : place + 5] = bytes([0xFC, 0xFF, 0xFF, 0xFF, 7])  # a list of 2**31 - 1 structs
    try:
        parquet_serializer.preview(io.BytesIO(broken))
    except DeserializationError:
        pass
print((peak() - before) // 1024)
"""

PAGE = """
import io
import numpy
import pyarrow
from artigraph.errors import DeserializationError
from artigraph.serializer.pyarrow import parquet_serializer

stored = parquet_serializer.serialize(pyarrow.table({"a": [1.0, None, 0.0]}))
parquet_serializer.preview(io.BytesIO(stored))
before = peak()
for place in range(4, 40):
    for large in (b"\\xfe\\xff\\xff\\xff\\x0f", b"\\x80\\x80\\x80\\x80\\x04"):  # sizes in Thrift
        broken = stored[:place] + large + stored[place + 5 :]
        try:
            parquet_serializer.preview(io.BytesIO(broken))
        except DeserializationError:
            pass
print((peak() - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
@pytest.mark.parametrize("script", [FOOTER, PAGE], ids=["a length in a footer", "the size of a page"])
def test_damage_takes_a_preview_no_memory(script: str) -> None:
    command = [sys.executable, "-c", PEAK + script]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert int(ended.stdout) < 100, f"{ended.stdout} MiB"


def test_damage_that_is_found_late_propagates(table: Any) -> None:
    class Damaged(RecordingFile):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() < 10**6:
                msg = "damaged"
                raise CorruptObjectError(msg)
            return super().read(size)

    for name in ("arrow-feather", "arrow-parquet"):
        serializer: Any = get_serializer_by_name(name)
        with pytest.raises(CorruptObjectError):
            serializer.preview(Damaged(serializer.serialize(table.slice(0, 100_000).combine_chunks())), rows=1)


def test_threads_do_not_disturb_each_other(table: Any) -> None:
    serializer: Any = get_serializer_by_name("arrow-parquet")
    stored = serializer.serialize(table.slice(0, 10_000))
    expected = serializer.preview(RecordingFile(stored))
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(serializer.preview(RecordingFile(stored)))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8
