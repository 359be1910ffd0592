"""A process that ends waits for the threads of Arrow that still hold a file of Python."""

from __future__ import annotations

import gc
import io
import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from artigraph.serializer import get_serializer_by_name
from artigraph.serializer._support import arrow_input

_np: Any = np
_pa: Any = pa
_arrow_input: Any = arrow_input

HELD = """
import io, threading, time
from artigraph.serializer._support.arrow_input import InputFile

def hold(file):
    begun.set()
    time.sleep(0.3)
    held = file.read()
    del file
    time.sleep(0.3)
    del held
    print("dropped", flush=True)

begun = threading.Event()
threading.Thread(target=hold, args=(InputFile(io.BytesIO(b"a")),), daemon=True).start()
begun.wait()
"""


def test_the_process_ends_after_the_last_file_was_dropped() -> None:
    ended = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "dropped\n"


def test_the_process_does_not_wait_for_a_file_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_input, "_WAIT", 0.05)
    kept = arrow_input.InputFile(io.BytesIO(b"a"))
    arrow_input.wait_until_dropped()
    assert id(kept) in _arrow_input._held


@pytest.mark.parametrize("name", ["arrow-feather", "arrow-parquet"])
def test_arrow_gets_no_other_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []

    class Recorded(arrow_input.InputFile):
        def __init__(self, file: object) -> None:
            super().__init__(file)
            given.append(file)

    for module in ("arrow", "ipc", "ipc_preview"):
        monkeypatch.setattr(f"artigraph.serializer._support.{module}.InputFile", Recorded)
    serializer: Any = get_serializer_by_name(name)
    file = io.BytesIO(serializer.serialize(_pa.table({"a": [1, 2], "b": [3, 4]})))
    assert serializer.deserialize_columns(file, ["b"]).to_pydict() == {"b": [3, 4]}
    assert set(given) == {file}
    given.clear()
    serializer.preview(file)
    assert given


def test_a_loaded_table_holds_nothing_of_the_file() -> None:
    """Otherwise a process that keeps a table would wait at exit in vain."""
    rows = 1000
    columns = {
        "numbers": _np.random.default_rng(0).random(rows),
        "texts": [f"a text of more than twelve letters {row}" for row in range(rows)],
        "views": _pa.array([f"a text of more than twelve letters {row}" for row in range(rows)], _pa.string_view()),
        "categories": _pa.array(["a", "b"] * (rows // 2)).dictionary_encode(),
        "lists": [[1, 2]] * rows,
    }
    for name in ("arrow-feather", "arrow-parquet"):
        serializer: Any = get_serializer_by_name(name)
        file = io.BytesIO(serializer.serialize(_pa.table(columns)))
        loaded = serializer.deserialize_columns(file, list(columns))
        gc.collect()
        arrow_input.wait_until_dropped()
        assert not _arrow_input._held
        assert loaded.num_rows == rows
