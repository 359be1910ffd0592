"""What changed between two models: nothing where they are equal, and where what is, otherwise."""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import ArtifactMapping, ArtifactModel, ArtifactSequence, Lazy, ModelDiff, artifact_field, diff
from artigraph.errors import SerializationError
from artigraph.serializer.file import File
from artigraph.serializer.pandas import dataframe_serializer
from artigraph.storage import MemoryStorage
from artigraph.testing.strategies import plain_values

_np: Any = np
_pa: Any = pa


class Point(NamedTuple):
    x: Any
    y: Any = 0


@dataclass(frozen=True)
class Plain:
    x: Any
    note: str = field(default="", compare=False)


@dataclass
class Model(ArtifactModel, name="difference.Model"):
    value: Any
    nested: Model | None = None
    by_name: ArtifactMapping[str, Any] = field(default_factory=ArtifactMapping[str, Any])
    note: str = field(default="", compare=False)


@dataclass
class Other(ArtifactModel, name="difference.Other", version=3):
    value: Any
    new: int = 0


@dataclass
class Base(ArtifactModel, name="difference.Base"):
    value: Any


@dataclass
class Derived(Base, name="difference.Derived"):
    new: int = 0


@dataclass(eq=False)
class Alike(ArtifactModel, name="difference.Alike"):
    """Equal by a rule of its own: by how long a name is."""

    name: str
    seen: int = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alike) and len(self.name) == len(other.name) and self.name != "never"

    __hash__ = None  # type: ignore[assignment]


@dataclass
class Later(ArtifactModel, name="difference.Later"):
    data: Lazy[Any] | list[Lazy[Any]] | None = artifact_field(storage=MemoryStorage("difference"), default=None)


def told(found: ModelDiff) -> list[tuple[str, str]]:
    return [(change.kind, change.path) for change in found]


NAN = float("nan")


CASES: list[tuple[Any, Any, list[tuple[str, str]]]] = [
    (1, 1, []),
    (1, True, []),
    (NAN, float("nan"), []),
    (Decimal("NaN"), Decimal("NaN"), []),
    (1, 2, [("changed", "value")]),
    (1, None, [("changed", "value")]),
    (1, "1", [("changed", "value")]),
    ([1, 2], (1, 2), [("changed", "value")]),
    ([1, 2], ArtifactSequence([1, 2]), []),
    ([1, 2, 3], [1, 5, 3], [("changed", "value[1]")]),
    ([1, 2, 3], [1, 2, 3, 4], [("added", "value[3]")]),
    ([1, 2, 3], [0, 1, 2, 3], [("added", "value[0]")]),
    ([1, 2, 3], [1, 3], [("removed", "value[1]")]),
    ([1, 1, 1], [1], [("removed", "value[1]"), ("removed", "value[2]")]),
    ([1, 2, 3, 9], [1, 4, 9], [("changed", "value[1]"), ("removed", "value[2]")]),
    ([], [[]], [("added", "value[0]")]),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
    ({"a": 1, 5: 2}, {"a": 1, "5": 2}, [("removed", "value[5]"), ("added", "value['5']")]),
    ({NAN: 1}, {float("nan"): 1}, []),
    ({NAN: 1}, {float("nan"): 2}, [("changed", "value[nan]")]),
    ({"a": 1}, ArtifactMapping(a=2), [("changed", "value['a']")]),
    ({1, 2}, {2, 3}, [("changed", "value")]),
    ({NAN}, {float("nan")}, []),
    (Point(1, 2), Point(1, 3), [("changed", "value.y")]),
    (Plain([1]), Plain([2]), [("changed", "value.x[0]")]),
    (Plain(1, "a"), Plain(1, "b"), []),
    (Plain(1), Point(1), [("changed", "value")]),
    (Model(1), Model(2), [("changed", "value.value")]),
    (Model(1, note="a"), Model(1, note="b"), []),
    (Model(1), None, [("changed", "value")]),
    (Base(1), Derived(1), [("class", "value"), ("added", "value.new")]),
    (Alike("abc", 1), Alike("xyz", 2), []),
    (Alike("abc", 1), Alike("ab", 1), [("changed", "value.name")]),
    (Alike("never", 1), Alike("never", 1), [("changed", "value")]),
    (_np.array([1, 2]), _np.array([1, 2]), []),
    (_np.array([1, 2]), _np.array([1.0, 2]), [("changed", "value")]),
    (pd.DataFrame({"a": [1, NAN]}), pd.DataFrame({"a": [1, NAN]}), []),
    (pd.DataFrame({"a": [1, NAN]}), pd.DataFrame({"a": [1, 2.0]}), [("changed", "value")]),
]


