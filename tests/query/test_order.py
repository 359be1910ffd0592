"""The order is Python's, even if values differ only after the part in their search keys."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any, TypeVar
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import ArtifactModel, Lazy, Run, RunManager, columns, save_many, select
from artigraph.db import engine_context
from artigraph.query import _ordering as ordering
from artigraph.storage import Storage
from artigraph.storage._memory import MemoryStorage

T = TypeVar("T")

URL = "https://example.org/" + "a long way/" * 30
DIGITS = "123456789" * 60
NUMBERS: list[Any] = [
    *(int(DIGITS) + number for number in range(6)),
    *(-int(DIGITS) - number for number in range(6)),
    *(10**5000 + number for number in range(4)),
    Decimal(DIGITS + ".25"),
    Decimal(DIGITS + ".5"),
    *(Decimal("0." + DIGITS + digit) for digit in "3142"),
    *(-Decimal("0." + DIGITS + digit) for digit in "3142"),
    2.5,
    7,
    Decimal("7.5"),
]


@dataclass
class Inner(ArtifactModel, name="OrderInner"):
    path: PurePosixPath


@dataclass
class Page(ArtifactModel, name="OrderPage"):
    group: int
    url: str
    number: int | Decimal | float
    inner: Inner
    later: Lazy[str]


def page(chance: random.Random) -> Page:
    ends = [f"{chance.randrange(4)}", f"{chance.randrange(4)}" * 300, "", "é", "\U0001f363", "z"]
    return Page(
        group=chance.randrange(2),
        url=(URL + chance.choice(ends)) if chance.random() < 0.8 else chance.choice(["a", "z", URL[:40], URL[:254]]),
        number=chance.choice(NUMBERS),
        inner=Inner(PurePosixPath("x" * 254, chance.choice("abc"), chance.choice(["", "d"]))),
        later=Lazy("y" * 300 + chance.choice("abc")),
    )


def ordered(items: Sequence[T], *keys: tuple[Callable[[T], Any], bool]) -> list[T]:
    found = list(items)
    for key, descending in reversed(keys):
        found.sort(key=key, reverse=descending)
    return found


async def test_values_whose_keys_are_cut_come_in_pythons_order(engine: AsyncEngine) -> None:
    chance = random.Random(7)
    pages = [page(chance) for _ in range(60)]
    ids = await save_many([("page", each) for each in pages])
    values = dict(zip(ids, pages, strict=True))
    c: Any = columns(Page)
    by: dict[str, tuple[Any, Callable[[UUID], Any]]] = {
        "group": (c.group, lambda each: values[each].group),
        "url": (c.url, lambda each: values[each].url),
        "number": (c.number, lambda each: values[each].number),
        "path": (c.inner.path, lambda each: values[each].inner.path.parts),
    }
    for names in (["url"], ["number"], ["path"], ["group", "url"], ["url", "number"], ["path", "group", "number"]):
        for descending in (False, True):
            orders = [by[name][0].desc() if descending else by[name][0] for name in names]
            expected = ordered(ids, *((by[name][1], descending) for name in names))
            asked = select(Page).order_by(*orders)
            assert await asked.ids() == expected, names
            for offset, limit in ((0, 1), (5, 1), (13, 20), (55, 10), (70, 3)):
                part = asked.offset(offset).limit(limit)
                assert await part.ids() == expected[offset : offset + limit], (names, offset, limit)
            assert await asked.offset(11).ids() == expected[11:]
            assert await asked.first() == values[expected[0]]
    mixed = ordered(ids, (by["url"][1], True), (by["number"][1], False))
    asked = select(Page).order_by(c.url.desc(), c.number)
    assert await asked.ids() == mixed
    assert [found async for found in asked.limit(9)] == [values[each] for each in mixed[:9]]
    assert await asked.limit(9).count() == 9
    # Conditions that the database cannot decide: the page is cut out of what is left.
    above = [each for each in mixed if values[each].url > URL + "1"]
    assert await asked.where(c.url > URL + "1").offset(3).limit(8).ids() == above[3:11]
    lazy = await select(Page).order_by(c.later.desc()).ids()
    later = {node_id: str(await each.later.load()) for node_id, each in values.items()}
    assert lazy == sorted(ids, key=later.__getitem__, reverse=True)


async def test_texts_that_differ_late_are_compared_to_their_ends(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long values are read in slices, a few at a time, from rows and from a storage."""
    storage: Storage = MemoryStorage("orders")
    async with engine_context(database_url, create_tables=True, large_value_storage=storage, inline_limit=4096):
        monkeypatch.setattr(ordering, "_HELD", 20_000)
        texts = ["t" * size + end for size in (300, 2000, 2001, 20_000) for end in ("b", "a", "", "b")]
        random.Random(3).shuffle(texts)
        pages = [Page(0, text, 0, Inner(PurePosixPath("x")), Lazy("")) for text in texts]
        ids = await save_many([("page", each) for each in pages])
        place = dict(zip(ids, texts, strict=True))
        for descending in (False, True):
            column = columns(Page).url
            asked = select(Page).order_by(column.desc() if descending else column)
            expected = sorted(ids, key=place.__getitem__, reverse=descending)
            assert await asked.ids() == expected
            assert await asked.offset(3).limit(2).ids() == expected[3:5]


async def test_runs_come_in_pythons_order(engine: AsyncEngine) -> None:
    del engine
    chance = random.Random(5)
    runs: list[Run] = []
    for _ in range(20):
        name = chance.choice(["é" * 200 + chance.choice("ab"), "a", None])
        parameters = {"x": chance.choice(NUMBERS)} if chance.random() < 0.9 else {}
        runs.append(Run(name=name, tags={"t": "ü" * 200 + chance.choice("abc")}, parameters=parameters))
        async with RunManager(runs[-1]):
            pass
    r: Any = columns(Run)
    by_number = ordered(runs, (lambda run: run.parameters.get("x", -(10**9000)), False))
    assert await select(Run).order_by(r.parameters["x"]).ids() == [run.node_id for run in by_number]
    by_name = ordered(runs, (lambda run: run.name or "", True), (lambda run: run.tags["t"], False))
    asked = select(Run).order_by(r.name.desc(), r.tags["t"])
    assert await asked.ids() == [run.node_id for run in by_name]
    for offset in range(0, 20, 3):
        assert await asked.offset(offset).limit(2).ids() == [run.node_id for run in by_name[offset : offset + 2]]
