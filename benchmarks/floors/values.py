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

__all__ = ["read_array", "read_frame", "write_array", "write_frame"]

pa: Any = import_module("pyarrow")
pq: Any = import_module("pyarrow.parquet")


def write_array(path: Path, array: Any) -> bytes:
    """Write a file with `np.save` and return the SHA-256 of the values."""
    with path.open("wb") as file:
        np.save(file, array)
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)
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
    _sync_folder(path.parent)
    return digest


def read_frame(path: Path, digest: bytes) -> object:
    """Read a Parquet file, check its SHA-256 and its pages, and make the frame."""
    data = path.read_bytes()
    assert hashlib.sha256(data).digest() == digest
    return pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True).read().to_pandas()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
