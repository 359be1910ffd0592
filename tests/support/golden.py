"""Values whose bytes are kept in tests/data/serialized, as each serializer wrote them when it was first released.

python -m tests.support.golden        # writes the bytes of new values; existing files never change
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Mapping
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from artigraph import File
from artigraph.serializer import Serializer, get_serializer_by_name
from tests.stores import release_0001 as release
from tests.support.golden_frameworks import golden_frameworks
from tests.support.golden_libraries import golden_libraries

__all__ = ["ALWAYS_THE_SAME", "FOLDER", "golden"]

FOLDER = Path(__file__).resolve().parent.parent / "data" / "serialized"
ALWAYS_THE_SAME = frozenset(
    {"json", "datetime", "timedelta", "bytes", "file", "numpy-array", "numpy-scalar", "pandas-scalar"}
    | {
        "networkx-graph",
        "scipy-sparse",
        "torch-tensor",
        "torch-state-dict",
        "jax-array",
        "jax-array-dict",
        "plotly-figure",
    }
)
"""Serializers whose bytes depend on our code only. Arrow writes its version and its choices into files."""

_np: Any = np
_pa: Any = pa
_pd: Any = pd


def golden() -> dict[str, Mapping[str, Any]]:
    """Return values by serializer and by the name of the file that holds their bytes."""
    plain = release.values()
    times = {name: plain[name] for name in ("naive", "utc", "folded", "offset", "date", "time")}
    arrays = dict(release.arrays().arrays)
    tables = release.tables()
    stream = _pa.RecordBatchReader.from_batches(tables.batch.schema, [tables.batch])
    scalars = {name: arrays.pop(name) for name in ("int8", "half")}
    return {
        "json": {_file_name(name): value for name, value in plain.items()} | _more_plain_values(),
        "datetime": times,
        "timedelta": {"least": plain["timedelta"]},
        "bytes": {"all": plain["bytes"]},
        "file": {"content": File.of(BytesIO(release.CONTENT))},
        "numpy-array": arrays,
        "numpy-scalar": scalars,
        "pandas-dataframe": {"frame": tables.pandas, "empty": _pd.DataFrame()},
        "pandas-series": {"series": tables.series},
        "pandas-index": {"index": tables.index},
        "pandas-scalar": {
            "timestamp": tables.moment,
            "timedelta": _pd.Timedelta("1 days 00:00:00.000000001"),
            "period": _pd.Period("2024-02", "M"),
            "interval": _pd.Interval(0.5, 1.5, closed="left"),
            "nat": _pd.NaT,
            "na": _pd.NA,
        },
        "polars-dataframe": {"frame": tables.polars},
        "polars-series": {"series": tables.polars_series},
        "arrow-feather": {"table": tables.feather},
        "arrow-parquet": {"table": tables.parquet},
        "arrow-record-batch": {"batch": tables.batch},
        "arrow-record-batch-stream": {"stream": stream},
        **golden_libraries(),
        **golden_frameworks(),
    }


def _more_plain_values() -> dict[str, Any]:
    """Return values of the kinds that are newer than the first stores."""
    return {
        "complex": complex(-0.0, float("inf")),
        "fraction": Fraction(-(2**1024), 3),
        "range": range(10, -1, -2),
        "counter": Counter({"b": 2, None: 0}),
        "ordered-dict": OrderedDict[Any, Any]({"b": 1, (1, 2): {}}),
        "defaultdict": defaultdict(list, {1: [2]}),
        "defaultdict-without-factory": defaultdict[Any, Any](None),
        "deque": deque[Any]([1, "é", None], 5),
        "deque-without-limit": deque[Any]([[]]),
    }


def _file_name(text: str) -> str:
    return text.partition(":")[0].replace("-inf", "minus inf").replace(" ", "-")


def main() -> None:
    """Write the bytes of each value that has no file yet."""
    for name, values in golden().items():
        serializer: Serializer[Any] = get_serializer_by_name(name)
        for case, value in values.items():
            path = FOLDER / name / case
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(serializer.serialize(value))
                print(path.relative_to(FOLDER))


if __name__ == "__main__":
    main()