@pytest.mark.parametrize(("before", "after", "expected"), CASES, ids=repr)
def test_each_kind_of_value(before: Any, after: Any, expected: list[tuple[str, str]]) -> None:
    found = diff(Model(before), Model(after))
    assert told(found) == expected
    assert bool(found) == found.changed == (Model(before) != Model(after)) == bool(expected)
    assert len(found) == len(expected)
    mirrored = {"added": "removed", "removed": "added"}
    back = [(mirrored.get(kind, kind), path) for kind, path in told(diff(Model(after), Model(before)))]
    assert sorted(back) == sorted(expected)


def test_where_it_is_and_what_it_was() -> None:
    before = Model(1, Model(2, by_name=ArtifactMapping(a=Other(3), b=[Other(4)])))
    after = Model(1, Model(2, by_name=ArtifactMapping({"a": Other(5), "b": [Other(4), Other(6)], "c'": None})))
    found = diff(before, after)
    assert [(change.path, change.before, change.after) for change in found] == [
        ("nested.by_name['a'].value", 3, 5),
        ("nested.by_name['b'][1]", None, Other(6)),
        ('nested.by_name["c\'"]', None, None),
    ]
    assert (found.before, found.after) == ("Model", "Model")
    assert eval("after." + found.changes[0].path) == 5
    assert found.render().splitlines() == [
        "Model: 3 changes",
        "  ~ nested.by_name['a'].value: 3 → 5",
        "  + nested.by_name['b'][1]: Other(value=6, new=0)",
        '  + nested.by_name["c\'"]: None',
    ]
    assert str(found) == found.render()
    assert repr(found) == "<ModelDiff of Model: 3 changes>"
    assert repr(found.changes[0]) == "<Change ~ nested.by_name['a'].value: 3 → 5>"
    assert repr(diff(before, before)) == "<ModelDiff of Model: no changes>"


def test_models_of_different_classes_are_compared_by_their_fields() -> None:
    found = diff(Model(1), Other(2))
    assert told(found) == [
        ("class", ""),
        ("changed", "value"),
        ("removed", "nested"),
        ("removed", "by_name"),
        ("added", "new"),
    ]
    assert found.changes[0].summary == "Model (version 1) → Other (version 3)"
    assert found.render().startswith("Model → Other: 5 changes\n  ~ (itself): Model (version 1) → ")

    def again(version: int) -> Callable[[int], ArtifactModel]:
        @dataclass
        class Again(ArtifactModel, name="difference.Again", version=version):
            x: int

        return Again

    first, second, third = again(1), again(2), again(2)
    assert "Again (version 1) → test_" in diff(first(1), second(1)).changes[0].summary
    assert diff(second(1), third(1)).changes[0].summary.endswith("→ another class of this name")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("a" * 500, "a" * 400 + "b" + "a" * 100, "500 → 501 characters, which differ from place 400 on"),
        (b"a" * 500, b"a" * 501, "500 → 501 bytes, which differ from place 500 on"),
        (1, "1", "1 → '1'"),
        (None, _np.zeros((2, 3)), "None → <ndarray 2x3 float64>"),
        ({1, 2}, {2, 3, 4}, "2 → 3 items, without {1} and with {3, 4}"),
        ({1, 2}, {2}, "2 → 1 items, without {1}"),
        (10**5000, 10**5001, "<int of 16610 bits> → <int of 16613 bits>"),
        (Point(1), [1], "Point"),
        (_np.zeros((2, 3)), _np.ones((2, 3)), "elements differ (6 of 6, by at most 1)"),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1, 2]}), "1x1 → 2x1"),
        (Decimal("sNaN"), Decimal("NaN"), "Decimal('sNaN') → Decimal('NaN')"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else type(value).__name__,
)
def test_the_summary_of_a_change(before: Any, after: Any, words: str) -> None:
    [change] = diff(Model(before), Model(after))
    assert words in change.summary
    assert len(change.summary) < 300


