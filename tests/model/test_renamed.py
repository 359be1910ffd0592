"""Classes that were renamed: aliases in the class line find what is stored under the former names."""

from __future__ import annotations

import gc
import logging
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import ArtifactModel, Run, RunManager, columns, select, series
from artigraph.errors import InvalidLabelError, ModelDefinitionError, ModelNameConflictError, VersionNotFoundError
from artigraph.maintenance import fsck


async def save_former() -> list[Any]:
    """Save two curves under a name that the class loses, one of them nested."""

    @dataclass
    class Curve(ArtifactModel):
        height: int
        inner: Any = None

    first, second = Curve(1, Curve(10)), Curve(2)
    return [await first.save("curve"), await second.save("curve")]


find: Any = select
columns_of: Any = columns
# Classes of which a function returns another one each time are of any type to a type checker.


def renamed() -> Any:
    gc.collect()

    @dataclass
    class NewCurve(ArtifactModel, aliases=("Curve", "Older")):
        height: int
        inner: Any = None

    return NewCurve


async def test_former_and_new_models_are_loaded_found_and_counted_together(engine: AsyncEngine) -> None:
    ids = await save_former()
    cls = renamed()
    ids.append(await cls(3, cls(30)).save("curve"))
    assert [await cls.load(each) for each in ids] == [cls(1, cls(10)), cls(2), cls(3, cls(30))]
    assert await ArtifactModel.load(ids[0]) == cls(1, cls(10))
    c = columns_of(cls)
    assert await find(cls).ids() == ids
    assert await find(cls).labeled("curve").count() == 3
    assert await find(cls).where(c.height > 1).ids() == ids[1:]
    assert await find(cls).order_by(c.height.desc()).ids() == ids[::-1]
    assert await find(cls).newest_first().limit(2).ids() == ids[:0:-1]


async def save_path() -> Any:
    """Save a model with a nested one, whose class is renamed later."""

    @dataclass
    class Point(ArtifactModel):
        x: int

    @dataclass
    class Path(ArtifactModel, name="renamed.Path"):
        point: Any

    return await Path(Point(1)).save("p")


async def test_conditions_on_nested_models_find_former_ones(engine: AsyncEngine) -> None:
    ids = [await save_path()]
    gc.collect()

    @dataclass
    class Spot(ArtifactModel, aliases=("Point",)):
        x: int

    @dataclass
    class Path(ArtifactModel, name="renamed.Path"):
        point: Spot

    ids.append(await Path(Spot(2)).save("p"))
    c = columns_of(Path)
    assert await find(Path).where(c.point.x >= 1).ids() == ids
    assert await find(Path).where(c.point.x == 1).all() == [Path(Spot(1))]


async def test_a_series_has_the_versions_of_all_names(engine: AsyncEngine) -> None:
    ids = await save_former()
    cls = renamed()
    ids += [await cls(height).save("curve") for height in (3, 4)]
    versions: Any = series(cls, "curve")
    assert await versions.ids() == ids
    assert await versions.count() == 4
    assert [(await versions.nth(index)).height for index in (0, 1, 2, -1, -3)] == [1, 2, 3, 4, 2]
    with pytest.raises(VersionNotFoundError):
        await versions.nth(4)
    assert [each.height async for each in versions] == [1, 2, 3, 4]
    assert [each.number for each in await versions.versions()] == [0, 1, 2, 3]


async def test_an_alias_moves_between_versions_of_all_names(engine: AsyncEngine) -> None:
    ids = await save_former()
    cls = renamed()
    ids.append(await cls(3).save("curve"))
    versions: Any = series(cls, "curve")
    for version in (0, 2, 1, 2):
        await versions.set_alias("best", version)
        assert await versions.aliases() == {"best": ids[version]}
        assert [each.aliases for each in await versions.versions()] == [
            ("best",) if index == version else () for index in range(3)
        ]
        assert not (await fsck()).problems
    assert await versions.remove_alias("best")
    assert await versions.aliases() == {}


async def test_uses_and_loads_of_a_run_know_the_former_name(engine: AsyncEngine) -> None:
    ids = await save_former()
    cls = renamed()
    async with RunManager(Run()) as manager:
        await cls.load(ids[0])
        await manager.save_artifact("new", cls(5))
    assert await select(Run).used(cls).count() == 1
    assert await RunManager(manager.run).load_artifacts(cls) == {"new": cls(5)}


def test_an_alias_that_another_class_has_is_refused_when_the_class_is_defined() -> None:
    line: dict[str, Any] = {"name": "renamed.taken", "aliases": ("renamed.before",)}
    taken: Any = type("Taken", (ArtifactModel,), {"__annotations__": {"x": int}}, **line)
    taken = dataclass(taken)  # a class of this module, not of this function
    for line in ({"name": "renamed.other", "aliases": ("renamed.taken",)}, {"name": "renamed.before"}):
        with pytest.raises(ModelNameConflictError, match=r"which is an alias: .*Other.* and .*Taken"):
            type("Other", (ArtifactModel,), {"__annotations__": {}}, **line)
    with pytest.raises(ModelNameConflictError, match=r"'renamed\.before'"):
        type("Other", (ArtifactModel,), {}, name="renamed.third", aliases=("renamed.before",))
    assert taken(1).x == 1


@pytest.mark.parametrize(
    ("aliases", "error", "words"),
    [
        ("Curve", ModelDefinitionError, r"aliases=\('Curve',\)"),
        (("Own",), ModelDefinitionError, "leave its own name out"),
        (("a\0b",), InvalidLabelError, "alias"),
        ((5,), InvalidLabelError, "alias"),
    ],
)
def test_aliases_that_are_no_names_are_refused(aliases: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        type("Own", (ArtifactModel,), {}, aliases=aliases)


async def test_an_empty_select_says_once_which_names_have_no_class(
    engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    await save_former()
    gc.collect()

    @dataclass
    class Lost(ArtifactModel):
        height: int

    with caplog.at_level(logging.WARNING, "artigraph"):
        assert await select(Lost).all() == []
        assert await select(Lost).count() == 0
    (record,) = caplog.records
    message = record.getMessage()
    assert message.startswith(f"No {Lost.__qualname__} is stored, and no class here has the stored names 'Curve'.")
    assert message.endswith("add its former name to its class line: aliases=('Curve',)")


async def test_an_empty_select_is_silent_if_its_class_is_stored(
    engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    await save_former()
    gc.collect()

    @dataclass
    class Kept(ArtifactModel):
        height: int

    await Kept(1).save("kept")
    with caplog.at_level(logging.WARNING, "artigraph"):
        assert await select(Kept).labeled("other").all() == []
    assert caplog.records == []
