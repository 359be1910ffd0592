"""Runs by name, tags and parameters, compared with a filter in Python. integration/test_query.py runs on servers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import Run, RunManager, columns, select
from artigraph.errors import QueryError
from tests.support.comparisons import LONG, NAN, OPERATORS, VALUES, Outer, in_python, in_sql

r: Any = columns(Run)
PLAIN = [value for value in VALUES if not isinstance(value, Enum)]
SOME = [0, 1, 1.5, -0.0, True, 10**400, 10**400 + 1, Decimal("0.1"), NAN, "", "a", "é", LONG + "a", b"a", "x" * 254]


async def make(runs: list[Run]) -> list[Run]:
    for run in runs:
        async with RunManager(run):
            pass
    return runs


def ids(runs: list[Run]) -> list[Any]:
    return [run.node_id for run in runs]


async def test_parameters_compare_as_python_does(engine: AsyncEngine) -> None:
    runs = await make([*(Run(parameters={"x": value, "y": 1}) for value in PLAIN), Run(), Run(tags={"x": "a"})])
    x = r.parameters["x"]
    for asked in SOME:
        for how in OPERATORS:
            expected = [run for run in runs if in_python(how, run.parameters.get("x", ...), asked)]
            assert await select(Run).where(in_sql(how, x, asked)).ids() == ids(expected), (how, asked)
            others = [run for run in runs if run not in expected]
            assert await select(Run).where(~in_sql(how, x, asked)).ids() == ids(others), (how, asked)
    texts: list[Any] = ["", "a", "é" * 50, LONG + "a", "x" * 254, b"x" * 254]
    for text in texts:
        alike = [run for run in runs if type(run.parameters.get("x")) is type(text)]
        begins = [run for run in alike if run.parameters["x"].startswith(text)]
        holds = [run for run in alike if text in run.parameters["x"]]
        assert await select(Run).where(x.startswith(text)).ids() == ids(begins), text
        assert await select(Run).where(x.contains(text)).ids() == ids(holds), text
        assert await select(Run).where(~x.contains(text)).count() == len(runs) - len(holds), text
    assert await select(Run).where(x.is_(None)).ids() == ids(runs[:1])
    assert await select(Run).where(x.is_not(None)).ids() == ids(runs[1:])
    assert await select(Run).where(x.in_([1, "ab"])).ids() == ids(
        [run for run in runs if run.parameters.get("x") in (1, "ab")]
    )


NAMES = [None, "", "a", "A", "ab", "é", "🍣", "% _", "'; --", LONG, LONG + "a", LONG + "b", "x" * 254, "x" * 255]


async def test_names_and_tags_compare_as_python_does(engine: AsyncEngine) -> None:
    runs = await make([Run(name=name, tags={} if name is None else {"t": name, name: "other"}) for name in NAMES])
    await Outer("a").save("no run has this key")
    tag = r.tags["t"]
    for asked in ("", "a", "ab", "é", LONG, LONG + "a", "x" * 255):
        for how in OPERATORS:
            expected = ids([run for run in runs if in_python(how, run.name, asked)])
            others = [run.node_id for run in runs if run.node_id not in expected]
            for column in (r.name, tag):
                assert await select(Run).where(in_sql(how, column, asked)).ids() == expected, (how, asked)
                assert await select(Run).where(~in_sql(how, column, asked)).ids() == others, (how, asked)
        begins = ids([run for run in runs if run.name is not None and run.name.startswith(asked)])
        holds = ids([run for run in runs if run.name is not None and asked in run.name])
        assert await select(Run).where(r.name.startswith(asked)).ids() == begins
        assert await select(Run).where(tag.contains(asked)).ids() == holds
    assert await select(Run).where(r.name.is_(None)).ids() == ids(runs[:1])
    assert await select(Run).where(r.name.is_not(None)).ids() == ids(runs[1:])
    assert await select(Run).where(tag.is_(None)).ids() == []
    assert await select(Run).where(r.tags["ab"] == "other", r.name == "ab").one() == runs[4]


LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.tuples(st.just("name"), st.sampled_from(list(OPERATORS)), st.sampled_from(["a", LONG, LONG + "a"])),
    st.tuples(st.just("tag"), st.sampled_from(list(OPERATORS)), st.sampled_from(["a", LONG + "b"])),
    st.tuples(st.just("x"), st.sampled_from(list(OPERATORS)), st.sampled_from([1, 1.5, "a", NAN, LONG + "a"])),
    st.tuples(st.just("status"), st.sampled_from(["==", "!="]), st.sampled_from(["completed", "failed"])),
)
TREES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda part: st.one_of(st.tuples(st.sampled_from(["and", "or"]), part, part), st.tuples(st.just("not"), part)),
    max_leaves=6,
)


def both(tree: Any) -> tuple[Any, Callable[[Run], bool]]:
    """Return a tree of conditions as a condition for the database, and as a function in Python."""
    match tree:
        case ("not", part):
            asked, holds = both(part)
            return ~asked, lambda run: not holds(run)
        case (("and" | "or") as how, one, other):
            (asked, holds), (asked_2, holds_2) = both(one), both(other)
            if how == "and":
                return asked & asked_2, lambda run: holds(run) and holds_2(run)
            return asked | asked_2, lambda run: holds(run) or holds_2(run)
        case ("tag", how, value):
            return in_sql(how, r.tags["t"], value), lambda run: in_python(how, run.tags.get("t", ...), value)
        case ("x", how, value):
            return in_sql(how, r.parameters["x"], value), lambda run: in_python(
                how, run.parameters.get("x", ...), value
            )
        case _:
            name, how, value = tree
            return in_sql(how, getattr(r, name), value), lambda run: in_python(how, getattr(run, name), value)


async def test_conditions_on_runs_combine_as_python_does(engine: AsyncEngine) -> None:
    runs = [
        Run(name=name, tags={"t": text} if text else {}, parameters={} if value is ... else {"x": value})
        for name, text in ((None, ""), ("a", "a"), (LONG, LONG + "b"), (LONG + "a", LONG + "a"))
        for value in (..., None, 1, NAN, "a", LONG + "a", [1])
    ]
    for number, run in enumerate(runs):
        try:
            async with RunManager(run):
                if number % 3 == 0:
                    raise LookupError
        except LookupError:
            continue
    trees: list[Any] = []

    @settings(max_examples=60, derandomize=True, database=None)
    @given(TREES)
    def collect(tree: Any) -> None:
        trees.append(tree)

    collect()
    for tree in trees:
        asked, holds = both(tree)
        expected = ids([run for run in runs if holds(run)])
        assert await select(Run).where(asked).ids() == expected, tree
        assert await select(Run).where(asked).offset(2).limit(3).ids() == expected[2:5], tree


async def test_runs_come_in_the_order_of_names_and_parameters(engine: AsyncEngine) -> None:
    runs = await make(
        [Run(name=name, parameters={"x": x}) for name, x in (("b", 2), (None, "a"), ("a", 1.5), ("b", 1))]
    )
    by_name = select(Run).order_by(r.name, r.parameters["x"].desc())
    assert await by_name.ids() == ids([runs[1], runs[2], runs[0], runs[3]])
    assert await select(Run).order_by(r.parameters["x"]).limit(2).ids() == ids([runs[3], runs[2]])
    assert await select(Run).order_by(r.tags["none"].asc()).ids() == ids(runs)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: r.name == None, r"is_\(None\)"),  # noqa: E711
        (lambda: r.name == 5, "cannot be compared"),
        (lambda: r.tags["x"] < 5, "cannot be compared"),
        (lambda: r.tags["x"].startswith(b"a"), "cannot be compared"),
        (lambda: r.tags["x"].contains(5), "takes a text"),
        (lambda: r.tags[5], "texts for names"),
        (lambda: r.parameters["x"] == [1], "not searched by"),
        (lambda: r.parameters["x"] == r.name, "another column"),
        (lambda: select(Outer).where(r.name == "a"), "condition on runs"),
        (lambda: select(Run).where(columns(Outer).value == 1), "condition on Outer"),
    ],
)
def test_what_cannot_be_asked_of_values_is_refused(build: Callable[[], object], words: str) -> None:
    with pytest.raises(QueryError, match=words):
        build()


def test_columns_of_runs_say_what_they_are() -> None:
    assert repr(r.tags["a"]) == "<column tags['a'] of runs>"
    assert repr(r.parameters) == "<columns of the parameters of runs>"