def test_values_that_look_alike_are_told_apart_by_their_type() -> None:
    class Text(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            return False

        __hash__ = None  # type: ignore[assignment]

    [change] = diff(Model("a"), Model(Text("a")))
    assert change.summary.startswith("'a', str → ")


FEW: st.SearchStrategy[Any] = st.sampled_from([0, 1, True, NAN, "a", None, ()])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(FEW, plain_values()),
    lambda part: st.one_of(
        st.lists(part, max_size=4),
        st.dictionaries(st.sampled_from(["a", "b", "c"]), part, max_size=3),
        st.builds(Other, part, st.just(0)),
        st.builds(Point, part, st.just(0)),
        st.builds(ArtifactSequence[Any], st.lists(part, max_size=3)),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(VALUES, VALUES)
def test_there_is_no_change_where_models_are_equal_and_one_where_they_are_not(value: Any, other_value: Any) -> None:
    one, other = Model(value), Model(other_value)
    found = diff(one, other)
    assert bool(found) == found.changed == (one != other)
    assert len(found.render()) < 20_000
    copied = copy.deepcopy(one)  # which Python gets wrong of some paths
    assert bool(diff(one, copied)) == (one != copied)
    back = diff(other, one)
    assert paths_but_for_payloads(back) == paths_but_for_payloads(found)


def paths_but_for_payloads(found: ModelDiff) -> list[str]:
    """Return the sorted paths, whatever a NaN among the keys carries: all are one key, and the path shows the first."""
    return sorted(re.sub(r"-?NaN\d*", "NaN", change.path) for change in found)


def test_depth_is_no_limit() -> None:
    def deep(value: int, depth: int) -> Model:
        model = Model(value)
        for number in range(depth):
            model = Model([model] if number % 2 else {"a": model})
        return model

    depth = 5 * sys.getrecursionlimit()
    [change] = diff(deep(1, depth), deep(2, depth))
    assert (change.before, change.after) == (1, 2)
    assert change.path.count("value") == depth + 1
    assert len(str(change)) < 300
    assert len(diff(deep(1, depth), deep(2, depth)).render()) < 400
    assert not diff(deep(1, depth), deep(1, depth))


def test_it_ends_on_values_that_contain_themselves() -> None:
    def looped(value: int) -> Model:
        model = Model([])
        model.value += [model, value]
        return model

    assert told(diff(looped(1), looped(2))) == [("changed", "value[1]")]
    assert not diff(looped(1), looped(1))
    shared = [1], [2]
    assert told(diff(Model([shared[0]] * 3), Model([shared[1]] * 3))) == [("changed", "value[0][0]")]


def test_what_is_long_is_shown_in_part() -> None:
    found = diff(Model(list(range(2000))), Model(list(range(1, 2001))))
    assert len(found) == 2000
    lines = found.render().splitlines()
    assert len(lines) == 52
    assert lines[-1] == "  and 1,950 more"
    assert found.render(most=2).count("\n") == 3
    html = found._repr_html_()
    assert html.count("<tr>") == 52
    assert "and 1,950 more" in html


def test_html_is_escaped() -> None:
    found = diff(Model({}), Model({"<script>alert(1)</script>": "<b>"}))
    html = found._repr_html_()
    assert "<script>" not in html
    assert "<b>&" not in html
    assert html.count("<b>") == 1  # the title
    assert "&lt;script&gt;" in html
    assert diff(Model(1), Model(1))._repr_html_().endswith("<div><b>Model: no changes</b></div></div>")


def test_names_in_the_types_of_columns_are_printable() -> None:
    name = "x\x1b[2K\u202e"
    before, after = (_pa.table({"a": _pa.array([], _pa.struct([(name, kind)]))}) for kind in (_pa.int8(), _pa.int64()))
    found = diff(Model(before), Model(after))
    assert found
    frames: list[Any] = [
        pd.DataFrame({"a": table["a"].to_pandas(types_mapper=pd.ArrowDtype)}) for table in (before, after)
    ]
    series = [frame["a"] for frame in frames]
    for text in (found.render(), diff(Model(frames[0]), Model(frames[1])).render(), repr(Model(series[0]))):
        assert "\\x1b" in text
        assert "\x1b" not in text
        assert "\u202e" not in text


# What is not loaded -------------------------------------------------------------------------------------------------


async def test_lazy_values_are_compared_by_what_is_stored(engine: AsyncEngine) -> None:
    frame, longer = pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1, 2]})
    first = await Later.load(await Later(Lazy(frame)).save("x"))
    same = await Later.load(await Later(Lazy(frame)).save("x"))
    other = await Later.load(await Later(Lazy(longer)).save("x"))
    assert not diff(first, same)
    assert not diff(first, Later(Lazy(frame)))
    assert not diff(Later(Lazy(frame)), first)
    for before, after in ((first, other), (first, Later(Lazy(longer))), (Later(Lazy(longer)), first)):
        found = diff(before, after)
        assert told(found) == [("changed", "data")]
        assert found.changed
        assert "not loaded" in found.changes[0].summary
        assert dataframe_serializer.name in found.changes[0].summary
    assert told(diff(Later(Lazy(frame)), Later(Lazy(longer)))) == [("changed", "data")]
    assert told(diff(Later(Lazy([1])), Later(Lazy([2])))) == [("changed", "data[0]")]
    assert told(diff(first, Later())) == [("changed", "data")]
    with pytest.raises(SerializationError):
        diff(first, Later(Lazy(pd.DataFrame({"a": [object()]}))))


