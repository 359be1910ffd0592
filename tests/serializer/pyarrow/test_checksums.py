"""Parquet files have a checksum for each page, which is checked. Other readers of parquet can check it as well."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from artigraph.errors import DeserializationError
from artigraph.serializer import Serializer, get_serializer_by_name

_np: Any = np
_pa: Any = pa
_pd: Any = pd
_pq: Any = pq

NOISE = _np.random.default_rng(1).integers(0, 2**63, 2000)
VALUES = {
    "arrow-parquet": _pa.table({"noise": NOISE}),
    "pandas-dataframe": _pd.DataFrame({"noise": NOISE}),
    "pandas-series": _pd.Series(NOISE),
    "pandas-index": _pd.Index(NOISE),
}


def pages(data: bytes) -> range:
    """The bytes of the first column, without the page header before them."""
    column = _pq.ParquetFile(_pa.BufferReader(data)).metadata.row_group(0).column(0)
    start = column.dictionary_page_offset or column.data_page_offset
    return range(start + 100, start + column.total_compressed_size)


@pytest.mark.parametrize("name", VALUES)
def test_a_flip_in_a_page_is_told_by_its_checksum(name: str) -> None:
    serializer: Serializer[Any] = get_serializer_by_name(name)
    data = serializer.serialize(VALUES[name])
    where = pages(data)
    assert len(where) > 10_000
    for place in where[:: len(where) // 50]:
        broken = bytearray(data)
        broken[place] ^= 1
        with pytest.raises(DeserializationError):
            serializer.deserialize(bytes(broken))
        with pytest.raises(OSError, match=r"crc|CRC|checksum"):
            _pq.ParquetFile(_pa.BufferReader(bytes(broken)), page_checksum_verification=True).read()
