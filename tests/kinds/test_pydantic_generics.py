"""Generic models of pydantic with their type arguments applied: what they have of the generic class."""

from __future__ import annotations

from enum import Enum
from typing import Any, Generic, TypeVar

import pytest
from sqlalchemy import select as sql_select
from sqlalchemy import update

from artigraph import migration, select
from artigraph.db import read, write
from artigraph.errors import ModelNameConflictError
from artigraph.model.definition import traits_of
from artigraph.orm import node_table
from artigraph.pydantic import ArtifactModel

pytestmark = pytest.mark.usefixtures("engine")

K = TypeVar("K")
T = TypeVar("T")


class Color(Enum):
    RED = "r"


class Box(ArtifactModel, Generic[T], name="lab.Box", version=3, aliases=("OldBox",)):
    item: T
    size: int


class Pair(ArtifactModel, Generic[K, T], name="lab.Pair"):
    key: K
    item: T


class Twin(ArtifactModel, Generic[T], name="lab.Twin"):
    item: T


early: Any = Box[int]


@migration(Box, from_version=1)
def rename(data: dict[str, Any]) -> dict[str, Any]:
    data["length"] = data.pop("extent")
    return data


@migration(Box, from_version=2)
def rename_again(data: dict[str, Any]) -> dict[str, Any]:
    data["size"] = data.pop("length")
    return data


async def alter(node_id: Any, part: str | None = None, **values: Any) -> None:
    where = node_table.c.node_id == node_id if part is None else node_table.c.label == part

    async def work(connection: Any) -> None:
        await connection.execute(update(node_table).where(where).values(**values))

    await write(work)


async def name_of(node_id: Any) -> str:
    async def work(connection: Any) -> str:
        found = await connection.execute(sql_select(node_table.c.model_name).where(node_table.c.node_id == node_id))
        return str(found.scalar_one())

    return await read(work)


async def count(cls: Any) -> int:
    find: Any = select
    return int(await find(cls).count())


@pytest.mark.parametrize("model", [early(item=1, size=5), Box[Color](item=Color.RED, size=5)], ids=["int", "Color"])
async def test_steps_of_the_generic_class_migrate_older_data(model: Any) -> None:
    node_id = await model.save("it")
    await alter(node_id, model_version=1)
    await alter(node_id, "size", label="extent")
    assert await model.load(node_id) == model
    assert (await count(Box[str]), await count(model.__class__)) == (0, 1)


async def test_name_and_aliases_are_those_of_the_generic_class_with_the_arguments() -> None:
    model = Box[Color](item=Color.RED, size=1)
    node_id = await model.save("it")
    assert await name_of(node_id) == "lab.Box[Color]"
    assert traits_of(Box[Color]).names == ("lab.Box[Color]", "OldBox[Color]")
    await alter(node_id, model_name="OldBox[Color]")
    assert await Box[Color].load(node_id) == model
    assert await select(Box).count() == 1
    assert await Box.load(node_id) == model


async def test_arguments_may_come_one_after_the_other() -> None:
    pair: Any = Pair
    half: Any = pair[K, int]
    whole: Any = half[Color]
    assert traits_of(whole).name == "lab.Pair[Color, int]"
    model = whole(key=Color.RED, item=1)
    assert await whole.load(await model.save("it")) == model


async def test_a_step_of_the_class_with_arguments_wins() -> None:
    class Local(ArtifactModel, Generic[T], name="lab.Local", version=2):
        item: T

    @migration(Local, from_version=1)
    def general(data: dict[str, Any]) -> dict[str, Any]:
        return {"item": 0}

    @migration(Local[int], from_version=1)
    def special(data: dict[str, Any]) -> dict[str, Any]:
        return {"item": 1}

    for model, item in ((Local[int](item=5), 1), (Local[float](item=5.0), 0)):
        node_id = await model.save("it")
        await alter(node_id, model_version=1)
        loaded: Any = await type(model).load(node_id)
        assert loaded.item == item
    assert (general({}), special({})) == ({"item": 0}, {"item": 1})


async def test_two_classes_that_print_alike_are_two_classes() -> None:
    make: Any = Enum
    one: Any = make("Shade", {"A": 1}, module="one", qualname="Shade")
    other: Any = make("Shade", {"B": 2}, module="other", qualname="Shade")
    first: Any = Twin[one]
    assert await first.load(await first(item=one.A).save("it")) == first(item=one.A)
    second: Any = Twin[other]
    assert first is not second
    for model in (first(item=one.A), second(item=other.B)):
        with pytest.raises(ModelNameConflictError, match=r"lab\.Twin\[Shade\].*\(one\.Shade\).*\(other\.Shade\)"):
            await model.save("it")