async def test_what_cannot_be_told_is_unknown(engine: AsyncEngine) -> None:
    by_pandas = await Later.load(await Later(Lazy(pd.DataFrame({"a": [1]}))).save("x"))
    by_json = await Later.load(await Later(Lazy([1])).save("x"))
    found = diff(by_pandas, by_json)
    assert told(found) == [("unknown", "data")]
    assert found
    assert not found.changed
    assert found.render().splitlines()[1] == "  ? data: not loaded"


async def test_streams_that_are_not_loaded_are_unknown_beside_one_that_is(engine: AsyncEngine) -> None:
    pyarrow: Any = pa
    table = pyarrow.table({"a": [1, 2]})
    stored = await Later.load(await Later(Lazy(table.to_reader())).save("x"))
    assert told(diff(stored, Later(Lazy(table.to_reader())))) == [("unknown", "data")]
    handle = stored.data
    assert isinstance(handle, Lazy)
    found = diff(Later([handle]), Later([Lazy(table.to_reader()), handle]))  # which of the two is new cannot be told
    assert told(found) == [("added", "data[0]")]


async def test_a_stored_file_is_compared_with_one_on_disk(engine: AsyncEngine, tmp_path: Any) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    stored = await Later.load(await Later(Lazy(File(path))).save("x"))
    for after, expected in ((b"x", []), (b"y", [("changed", "data")]), (b"xx", [("changed", "data")])):
        path.write_bytes(after)
        assert told(diff(stored, Later(Lazy(File(path))))) == expected
        assert (stored == Later(Lazy(File(path)))) == (not expected)
    path.unlink()
    assert stored != Later(Lazy(File(path)))


async def test_fields_that_were_not_loaded_are_unknown(engine: AsyncEngine) -> None:
    one, other = await Model(1, Model(2)).save("x"), await Model(2, Model(2)).save("x")
    whole = await Model.load(one)
    part, part_of_other = await Model.load(one, fields=["value"]), await Model.load(other, fields=["value"])
    assert told(diff(whole, part)) == [("unknown", "nested"), ("unknown", "by_name")]
    assert not diff(whole, part).changed
    found = diff(part, part_of_other)
    assert told(found) == [("changed", "value"), ("unknown", "nested"), ("unknown", "by_name")]
    assert found.changed
    assert found.before == "Model"
    assert ("added", "new") in told(diff(part, Other(1)))
    assert ("removed", "nested") in told(diff(part, Other(1)))


@pytest.mark.parametrize("pair", [(Model(1), 5), (Model, Model(1)), (None, Model(1))], ids=["5", "class", "None"])
def test_only_models_are_compared(pair: tuple[Any, Any]) -> None:
    with pytest.raises(TypeError, match="compares two models"):
        diff(*pair)
