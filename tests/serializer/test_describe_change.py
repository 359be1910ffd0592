"""The one-line summary of how two arrays, tables or models differ."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artigraph.serializer import get_serializer_by_type
from artigraph.serializer._support.trees import ComparedModel, model_changes, value_changes
from tests.support.frames import COLUMNS, INDEXES

_np: Any = np
_pa: Any = pa
NAN = float("nan")
FIELDS: Any = [("a", "f8"), ("b", "i4", 2)]
TEXT: Any = _np.dtypes.StringDType()
ARRAYS: list[tuple[Any, Any, str]] = [
    (_np.array([1.0, NAN, 3]), _np.array([1.0, NAN, 3.5]), "elements differ (1 of 3, by at most 0.5)"),
    (_np.array([1.0, NAN, np.inf]), _np.array([NAN, 1, -np.inf]), "elements differ (3 of 3)"),
    (_np.zeros((1000, 2)), _np.zeros((1000, 3), dtype=int), "1,000x2 → 1,000x3; float64 → int64"),
    (_np.array(1), _np.array(2), "elements differ (1 of 1, by at most 1)"),
    (_np.array(1), _np.array([1]), "scalar → 1"),
    (_np.array([1 + 1j, 2]), _np.array([1 + 4j, 2]), "elements differ (1 of 2, by at most 3)"),
    (_np.array([True, False]), _np.array([True, True]), "elements differ (1 of 2)"),
    (_np.array(["a", "b"]), _np.array(["a", "c"]), "elements differ (1 of 2)"),
    (
        _np.array(["NaT", "2020-01-01"], "M8[D]"),
        _np.array(["NaT", "2020-01-02"], "M8[D]"),
        "elements differ (1 of 2)",
    ),
    (_np.array([0, 2**64 - 1], "u8"), _np.array([0, 0], "u8"), "elements differ (1 of 2, by at most 1.84467e+19)"),
    (_np.array([127], "i1"), _np.array([-128], "i1"), "elements differ (1 of 1, by at most 255)"),
    (_np.zeros(3, FIELDS), _np.ones(3, FIELDS), "elements differ (3 of 3)"),
    (_np.array([b"a", b"b"], "V1"), _np.array([b"a", b"c"], "V1"), "elements differ (1 of 2)"),
    (_np.array(["a", "b"], TEXT), _np.array(["a", "c"], TEXT), "elements differ (1 of 2)"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "text"), ARRAYS, ids=[text for _, _, text in ARRAYS])
def test_arrays(before: Any, after: Any, text: str) -> None:
    assert describe(before, after) == text


def describe(before: Any, after: Any) -> str:
    serializer: Any = get_serializer_by_type(before.__class__)
    assert after.__class__ is before.__class__
    return str(serializer.describe_change(before, after))


def batch(data: Any) -> Any:
    return _pa.table(data).to_batches()[0]


MAKERS: list[Any] = [pd.DataFrame, pl.DataFrame, _pa.table, batch]
BASE = {"a": [1, 2, 3], "b": ["x", "y", "z"], "c": [1.0, 2.0, NAN]}
TABLES: list[tuple[Any, str]] = [
    (BASE | {"a": [1, 5, 3]}, "cells differ: 'a' (1 of 3, by at most 3)"),
    (BASE | {"c": [1.0, NAN, NAN], "b": ["", "", "z"]}, "cells differ: 'b' (2 of 3), 'c' (1 of 3)"),
    (BASE | {"d": [1, 2, 3]}, "3x3 → 3x4; new columns: 'd'"),
    ({"b": BASE["b"], "c": BASE["c"]}, "3x3 → 3x2; without columns: 'a'"),
    ({"b": BASE["b"], "a": BASE["a"], "c": BASE["c"]}, "columns in another order"),
    (BASE | {"a": [1, 2, 3, 4], "b": [*"xyzz"], "c": [1.0, 2, NAN, 4]}, "3x3 → 4x3"),
    (
        BASE | {"a": [1, 2, 4, 4], "b": [*"xyzz"], "c": [1.0, 2, NAN, 4]},
        "3x3 → 4x3; of the first 3 rows, cells differ: 'a' (1 of 3, by at most 1)",
    ),
]


@pytest.mark.parametrize("make", MAKERS, ids=["pandas", "polars", "arrow", "batch"])
@pytest.mark.parametrize(("data", "text"), TABLES, ids=[text for _, text in TABLES])
def test_tables_are_described_alike_in_every_library(make: Any, data: Any, text: str) -> None:
    assert describe(make(BASE), make(data)) == text


@pytest.mark.parametrize("make", MAKERS, ids=["pandas", "polars", "arrow", "batch"])
def test_dtypes_that_changed_are_named(make: Any) -> None:
    text = describe(make({"a": [1, 2], "b": [1, 2]}), make({"a": [1.5, 2], "b": [1, 2]}))
    assert re.fullmatch(r"dtypes: 'a' [Ii]nt64 → ([Ff]loat64|double)", text)


@pytest.mark.parametrize("make", MAKERS, ids=["pandas", "polars", "arrow", "batch"])
def test_wide_tables_stay_one_line(make: Any) -> None:
    before = make({f"column\n{number}" * 50: [0] for number in range(500)})
    after = make({f"column\n{number}" * 50: [1] for number in range(500)})
    text = describe(before, after)
    assert text.endswith("and 494 more")
    assert len(text.splitlines()) == 1
    assert len(text) < 1500


def test_nested_values_and_nulls_are_counted() -> None:
    rows = {"l": [[1], [2]], "f": [None, 2.0], "s": [{"x": 1}, {"x": 2}]}
    others = {"l": [[1], [3]], "f": [1.0, None], "s": [{"x": 1}, {"x": 3}]}
    expected = "cells differ: 'l' (1 of 2), 'f' (2 of 2), 's' (1 of 2)"
    assert describe(pl.DataFrame(rows), pl.DataFrame(others)) == expected
    assert describe(_pa.table(rows), _pa.table(others)) == expected
    halves = [_pa.table({"h": _pa.array(each, _pa.float16())}) for each in (_np.zeros(2, "f2"), _np.ones(2, "f2"))]
    assert describe(*halves) == "cells differ: 'h' (2 of 2, by at most 1)"
    words = [_pa.table({"d": _pa.array(each).dictionary_encode()}) for each in (["a", "b"], ["b", "b"])]
    assert describe(*words) == "cells differ: 'd' (1 of 2)"
    assert describe(pl.Series("a", [1, 2]), pl.Series("a", [1, 4])) == "cells differ: 'a' (1 of 2, by at most 2)"


def union(texts: list[str], *, dense: bool) -> Any:
    """Return an Arrow array of a number and texts."""
    kinds = _pa.array([0, *([1] * len(texts))], _pa.int8())
    if dense:
        places = _pa.array([0, *range(len(texts))], _pa.int32())
        return _pa.UnionArray.from_dense(kinds, places, [_pa.array([7]), _pa.array(texts)])
    return _pa.UnionArray.from_sparse(kinds, [_pa.array([7] * (len(texts) + 1)), _pa.array(["", *texts])])


PARTS: dict[str, tuple[Any, Any]] = {
    "dense union": (union(["a", "b"], dense=True), union(["a", "c"], dense=True)),
    "sparse union": (union(["a", "b"], dense=False), union(["a", "c"], dense=False)),
    "struct": (_pa.array([{"x": 1}, {"x": 2}, {"x": 3}]), _pa.array([{"x": 1}, {"x": 2}, {"x": 4}])),
    "list": (_pa.array([[1], [2], [3]]), _pa.array([[1], [2], [4]])),
    "dictionary": (_pa.array([*"abc"]).dictionary_encode(), _pa.array([*"abd"]).dictionary_encode()),
}


@pytest.mark.parametrize("within", ["itself", "list", "struct"])
@pytest.mark.parametrize("kind", PARTS)
def test_dictionaries_of_values_that_have_parts_are_compared(kind: str, within: str) -> None:
    """Arrow neither unifies nor casts them."""
    indices = _pa.array([0, 2, 1, 2], _pa.int8())
    one, other = (_pa.DictionaryArray.from_arrays(indices, values) for values in PARTS[kind])
    if within == "list":
        one, other = (_pa.ListArray.from_arrays(_pa.array([0, 2, 4], _pa.int32()), each) for each in (one, other))
    elif within == "struct":
        one, other = (_pa.StructArray.from_arrays([each], ["x"]) for each in (one, other))
    whole, cut, empty = [one, one], [one.slice(0, 1), one.slice(1), one.slice(0, 0), one], one.slice(0, 0)
    tables = [_pa.table({"c": _pa.chunked_array(chunks)}) for chunks in (whole, cut, [empty, one, other], [one, one])]
    serializer: Any = get_serializer_by_type(_pa.Table)
    assert serializer.equal(tables[0], tables[1])
    assert serializer.equal(tables[1], tables[3])
    assert not serializer.equal(tables[1], tables[2])
    assert describe(tables[1], tables[2]) == f"cells differ: 'c' (2 of {2 * len(one)})"


def test_what_pandas_has_beside_cells() -> None:
    frame = pd.DataFrame({"a": [1, 2]})
    assert describe(frame, frame.set_axis(["x", "y"])) == "another index"
    assert describe(frame, pd.concat([frame, frame])) == "2x1 → 4x1; another index"
    assert (
        describe(frame, frame.rename_axis(columns="z")) == "alike in shape, dtypes and cells, not in labels or metadata"
    )
    twice = [pd.DataFrame([[1, 2]], columns=["a", "a"]), pd.DataFrame([[1, 3]], columns=["a", "a"])]
    assert describe(*twice) == "cells differ: 'a' (1 of 1, by at most 1)"
    nullable = [pd.DataFrame({"a": pd.array(each, dtype="Int64")}) for each in ([1, None, 3], [None, None, 7])]
    assert describe(*nullable) == "cells differ: 'a' (2 of 3, by at most 4)"
    kinds = [pd.DataFrame({"a": pd.Categorical(each)}) for each in (["a", "b"], ["a", "c"])]
    assert describe(*kinds) == "dtypes: 'a' category → another category"
    assert describe(pd.Series([1, 2], name="a"), pd.Series([1, 3], name="b")) == (
        "cells differ: 'values' (1 of 2, by at most 1); name: 'a' → 'b'"
    )


@given(st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, 2.5, NAN])] * 2), min_size=1, max_size=12))
def test_elements_are_counted_as_python_counts_them(pairs: list[tuple[float, float]]) -> None:
    one, other = (_np.array([pair[place] for pair in pairs]) for place in (0, 1))
    different = [pair for pair in pairs if pair[0] != pair[1] and not all(map(math.isnan, pair))]
    most = max((abs(mine - theirs) for mine, theirs in different if not math.isnan(mine + theirs)), default=None)
    by = "" if most is None else f", by at most {most:g}"
    assert describe(one, other) == f"elements differ ({len(different)} of {len(pairs)}{by})"
    arrow = [_pa.table({"a": each}) for each in (one, other)]
    found = f"cells differ: 'a' ({len(different)} of {len(pairs)}{by})" if different else "alike in shape"
    assert describe(*arrow).startswith(found)


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_of_every_kind_are_counted(name: str) -> None:
    before: Any = pd.DataFrame({"x": COLUMNS[name]})
    after = before.iloc[::-1].reset_index(drop=True)
    if not get_serializer_by_type(pd.DataFrame).equal(before, after):
        assert re.fullmatch(r"cells differ: 'x' \([1-9]\d* of \d+(, by at most .+)?\)", describe(before, after))


@pytest.mark.parametrize("name", INDEXES)
def test_an_index_of_every_kind_is_told_from_another_one(name: str) -> None:
    index = INDEXES[name]
    before: Any = pd.DataFrame({"x": range(len(index))}, index=index)
    assert describe(before, before.reset_index(drop=True).rename_axis("other")) == "another index"


def test_models_differ_in_their_summaries_features_and_trees() -> None:
    before = ComparedModel({"objective": "binary", "trees": 3}, ["a", "b"], [b"1", b"2", b"3"])
    after = ComparedModel({"objective": "binary", "trees": 2}, ["b", "c"], [b"1", b"4"])
    assert model_changes(before, after) == [
        "trees 3 → 2",
        "new features: 'c'",
        "without features: 'a'",
        "1 of the first 2 trees differ, from tree 1 on",
    ]
    assert model_changes(before, before) == []
    assert model_changes(before, after, lambda _one, _other: True)[1:] == ["new features: 'c'", "without features: 'a'"]


def test_values_differ_by_name() -> None:
    assert value_changes("params", {"depth": 2, "same": 1, "b": 1}, {"depth": 5, "same": 1, "a": 2}) == [
        "params: a None → 2, b 1 → None, depth 2 → 5"
    ]
    assert value_changes("params", {"depth": 2}, {"depth": 2}) == []
