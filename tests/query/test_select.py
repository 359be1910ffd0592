"""Selected artifacts, compared with a filter in Python over all of them. integration/test_query.py runs on servers."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import (
    ArtifactModel,
    Lazy,
    Node,
    Run,
    RunManager,
    ancestors,
    columns,
    delete,
    load_many,
    save_many,
    select,
)
from artigraph.errors import MultipleNodesFoundError, NodeNotFoundError, QueryError
from artigraph.query import Condition
from artigraph.query._sql import ask_all
from tests.support.comparisons import LONG, NAN, OPERATORS, VALUES, Color, Inner, Outer, in_python, in_sql


@dataclass
class Derived(Outer, name="QueryDerived"):
    more: int = 0


ASKED = [value for value in VALUES if value is not None and not isinstance(value, (list, tuple, dict, set))]


async def test_comparisons_answer_as_python_does(engine: AsyncEngine) -> None:
    ids = await save_many([("x", Outer(value)) for value in VALUES])
    c = columns(Outer)
    stored = dict(zip(ids, VALUES, strict=True))
    for asked in ASKED:
        for how in OPERATORS:
            if isinstance(asked, Color) and how not in ("==", "!="):
                continue
            expected = [node_id for node_id, value in stored.items() if in_python(how, value, asked)]
            condition = in_sql(how, c.value, asked)
            assert await select(Outer).where(condition).ids() == expected, (how, asked)
            others = [node_id for node_id in ids if node_id not in expected]
            assert await select(Outer).where(~condition).ids() == others, (how, asked)
            assert await select(Outer).where(condition).count() == len(expected)


async def test_texts_are_found_by_beginning_and_content(engine: AsyncEngine) -> None:
    ids = await save_many([("x", Outer(value)) for value in VALUES])
    stored = dict(zip(ids, VALUES, strict=True))
    c = columns(Outer)
    texts: list[Any] = [value for value in VALUES if isinstance(value, (str, bytes))]
    asked: Any
    for asked in [*texts, "é" * 50, "x" * 253, "é\0", b"x" * 254, "a" * 300]:
        alike = {node_id: value for node_id, value in stored.items() if type(value) is type(asked)}
        begins = [node_id for node_id, value in alike.items() if value.startswith(asked)]
        holds = [node_id for node_id, value in alike.items() if asked in value]
        assert await select(Outer).where(c.value.startswith(asked)).ids() == begins, asked
        assert await select(Outer).where(c.value.contains(asked)).ids() == holds, asked
        assert set(await select(Outer).where(~c.value.contains(asked)).ids()) == set(ids) - set(holds), asked
        assert set(await select(Outer).where(~c.value.startswith(asked)).ids()) == set(ids) - set(begins), asked


async def test_none_is_asked_for_by_name(engine: AsyncEngine) -> None:
    ids = await save_many([("x", Outer(value)) for value in (None, 0, NAN, Inner(None))])
    c = columns(Outer)
    assert await select(Outer).where(c.value.is_(None)).ids() == ids[:1]
    assert await select(Outer).where(c.value.is_not(None)).ids() == ids[1:]
    assert await select(Outer).where(~c.value.is_not(None)).ids() == ids[:1]
    assert await select(Outer).where(c.inner.is_(None)).count() == 4


async def test_one_of_several_values(engine: AsyncEngine) -> None:
    ids = await save_many([("x", Outer(value)) for value in (1, "a", None, LONG + "a", LONG + "b")])
    c = columns(Outer)
    assert await select(Outer).where(c.value.in_([1.0, "a", LONG + "b", NAN])).ids() == [ids[0], ids[1], ids[4]]
    assert await select(Outer).where(~c.value.in_([1.0, "a", LONG + "b"])).ids() == [ids[2], ids[3]]
    assert await select(Outer).where(c.value.in_([])).ids() == []
    assert await select(Outer).where(~c.value.in_([])).ids() == ids


async def test_fields_of_models_in_models(engine: AsyncEngine) -> None:
    models = [
        Outer(1),
        Outer(1, inner=Inner(1)),
        Outer(1, inner=Inner("a", Inner(2))),
        Outer(1, inner=Inner(None, Inner(LONG + "a", Inner(3)))),
        Outer(Inner(1)),
    ]
    ids = await save_many([("x", model) for model in models])
    c = columns(Outer)
    assert await select(Outer).where(c.inner.x == 1).ids() == [ids[1]]
    assert await select(Outer).where(c.inner.x != 1).ids() == [ids[0], *ids[2:]]
    assert await select(Outer).where(c.inner.deeper.x == 2).ids() == [ids[2]]
    assert await select(Outer).where(c.inner.deeper.x == LONG + "a").ids() == [ids[3]]
    assert await select(Outer).where(c.inner.deeper.x == LONG + "b").ids() == []
    assert await select(Outer).where(c.inner.deeper.x != LONG + "b").ids() == ids
    assert await select(Outer).where(c.inner.deeper.deeper.x > 2, c.inner.x.is_(None)).ids() == [ids[3]]
    assert await select(Outer).where(c.inner.deeper.is_(None)).ids() == [ids[1]]
    assert await select(Inner).ids() == []


COMPARISONS: st.SearchStrategy[Any] = st.tuples(
    st.sampled_from(["value", "number"]),
    st.sampled_from(list(OPERATORS)),
    st.sampled_from([0, 1, 1.5, NAN, LONG, LONG + "a", "a", Decimal("0.1")]),
)
CONDITIONS: st.SearchStrategy[Any] = st.recursive(
    COMPARISONS,
    lambda part: st.one_of(st.tuples(st.sampled_from(["and", "or"]), part, part), st.tuples(st.just("not"), part)),
    max_leaves=6,
)


def both(tree: Any, c: Any) -> tuple[Any, Callable[[Outer], bool]]:
    """Return a tree of conditions as a condition for the database, and as a function in Python."""
    match tree:
        case ("not", part):
            asked, holds = both(part, c)
            return ~asked, lambda model: not holds(model)
        case (("and" | "or") as how, one, other):
            (asked, holds), (asked_2, holds_2) = both(one, c), both(other, c)
            if how == "and":
                return asked & asked_2, lambda model: holds(model) and holds_2(model)
            return asked | asked_2, lambda model: holds(model) or holds_2(model)
        case _:
            name, how, value = tree
            if name == "number" and isinstance(value, str):
                value = 2
            return in_sql(how, c[name], value), lambda model: in_python(how, getattr(model, name), value)


async def test_conditions_combine_as_python_does(engine: AsyncEngine) -> None:
    models = [
        Outer(value, number)
        for value in (None, 0, 1, 2, NAN, LONG, LONG + "a", LONG + "b", "a", Decimal("0.1"), [1])
        for number in (None, 0.0, 1.5, NAN)
    ]
    ids = await save_many([("x", model) for model in models])
    trees: list[Any] = []

    @settings(max_examples=60, derandomize=True, database=None)
    @given(CONDITIONS)
    def collect(tree: Any) -> None:
        trees.append(tree)

    collect()
    for tree in trees:
        asked, holds = both(tree, columns(Outer))
        expected = [node_id for node_id, model in zip(ids, models, strict=True) if holds(model)]
        assert await select(Outer).where(asked).ids() == expected, tree
        assert await select(Outer).where(asked).offset(2).limit(3).ids() == expected[2:5], tree


async def test_results_come_in_order_and_in_parts(engine: AsyncEngine) -> None:
    values = [3, None, "b", 1, "a", 2.5, 1, NAN]
    ids = await save_many([("x", Outer(value, number)) for number, value in enumerate(values)])
    by_value = [ids[place] for place in (1, 7, 3, 6, 5, 0, 4, 2)]
    c = columns(Outer)
    assert await select(Outer).order_by(c.value).ids() == by_value
    down = await select(Outer).order_by(c.value.desc()).ids()
    assert down == [ids[place] for place in (2, 4, 0, 5, 3, 6, 7, 1)]
    assert await select(Outer).order_by(c.value.asc(), c.number.desc()).ids() == [
        ids[place] for place in (1, 7, 6, 3, 5, 0, 4, 2)
    ]
    for offset in range(10):
        assert await select(Outer).order_by(c.value).offset(offset).ids() == by_value[offset:]
        assert await select(Outer).order_by(c.value).limit(offset).ids() == by_value[:offset]
        assert await select(Outer).order_by(c.value).limit(3).offset(offset).ids() == by_value[offset : offset + 3]
        assert await select(Outer).limit(3).offset(offset).count() == len(ids[offset : offset + 3])
    long = await save_many([("x", Outer(LONG + letter)) for letter in "cab"])
    assert await select(Outer).where(c.value >= LONG + "b").order_by(c.number.desc()).limit(1).ids() == long[:1]
    assert await select(Outer).where(c.value.contains(LONG + "b")).ids() == long[2:]


async def test_runs_labels_times_and_classes(engine: AsyncEngine) -> None:
    loose = await Outer(1).save("a")
    async with RunManager(Run()) as outer:
        first = await outer.save_artifact("a", Outer(2))
        second = await outer.save_artifact("A", Derived(3))
        async with RunManager(Run()), RunManager(Run()) as inner:
            third = await inner.save_artifact("b", Derived(4, more=5))
    assert await select(Outer).ids() == [loose, first, second, third]
    assert await select(Derived).ids() == [second, third]
    assert await select(ArtifactModel).count() == 4
    assert await select(Outer).labeled("a").ids() == [loose, first]
    assert await select(Outer).labeled("A", "b").ids() == [second, third]
    assert await select(Outer).labeled().ids() == []
    for run in (outer, outer.run, outer.run.node_id):
        assert await select(Outer).in_run(run).ids() == [first, second]
        assert await select(Outer).in_run(run, descendants=True).ids() == [first, second, third]
    assert await select(Outer).in_run(inner).count() == 1
    assert await select(Outer).where(columns(Outer).value > 1).in_run(outer, descendants=True).count() == 3
    assert await select(Outer).where(columns(Derived).more == 5).all() == [Derived(4, more=5)]
    now = datetime.now(UTC)
    assert await select(Outer).saved(before=now - timedelta(hours=1)).count() == 0
    assert await select(Outer).saved(since=now - timedelta(hours=1), before=now + timedelta(seconds=1)).count() == 4
    of_one_label = select(Derived).labeled("b")
    hour = timedelta(hours=1)
    assert await of_one_label.saved(since=now - hour, before=now + hour).ids() == [third]
    assert await of_one_label.saved(since=now - hour).limit(1).ids() == [third]
    assert await of_one_label.saved(before=now - hour).ids() == await of_one_label.saved(since=now + hour).ids() == []
    assert await select(Derived).saved(since=now - hour).limit(1).ids() == [second]


async def test_results_are_models_and_come_in_batches(engine: AsyncEngine) -> None:
    models = [Outer(number, inner=Inner(str(number))) for number in range(450)]
    ids = await save_many([("x", model) for model in models])
    asked = select(Outer).order_by(columns(Outer).value)
    assert await asked.all() == models
    seen: list[Outer] = []
    async for model in asked:
        if not seen:
            await delete(ids[440:])
        seen.append(model)
    assert seen == models[:440]
    assert await asked.first() == models[0]
    assert await asked.limit(0).first() is None
    assert await select(Derived).first() is None


async def test_the_only_one(engine: AsyncEngine) -> None:
    c = columns(Outer)
    await save_many([("x", Outer(value)) for value in (1, 2, 2)])
    assert await select(Outer).where(c.value == 1).one() == Outer(1)
    with pytest.raises(NodeNotFoundError, match="one Outer, found none"):
        await select(Outer).where(c.value == 3).one()
    with pytest.raises(MultipleNodesFoundError, match="one Outer, found several"):
        await select(Outer).where(c.value == 2).one()


async def test_long_values_of_lazy_fields_are_compared_as_values(engine: AsyncEngine) -> None:
    @dataclass
    class Later(ArtifactModel, name="QueryLater"):
        text: Lazy[str]

    ids = await save_many([("x", Later(Lazy(text))) for text in (LONG + "a", LONG + "b", "short")])
    c = columns(Later)
    assert await select(Later).where(c.text == LONG + "b").ids() == [ids[1]]
    assert await select(Later).where(c.text != LONG + "b").ids() == [ids[0], ids[2]]
    assert await select(Later).where(c.text.contains(LONG + "a")).ids() == [ids[0]]


async def test_what_older_versions_did_not_have_is_not_there(engine: AsyncEngine) -> None:
    @dataclass
    class Early(ArtifactModel, name="QueryAged", version=1):
        x: int

    await Early(1).save("x")

    @dataclass
    class Late(ArtifactModel, name="QueryAged", version=2):
        x: int
        y: int | None = None

    await Late(2, 2).save("x")
    c = columns(Late)
    assert await select(Late).where(c.y == 2).all() == [Late(2, 2)]
    assert await select(Late).where(c.y.is_(None)).all() == []
    assert await select(Late).where(c.y != 2).all() == [Late(1)]
    assert await select(Late).order_by(c.y).all() == [Late(1), Late(2, 2)]


async def test_what_the_database_decides_it_decides_of_long_values_too(engine: AsyncEngine) -> None:
    @dataclass
    class Early(ArtifactModel, name="QueryDecided", version=1):
        text: str

    short, long = await save_many([("x", Early(text)) for text in ("s", LONG)])

    @dataclass
    class Late(ArtifactModel, name="QueryDecided", version=2):
        text: str
        lang: str = "en"

    late = await Late(LONG).save("x")
    c = columns(Late)
    for text, found in (("s", [short]), (LONG, [long])):
        assert await select(Late).where(c.text == text, c.lang != "en").ids() == found
        assert await select(Late).where((c.text == text) & ~(c.lang == "en")).ids() == found
        in_english = await select(Late).where(c.text.in_([text + "?"]) | (c.lang == "en")).ids()
        assert in_english == [late]
    assert await select(Late).where(c.text == LONG, c.lang == "en").ids() == [late]

    @dataclass
    class Text(ArtifactModel, name="QueryText"):
        text: str

    @dataclass
    class One(Text, name="QueryTextOne"):
        n: int = 1

    @dataclass
    class Other(Text, name="QueryTextOther"):
        n: int = 1

    ids = await save_many([("x", Other("s")), ("x", Other(LONG)), ("x", One(LONG)), ("x", One(LONG, 2))])
    one = columns(One)
    assert await select(Text).where(columns(Text).text == "s", one.n != 1).ids() == [ids[0]]
    assert await select(Text).where(columns(Text).text == LONG, one.n != 1).ids() == [ids[1], ids[3]]
    assert await select(Text).where(columns(Text).text == LONG, one.n == 1).ids() == [ids[2]]


async def test_a_field_of_a_model_in_a_class_is_asked_of_that_class(engine: AsyncEngine) -> None:
    @dataclass
    class More(Outer, name="QueryMore"):
        pass

    ids = await save_many([("x", cls(1, inner=Inner(1))) for cls in (Outer, Derived, More)])
    for cls, found in ((Outer, ids), (Derived, ids[1:2]), (More, ids[2:])):
        x = columns(cls).inner.x
        assert await select(Outer).where(x == 1).ids() == found
        assert await select(Outer).where(x.in_([1, 2])).ids() == found
        assert await select(Outer).where((x == 1) | (x == 3)).ids() == found
        assert await select(Outer).where(~(x == 1)).ids() == [node_id for node_id in ids if node_id not in found]
        ordered = await select(Outer).order_by(x).ids()
        assert ordered == [*(node_id for node_id in ids if node_id not in found), *found]


async def test_many_values_are_asked_for_at_once(engine: AsyncEngine) -> None:
    values: list[Any] = [*range(5), LONG, LONG + "a", NAN]
    ids = await save_many([("x", Outer(value)) for value in values])
    c = columns(Outer)
    many: list[Any] = [*range(2, 20_000), NAN, Decimal("NaN"), None]
    assert await select(Outer).where(c.value.in_(many[:-1])).ids() == ids[2:5]
    assert await select(Outer).where(~c.value.in_(many[:-1])).ids() == [*ids[:2], *ids[5:]]
    assert await select(Outer).where(c.value.in_([*range(1000), LONG])).ids() == ids[:6]
    assert await select(Outer).where(~c.value.in_([*range(1000), LONG]) & ~(c.value == 7)).ids() == ids[6:]
    assert await select(Outer).where(c.value.in_([NAN]) | c.value.in_([])).ids() == []
    assert await select(Outer).where(~c.value.in_([])).ids() == ids
    with pytest.raises(QueryError, match=r"value\.is_\(None\)"):
        c.value.in_(many)
    with pytest.raises(QueryError, match="at most 30,000 values, and these are 30,001"):
        c.value.in_(range(30_001))
    either = every = c.value == 0
    for value in range(1, 300):
        either, every = either | (c.value == value), every & (c.value != value)
    assert await select(Outer).where(either).ids() == ids[:5]
    assert await select(Outer).where(every).ids() == ids[:1]
    runs: Any = columns(Run)
    async with RunManager(Run()) as manager:
        pass
    some = [manager.run.node_id, *ids]
    assert await select(Run).where(runs.node_id.in_(some)).ids() == some[:1]
    assert await select(Run).where(~runs.status.in_(["failed", "running"])).ids() == some[:1]
    assert await select(Run).where(~runs.error_type.in_(["LookupError"])).ids() == some[:1]


async def test_each_step_narrows_the_question(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as outer:
        await outer.save_artifacts({"a": Outer(1), "b": Outer(2)})
        async with RunManager(Run()) as inner:
            await inner.save_artifact("a", Outer(3))
    now = datetime.now(UTC)
    later, day = now + timedelta(minutes=1), timedelta(days=1)
    asked = select(Outer)
    assert await asked.labeled("a", "b").labeled("b", "c").all() == [Outer(2)]
    assert await asked.labeled("a").labeled("b").all() == []
    assert await asked.saved(since=later).saved(before=now + day).all() == []
    assert await asked.saved(before=now - day).saved(before=later).all() == []
    assert await asked.saved(since=now - day).saved(since=now - 2 * day, before=later).count() == 3
    assert await asked.in_run(outer, descendants=True).in_run(inner).all() == [Outer(3)]
    assert await asked.in_run(outer).in_run(inner).all() == []


def _compares(compare: Callable[[Any, Any], Any], value: object, other: object) -> bool:
    # NumPy's bool overflows beside an int that is larger than its own.
    plain: list[Any] = [bool(each) if type(each) is np.bool_ else each for each in (value, other)]
    try:
        return bool(compare(*plain))
    except TypeError:
        return False


async def test_numbers_of_numpy_compare_as_numbers(engine: AsyncEngine) -> None:
    values: list[Any] = [
        *(np.float64(0.9), np.float64("nan"), np.float64("-inf"), np.int64(-3), np.uint64(2**64 - 1), np.int8(1)),
        *(np.bool_(True), np.bool_(False), np.str_("a"), np.str_("b" * 300), np.bytes_(b"a")),
        *(0.9, 1, np.float32(0.5)),
    ]
    ids = await save_many([("x", Outer(value)) for value in values])
    c = columns(Outer)
    numbers = (
        0.9,
        np.float64(0.9),
        1,
        np.int32(1),
        -3,
        2**64 - 1,
        float("-inf"),
        np.float64("nan"),
        True,
        np.bool_(True),
    )
    for asked in (*numbers, "a", np.str_("a"), "b" * 300, "b" * 299, b"a", np.bytes_(b"a")):
        for how, compare in OPERATORS.items():
            expected = [_compares(compare, value, asked) for value in values[:-1]]
            found = await select(Outer).where(in_sql(how, c.value, asked)).ids()
            assert [node_id in found for node_id in ids[:-1]] == expected, (how, asked)
    assert await select(Outer).where(c.value > 0.4).count() == 6  # not float32, which has no key
    assert await select(Outer).where(c.number.in_(np.arange(3))).count() == 0


async def test_fractions_compare_as_numbers(engine: AsyncEngine) -> None:
    third = Fraction(1, 3)
    values: list[Any] = [Fraction(2), Fraction(1, 2), third, -third, third + Fraction(1, 10**600), Fraction(10**400, 3)]
    values += [2, 2.0, Decimal(2), 0.5, Decimal("0.3333"), Decimal("0." + "3" * 700), 1 / 3, True, 10**400, "2", None]
    ids = await save_many([("x", Outer(value)) for value in values])
    c = columns(Outer)
    for asked in (*values[:-2], Fraction(1, 7)):
        for how, compare in OPERATORS.items():
            expected = [_compares(compare, value, asked) for value in values]
            found = await select(Outer).where(in_sql(how, c.value, asked)).ids()
            assert [node_id in found for node_id in ids] == expected, (how, asked)
    assert await select(Outer).where(c.value.in_([2, third])).count() == 5
    first = await select(Outer).where(c.value >= Decimal("0.3")).order_by(c.value).limit(6).all()
    assert [model.value for model in first][:4] == sorted(values[:-2])[1:5]


async def test_durations_of_numpy_compare_as_durations(engine: AsyncEngine) -> None:
    duration: Any = np.timedelta64  # whose stubs take units as literals only
    units = ("W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as")
    spans = [duration(5, unit) for unit in units]
    others: list[Any] = [
        np.timedelta64(5000, "ns"),
        timedelta(microseconds=5),
        np.timedelta64(60, "M"),
        np.timedelta64(5),
    ]
    rest: list[Any] = [np.timedelta64("NaT", "us"), np.timedelta64("NaT"), 5, None]
    ids = await save_many([("x", Outer(value)) for value in (*spans, *others, *rest)])
    assert await load_many(Outer, ids) == [Outer(value) for value in (*spans, *others, *rest)]
    c = columns(Outer)
    small = {ids[units.index("us")], ids[11], ids[12]}  # five microseconds, in three units
    for asked in (np.timedelta64(5, "us"), np.timedelta64(5000, "ns"), timedelta(microseconds=5)):
        assert set(await select(Outer).where(c.value == asked).ids()) == small
        assert set(await select(Outer).where(c.value.in_([asked])).ids()) == small
        assert set(await select(Outer).where(c.value != asked).ids()) == set(ids) - small
        assert set(await select(Outer).where(c.value < asked).ids()) == set(ids[7:11])
        assert set(await select(Outer).where(c.value >= asked).ids()) == {*ids[:6], *small}
    assert await select(Outer).where(c.value == 5).ids() == [ids[-2]]
    assert await select(Outer).where(c.value == np.timedelta64(5, "Y")).ids() == [ids[13]]
    assert await select(Outer).where(c.value == np.timedelta64("NaT", "us")).ids() == []
    assert set(await select(Outer).where(c.value != np.timedelta64("NaT", "us")).ids()) == set(ids)
    ordered = await select(Outer).where(c.value >= np.timedelta64(5, "as")).order_by(c.value).ids()
    assert [ids.index(each) for each in ordered] == [10, 9, 8, 7, *sorted(map(ids.index, small)), 5, 4, 3, 2, 1, 0]
    with pytest.raises(QueryError, match="not searched by"):
        _ = c.value == np.timedelta64(5)


async def test_the_only_one_is_used_alone(engine: AsyncEngine) -> None:
    await save_many([("x", Outer(value)) for value in (1, 2)])
    async with RunManager(Run()) as manager:
        with pytest.raises(MultipleNodesFoundError):
            await select(Outer).one()
    assert (await ancestors(manager.run)).edges == ()


def test_what_is_kept_of_a_question_keeps_no_class() -> None:
    @dataclass
    class Passing(ArtifactModel, name="QueryPassing"):
        x: int
        inner: Inner

    c = columns(Passing)
    asked = ask_all([c.x == 1, c.inner.x > 2])
    gone = weakref.ref(Passing)
    del Passing, c, asked
    gc.collect()
    assert gone() is None


def test_columns_can_be_copied() -> None:
    assert repr(copy.copy(t)) == repr(t)
    assert repr(copy.deepcopy(t.inner.x)) == "<column inner.x>"


# What is refused ----------------------------------------------------------------------------------------------------


@dataclass
class Typed(ArtifactModel, name="QueryTyped"):
    number: int
    text: str | None
    day: date
    color: Color
    literal: Literal["a", "b"]
    rows: list[int]
    inner: Inner
    either: Inner | int
    lazy: Lazy[str]
    annotated: Annotated[float, "a unit"]


t: Any = columns(Typed)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: t.nothing, "stores no field 'nothing'; it stores 'number', 'text'"),
        (lambda: t.inner.nothing, "QueryInner|Inner"),
        (lambda: t.number.x, "no model"),
        (lambda: t.number == "1", "number holds int, which cannot be compared with '1' .str"),
        (lambda: t.text > 1, "text holds str"),
        (lambda: t.text == b"a", "text holds str"),
        (lambda: t.text == None, r"is_\(None\)"),  # noqa: E711
        (lambda: t.text.is_("a"), "use =="),
        (lambda: t.text.in_("abc"), "several values"),
        (lambda: t.text.in_([1]), "text holds str"),
        (lambda: t.number.startswith("1"), "number holds int"),
        (lambda: t.text.contains(1), "takes a text"),
        (lambda: t.day == time(1), "day holds date"),
        (lambda: t.color < Color.RED, "no order"),
        (lambda: t.color == 1, "color holds Color"),
        (lambda: t.literal == 1, "literal holds str"),
        (lambda: t.rows == [1], "of a list nothing inside is searched"),
        (t.rows.asc, "cannot be ordered by"),
        (lambda: t.inner == 1, "its fields can be"),
        (lambda: t.number == [1], "a list is not searched by"),
        (lambda: t.number == t.number, "not with another column"),
        (lambda: select(Typed).where(columns(Outer).value == 1), "column of Outer.*columns.Typed"),
        (lambda: select(Typed).order_by(columns(Outer).value), "column of Outer"),
        (lambda: select(Outer).where(~(columns(Outer).value.is_(None) & (t.number == 1))), "column of Typed"),
        (lambda: select(Typed).where(True), "takes conditions"),  # type: ignore[arg-type]
        (lambda: select(Typed).limit(-1), "number of results"),
        (lambda: select(Typed).offset(True), "number of results"),
        (lambda: select(Typed).limit(2**63), "number of results"),
        (lambda: select(Typed).saved(since=datetime(2020, 1, 1)), "aware"),
        (lambda: select(Typed).order_by("number"), "ordered by columns"),  # type: ignore[arg-type]
        (lambda: select(Typed).order_by(t.number > 1), "ordered by columns"),
        (lambda: select(Typed).order_by(columns(Run).name), "ordered by columns"),  # type: ignore[arg-type]
        (lambda: select(Run).order_by(t.number), "Run is ordered by columns"),
        (lambda: t.number.in_(3), "several values"),
        (lambda: columns(Run).parameters["\0"] == 1, "cannot hold NUL"),
        (lambda: columns(Node).label == "\ud800", "label cannot hold surrogates"),
        (lambda: columns(Run).started_at > datetime.min.replace(tzinfo=timezone(timedelta(hours=5))), "a time in UTC"),
    ],
)
def test_what_cannot_be_asked_is_refused_while_it_is_built(build: Callable[[], object], words: str) -> None:
    with pytest.raises(QueryError, match=words):
        build()


@pytest.mark.parametrize(
    "build",
    [
        lambda: t.number == 1.5,
        lambda: t.number == True,  # noqa: E712
        lambda: t.day == datetime(2020, 1, 1),
        lambda: t.color == Color.RED,
        lambda: t.literal == "c",
        lambda: t.either == 1,
        lambda: t.either.x == 1,
        lambda: t.lazy.startswith("a"),
        lambda: t.annotated > 1,
        lambda: t["number"].is_(None),
        lambda: t.inner["x"] == "a",
    ],
)
def test_what_can_be_asked_is_a_condition(build: Callable[[], Any]) -> None:
    assert isinstance(build(), Condition)


def test_a_condition_is_neither_true_nor_false() -> None:
    with pytest.raises(TypeError, match="combine conditions"):
        bool(1 < t.number < 3)
    with pytest.raises(TypeError, match="mind the brackets"):
        assert (t.number == 1) & 2


def test_reprs_are_short() -> None:
    assert repr(t.inner.x) == "<column inner.x>"
    assert repr(select(Typed)) == "<select of Typed>"
    assert repr(t) == "<columns of Typed>"
    assert dir(t) == sorted(field.name for field in fields(Typed))
