"""A strict comparison of models: all values, with types and order."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from artigraph import ArtifactMapping, ArtifactSequence
from artigraph.testing.equality import assert_identical, compare_with

__all__ = ["assert_identical"]

_pd: Any = pd
_np: Any = np
_pa: Any = pa


def _mappings(one: Any, other: Any) -> None:
    assert_identical(dict(one), dict(other))


def _sequences(one: Any, other: Any) -> None:
    assert_identical(list(one), list(other))


def _arrays(one: Any, other: Any) -> None:
    assert (one.dtype, one.shape) == (other.dtype, other.shape)
    _np.testing.assert_array_equal(one, other, strict=True)


def _frames(one: Any, other: Any) -> None:
    _pd.testing.assert_frame_equal(one, other, check_exact=True, check_freq=True, check_flags=True)


def _series(one: Any, other: Any) -> None:
    _pd.testing.assert_series_equal(one, other, check_exact=True)


def _polars(one: Any, other: Any) -> None:
    assert cast("pl.DataFrame", one).schema == other.schema
    assert one.equals(other, null_equal=True)


def _tables(one: Any, other: Any) -> None:
    assert one.schema.equals(other.schema, check_metadata=True)
    assert one.equals(other)


compare_with(ArtifactMapping, _mappings)
compare_with(ArtifactSequence, _sequences)
compare_with(_np.ndarray, _arrays)
compare_with(_pd.DataFrame, _frames)
compare_with(_pd.Series, _series)
compare_with(pl.DataFrame, _polars)
compare_with(_pa.Table, _tables)
