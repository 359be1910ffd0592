"""Members of enums that got another name or value after they were stored."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, Flag, IntEnum, IntFlag, StrEnum
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import ArtifactModel, ArtifactModelConfig, columns, load_many, save_many, select
from artigraph.storage import MemoryStorage, Storage

memory = MemoryStorage("members")

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


# Classes made while the program runs are of any type to a type checker.
find: Any = select
columns_of: Any = columns


def enum(base: Any, name: str, members: dict[str, Any]) -> Any:
    """Return an enum of a name and members."""
    return base(name, members)


def model_of(members: Any, storage: Storage | None = None) -> Any:
    """Return a model class of one name, whose field holds members, numbers and texts."""

    class Kept(ArtifactModel, config=ArtifactModelConfig(default_field_storage=storage)):
        value: Any

    Kept.__annotations__["value"] = members | int | float | str | None
    return dataclass(Kept)


async def check(before: Any, after: Any, plain: list[Any], asked: list[Any], operators: tuple[str, ...]) -> None:
    """Store members of a class, define it again, and compare the results with a filter over the loaded models.

    Values are in rows first, and in objects then.
    """
    for storage in (None, memory):
        await _check(before, after, plain, asked, operators, storage)


async def _check(
    before: Any, after: Any, plain: list[Any], asked: list[Any], operators: tuple[str, ...], storage: Storage | None
) -> None:
    old = model_of(before, storage)
    stored = [*before.__members__.values(), *plain]
    ids = await save_many([("x", old(value)) for value in stored])
    new: Any = model_of(after, storage)
    loaded = [one.value for one in await load_many(new, ids)]
    c = columns_of(new)
    for value in [*after, *asked]:
        for how in operators:
            expected = [_holds(how, one, value) for one in loaded]
            found = await find(new).where(OPERATORS[how](c.value, value)).ids()
            assert [one in found for one in ids] == expected, (how, value)
        found = await find(new).where(c.value.in_([value])).ids()
        assert [one in found for one in ids] == [one == value for one in loaded], value
    every = await find(new).where(c.value.in_(list(after))).ids()
    assert [one in every for one in ids] == [one in list(after) for one in loaded]


def _holds(how: str, value: Any, other: Any) -> bool:
    try:
        return bool(OPERATORS[how](value, other))
    except TypeError:
        return False


async def test_a_renamed_member_is_found_by_its_new_name(engine: AsyncEngine) -> None:
    before = enum(Enum, "Stage", {"OLD": 1, "KEPT": 2})
    after = enum(Enum, "Stage", {"NEW": 1, "OLD": 1, "OLDER": 1, "KEPT": 2, "ADDED": 3})
    await check(before, after, [1, "OLD", None], [], ("==", "!="))


async def test_a_renamed_flag_is_found_also_in_combinations(engine: AsyncEngine) -> None:
    before = enum(Flag, "Access", {"READ": 1, "WRITE": 2, "BOTH": 3})
    after = enum(Flag, "Access", {"SEE": 1, "READ": 1, "WRITE": 2, "ALL": 3, "BOTH": 3})
    await check(before, after, [1, None], [], ("==", "!="))
    both: Any = enum(Flag, "Mode", {"A": 1, "B": 2})
    (node_id,) = await save_many([("combined", model_of(both)(both.A | both.B))])
    mode: Any = enum(Flag, "Mode", {"X": 1, "A": 1, "B": 2})
    new = model_of(mode)
    c = columns_of(new)
    assert await find(new).labeled("combined").where(c.value == (mode.X | mode.B)).ids() == [node_id]
    assert await find(new).labeled("combined").where(c.value == mode.X).ids() == []


@pytest.mark.parametrize(
    "values",
    [
        {"LOW": 1, "MID": 5, "HIGH": 11},  # to a number that no member had
        {"LOW": 1, "ADDED": 2, "MID": 3, "HIGH": 4},  # as auto() numbers them after an insertion
        {"LOW": 3, "MID": 2, "HIGH": 1},  # exchanged
        {"LEAST": 7, "LOW": 7, "MID": 2, "HIGH": 3},  # another value and another name
    ],
    ids=str,
)
async def test_numbers_of_members_may_change(engine: AsyncEngine, values: dict[str, int]) -> None:
    before, after = enum(IntEnum, "Level", {"LOW": 1, "MID": 2, "HIGH": 3}), enum(IntEnum, "Level", values)
    await check(before, after, [1, 3, 7, 4.5, "LOW", None], [1, 2, 3, 4, 7, 2.5, "LOW"], tuple(OPERATORS))


async def test_numbers_of_flags_may_change(engine: AsyncEngine) -> None:
    before, after = enum(IntFlag, "Bits", {"A": 1, "B": 2}), enum(IntFlag, "Bits", {"A": 4, "B": 2, "C": 1})
    await check(before, after, [1, 4, None], [1, 2, 4], tuple(OPERATORS))


async def test_texts_of_members_may_change(engine: AsyncEngine) -> None:
    before = enum(StrEnum, "Status", {"NEW": "new", "DONE": "done", "LOST": "lost"})
    after = enum(StrEnum, "Status", {"NEW": "created", "FINISHED": "finished", "DONE": "finished", "LOST": "lost"})
    plain = ["new", "created", "done", "finished", 1, None]
    await check(before, after, plain, ["new", "created", "done", "e"], tuple(OPERATORS))
    model = model_of(after)
    c = columns_of(model)
    found = await find(model).where(c.value.startswith("fin")).ids()
    assert len(found) == 4  # twice the member, stored as "done", and the text
    without = await find(model).where(~c.value.contains("e")).all()
    assert [each.value for each in without] == 2 * [after.LOST, 1, None]


async def test_long_texts_of_members_may_change(engine: AsyncEngine) -> None:
    long = "x" * 300
    before, after = (
        enum(StrEnum, "Long", {"A": long + "a", "B": "b"}),
        enum(StrEnum, "Long", {"A": long + "c", "B": long}),
    )
    await check(before, after, [long + "a", long + "c", long], [long + "a", long + "c"], tuple(OPERATORS))
