"""The floors of large values: the bare library, SHA-256 of the bytes written and read, and fsync.

They are as fast as a sequential program can be. An array is hashed in place, and read back into its final memory.
"""

from __future__ import annotations

import hashlib
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["read_array", "read_frame", "read_state", "sync_folder", "write_array", "write_frame", "write_state"]

pa: Any = import_module("pyarrow")
pq: Any = import_module("pyarrow.parquet")


def write_array(path: Path, array: Any) -> bytes:
    """Write a file with `np.save` and return the SHA-256 of the values."""
    with path.open("wb") as file:
        np.save(file, array)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
    return hashlib.sha256(memoryview(array).cast("B")).digest()


def read_array(path: Path, digest: bytes) -> object:
    """Read a file with `np.load` and check its SHA-256."""
    array: Any = np.load(path)
    assert hashlib.sha256(memoryview(array).cast("B")).digest() == digest
    return array


def write_frame(path: Path, frame: Any) -> bytes:
    """Write a Parquet file as our serializer does, with pyarrow alone, and return its SHA-256."""
    table = pa.Table.from_pandas(frame)
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=[field.name for field in table.schema if not pa.types.is_floating(field.type)],
        write_page_checksum=True,
        use_compliant_nested_type=False,
        store_schema=True,
        version="2.6",
    )
    data = sink.getvalue()
    digest = hashlib.sha256(data).digest()
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
    return digest


def read_frame(path: Path, digest: bytes) -> object:
    """Read a Parquet file, check its SHA-256 and its pages, and make the frame."""
    data = path.read_bytes()
    assert hashlib.sha256(data).digest() == digest
    return pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True).read().to_pandas()


def write_state(path: Path, state: dict[str, Any]) -> bytes:
    """Write a file with `safetensors.torch.save_file` and return the SHA-256 of the elements."""
    import_module("safetensors.torch").save_file(state, path)
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    sync_folder(path.parent)
    return _state_digest(state)


def read_state(path: Path, digest: bytes) -> object:
    """Read a file with `safetensors.torch.load_file` and check its SHA-256."""
    state: Any = import_module("safetensors.torch").load_file(path)
    assert _state_digest(state) == digest
    return state


def _state_digest(state: dict[str, Any]) -> bytes:
    found = hashlib.sha256()
    for name in sorted(state):
        found.update(memoryview(state[name].numpy()).cast("B"))
    return found.digest()


def sync_folder(folder: Path) -> None:
    """Flush the names of files in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
