"""Cached calls: what is served and what is computed, how each is recorded, and what explains it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, assert_type
from unittest.mock import Mock
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel
from sqlalchemy import event, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from artigraph import ArtifactModel, Lazy, Run, RunManager, ancestors, artifact_field, delete, tracked
from artigraph import select as find
from artigraph.db import read, write
from artigraph.errors import ConfigurationError, CorruptObjectError, TrackingError
from artigraph.orm import link_table, node_table, run_value_table
from artigraph.storage import MemoryStorage
from artigraph.storage.file import FileSystemStorage
from artigraph.tracking import Cache, CacheExplanation, TrackingWarning, explain_run
from tests.support.snippets import clean_environment

memory = MemoryStorage("cache")
memory.register()


@dataclass
class Samples(ArtifactModel, name="cache Samples"):
    items: list[float]


@dataclass
class Report(ArtifactModel, name="cache Report"):
    total: float
    frame: pd.DataFrame | None = artifact_field(storage=memory, default=None)


@dataclass
class Large(ArtifactModel, name="cache Large"):
    data: Lazy[np.ndarray[Any, Any]] = artifact_field(storage=memory)


class Color(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Options:
    depth: int = 3
    colors: list[Color] = field(default_factory=list[Color])


class Counted(BaseModel):
    size: int = 0
    _count: int = 0

    @classmethod
    def started_at(cls, count: int) -> Counted:
        made = cls()
        made._count = count
        return made


calls = Mock()
"""What was computed. It belongs to another distribution, so its state is not compared."""


def made() -> list[str]:
    return [call.args[0] for call in calls.call_args_list]


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    calls.reset_mock()
    yield
    memory._objects.clear()


@tracked(cache=True)
async def train(samples: Samples, rate: float = 0.5) -> Report:
    calls("train")
    return Report(sum(samples.items) * rate, pd.DataFrame({"value": samples.items}))


@tracked(cache=True)
async def use(anything: Any) -> int:
    calls("use")
    return calls.call_count


async def runs() -> list[Run]:
    return sorted(await find(Run).all(), key=lambda run: run.node_id)


async def links(run_id: UUID) -> set[tuple[UUID, UUID, str]]:
    columns = (link_table.c.source_id, link_table.c.target_id, link_table.c.kind)
    statement = select(*columns).where((link_table.c.source_id == run_id) | (link_table.c.target_id == run_id))
    return {tuple(row) for row in await read(lambda connection: connection.execute(statement))}


async def test_a_hit_is_a_run_of_its_own(engine: AsyncEngine) -> None:
    first = await train(Samples([1.0, 2.0]))
    async with RunManager(Run(name="outer")) as manager:
        second = await train(Samples([1.0, 2.0]), rate=0.5)
    assert made() == ["train"]
    assert_type(second, Report)
    assert (second.total, type(second.total)) == (1.5, float)
    assert first.frame is not None
    assert second.frame is not None
    pd.testing.assert_frame_equal(first.frame, second.frame)
    computed, outer, served = await runs()
    assert (computed.status, computed.cached_from, computed.node_parent_id) == ("completed", None, None)
    assert (served.status, served.cached_from) == ("completed", computed.node_id)
    assert (served.node_parent_id, outer.node_id) == (manager.run.node_id, manager.run.node_id)
    assert served.name == computed.name == "train"
    assert served.parameters == computed.parameters == {"rate": 0.5}
    assert served.started_at is not None
    assert served.ended_at is not None
    [(source, target, kind)] = [link for link in await links(served.node_id) if link[2] == "produced"]
    assert (source, kind) == (served.node_id, "produced")
    result = await read(
        lambda connection: connection.scalar(
            select(node_table.c.node_id).where(
                node_table.c.parent_id == computed.node_id, node_table.c.label == "return"
            )
        )
    )
    assert target == result
    used = {link[0] for link in await links(served.node_id) if link[2] == "used"}
    assert used == {link[0] for link in await links(computed.node_id) if link[2] == "used"}
    assert len(used) == 1
    rows = await read(
        lambda connection: connection.scalar(
            select(node_table.c.node_id).where(node_table.c.parent_id == served.node_id)
        )
    )
    assert rows is None  # nothing is copied


async def test_a_saved_argument_is_linked_as_itself(engine: AsyncEngine) -> None:
    await train(Samples([1.0]))
    samples = Samples([1.0])
    samples_id = await samples.save("samples")
    await train(samples)
    assert made() == ["train"]
    served = (await runs())[-1]
    assert {link[0] for link in await links(served.node_id) if link[2] == "used"} == {samples_id}
    samples.items.append(2.0)  # it is no longer what was saved
    await train(samples)
    assert made() == ["train", "train"]


async def used_by_the_newest() -> set[UUID]:
    """Return what the newest run used. It was served."""
    newest = (await runs())[-1]
    assert newest.cached_from is not None
    return {link[0] for link in await links(newest.node_id) if link[2] == "used"}


GIVEN: dict[str, Callable[[Report], object]] = {
    "a model": lambda report: report,
    "a part": lambda report: report.frame,
    "a list": lambda report: [report],
    "a dictionary with a part": lambda report: {"one": report, "two": report.frame},
}


@pytest.mark.parametrize("what", GIVEN)
async def test_a_hit_used_the_artifact_that_it_was_given(what: str, engine: AsyncEngine) -> None:
    given = GIVEN[what]
    first, second = [await Report(1.0, pd.DataFrame({"a": [1, 2]})).save(label) for label in ("first", "second")]
    await use(given(await Report.load(first)))
    for node_id in (second, first):
        await use(given(await Report.load(node_id)))
        assert await used_by_the_newest() == {node_id}
    unsaved = given(Report(1.0, pd.DataFrame({"a": [1, 2]})))
    await use(unsaved)
    assert await used_by_the_newest() == {first}  # what it was given is no artifact, and equals this one


async def test_what_is_not_compared_is_linked_as_it_was_given(engine: AsyncEngine) -> None:
    @tracked(cache=Cache(ignore=["options"]))
    async def ignoring(samples: Samples, options: Samples) -> int:
        return 1

    def length(samples: Samples) -> int:
        return len(samples.items)

    @tracked(cache=Cache(key=length))
    async def keyed(samples: Samples) -> int:
        return 1

    samples, options, others = [Samples([float(number)]) for number in range(3)]
    ids = [await each.save("samples") for each in (samples, options, others)]
    await ignoring(samples, options)
    await ignoring(samples, others)
    assert await used_by_the_newest() == {ids[0], ids[2]}
    await ignoring(samples, Samples([9.0]))  # unknown, and maybe not equal to what was given before
    assert await used_by_the_newest() == {ids[0]}
    await ignoring(Samples([0.0]), samples)
    assert await used_by_the_newest() == {ids[0]}
    await keyed(samples)
    await keyed(others)
    assert await used_by_the_newest() == {ids[2]}
    others.items[0] = 7.0  # it is no longer what was saved
    await keyed(others)
    assert await used_by_the_newest() == set()


VALUES: list[tuple[str, Any, Any]] = [
    ("an int and a float", 1, 1.0),
    ("an int and a bool", 1, True),
    ("zeros", 0.0, -0.0),
    ("a list and a tuple", [1], (1,)),
    ("text and bytes", "a", b"a"),
    ("the order of keys", {"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ("members", Color.RED, Color.BLUE),
    ("a member and its value", Color.RED, 1),
    ("dataclasses", Options(3), Options(4)),
    ("members inside", Options(3, [Color.RED]), Options(3, [Color.BLUE])),
    ("dtypes of arrays", np.array([1, 2]), np.array([1, 2], dtype=np.int32)),
    ("byte orders", np.array([1, 2], ">i8"), np.array([1, 2], "<i8")),
    ("shapes", np.zeros((2, 3)), np.zeros((3, 2))),
    ("the order of columns", pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"b": [2], "a": [1]})),
    ("dtypes of columns", pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1.0]})),
    ("indexes", pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]}, index=[5])),
    ("models", Samples([1.0]), Samples([2.0])),
    ("types in models", Samples([1.0]), Samples([1])),
    ("a model and a list of it", Samples([1.0]), [Samples([1.0])]),
    ("what pydantic does not show", Counted.started_at(1), Counted.started_at(2)),
    ("lists of frames", [pd.DataFrame({"a": [1]})], [pd.DataFrame({"a": [2]})]),
]


@pytest.mark.parametrize(("what", "one", "other"), VALUES, ids=[what for what, _, _ in VALUES])
async def test_arguments_are_compared_by_content_and_type(what: str, one: Any, other: Any, engine: AsyncEngine) -> None:
    assert await use(one) == 1, what
    assert await use(other) == 2
    assert await use(one) == 1
    assert await use(other) == 2


async def test_equal_content_saved_twice_hits(engine: AsyncEngine) -> None:
    first = Report(1.0, pd.DataFrame({"a": [1.0, float("nan")], "b": ["x", None]}))
    await use(first)
    again = await Report.load(
        await Report(1.0, pd.DataFrame({"a": [1.0, float("nan")], "b": ["x", None]})).save("again")
    )
    assert await use(again) == 1


async def test_an_argument_that_was_loaded_costs_no_read_of_its_bytes(engine: AsyncEngine) -> None:
    report = await Report.load(await Report(1.0, pd.DataFrame({"a": np.arange(10_000)})).save("report"))
    await use(report)
    reads: list[str] = []
    original = memory.read

    async def counted(location: str) -> bytes:
        reads.append(location)
        return await original(location)

    memory.read = counted  # type: ignore[method-assign]
    try:
        assert await use(report) == 1
    finally:
        del memory.read
    assert reads == []


async def test_a_class_version_misses(engine: AsyncEngine) -> None:
    def make(number: int) -> Any:
        @dataclass
        class Versioned(ArtifactModel, name="cache Versioned", version=number):
            value: int

            @classmethod
            def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
                del version
                return data

        return Versioned(1)

    assert await use(make(1)) == 1
    assert await use(make(1)) == 1
    assert await use(make(2)) == 2


async def test_none_and_failures(engine: AsyncEngine) -> None:
    @tracked(cache=True)
    async def nothing(x: int) -> None:
        calls("nothing")

    @tracked(cache=True)
    async def fails(x: int) -> int:
        calls("fails")
        raise KeyError(x)

    await nothing(1)
    await nothing(1)
    assert made() == ["nothing"]
    for _ in range(2):
        with pytest.raises(KeyError):
            await fails(1)
    assert made() == ["nothing", "fails", "fails"]
    assert await fails.cached(1) is None


async def test_a_missing_or_damaged_result_is_computed_again(engine: AsyncEngine) -> None:
    await train(Samples([1.0]))
    for location in list(memory._objects):
        memory._objects[location] = b"damaged"
    with pytest.warns(TrackingWarning, match="cannot be used again, so the call is computed"):
        report = await train(Samples([1.0]))
    assert made() == ["train"] * 2
    assert report.total == 0.5
    memory._objects.clear()
    with pytest.warns(TrackingWarning, match="cannot be used again, so the call is computed"):
        await train(Samples([1.0]))
    assert made() == ["train"] * 3


async def test_the_missing_object_of_a_lazy_value_is_noticed(engine: AsyncEngine) -> None:
    @tracked(cache=True)
    async def large(size: int) -> Large:
        calls("large")
        return Large(Lazy(np.arange(size)))

    await large(2000)
    again = await large(2000)
    assert made() == ["large"]
    assert np.array_equal(await again.data.load(), np.arange(2000))
    memory._objects.clear()
    with pytest.warns(TrackingWarning, match="is not there"):
        await large(2000)
    assert made() == ["large", "large"]


@pytest.mark.parametrize("place", ["memory", "files"])
async def test_a_damaged_lazy_value_is_computed_again(place: str, engine: AsyncEngine, tmp_path: Path) -> None:
    storage = memory if place == "memory" else FileSystemStorage(tmp_path, name="cache-files")
    storage.register()

    @dataclass
    class Held(ArtifactModel, name=f"cache Held in {place}"):
        data: Lazy[np.ndarray[Any, Any]] = artifact_field(storage=storage)

    @tracked(cache=True)
    async def large(size: int) -> Held:
        calls("large")
        return Held(Lazy(np.arange(size, dtype="int64")))

    def damage(size: int, at: int, *, cut: bool = False) -> None:
        """Change a byte of the objects of about this size, or cut them off there."""
        for objects in (memory._objects, _Folder(tmp_path)):
            for name, data in list(objects.items()):
                if size * 8 <= len(data) < size * 8 + 1000:
                    objects[name] = data[:at] if cut else data[:at] + bytes([data[at] ^ 1]) + data[at:][1:]

    for size, at, cut in ((2000, 500, False), (1_200_000, -100, False), (1_300_000, -8, True)):
        await large(size)
        assert await large.cached(size) is not None
        damage(size, at, cut=cut)
        with pytest.warns(TrackingWarning, match="cannot be used again, so the call is computed"):
            again = await large(size)
        assert made()[-2:] == ["large", "large"]
        assert len(await again.data.load()) == size

    await large(1_400_000)
    computed = await large.cached(1_400_000)
    damage(1_400_000, 500)  # not at the end, so it is noticed when the value is loaded
    served = await large(1_400_000)
    with pytest.raises(CorruptObjectError, match=f"served from run {computed}; delete that run"):
        await served.data.load()
    assert computed is not None
    await delete(computed)
    calls.reset_mock()
    await large(1_400_000)
    assert len(await (await large(1_400_000)).data.load()) == 1_400_000
    assert made() == ["large"]


class _Folder(dict[str, bytes]):
    """The files of a folder by name."""

    def __init__(self, path: Path) -> None:
        super().__init__((str(each), each.read_bytes()) for each in path.rglob("*") if each.is_file())

    def __setitem__(self, name: str, data: bytes) -> None:
        Path(name).chmod(0o600)
        Path(name).write_bytes(data)


async def test_deletion_only_turns_hits_into_misses(engine: AsyncEngine) -> None:
    await train(Samples([1.0]))
    await train(Samples([1.0]))
    computed, served = await runs()
    await delete(served)
    assert await train.cached(Samples([1.0])) == computed.node_id
    await delete(computed)
    assert await train.cached(Samples([1.0])) is None
    await train(Samples([1.0]))
    assert made() == ["train", "train"]


async def test_the_newest_result_within_the_age_serves(engine: AsyncEngine) -> None:
    @tracked(cache=Cache(max_age=timedelta(hours=1)))
    async def aged(x: int) -> int:
        calls("aged")
        return x

    await aged(1)
    await aged(1)
    [computed, _] = await runs()
    assert await aged.cached(1) == computed.node_id

    async def age(connection: AsyncConnection) -> None:
        ended = computed.ended_at
        assert ended is not None
        earlier = {"run_started_at": ended - timedelta(hours=3), "run_ended_at": ended - timedelta(hours=2)}
        await connection.execute(update(node_table).where(node_table.c.node_id == computed.node_id).values(**earlier))

    async def again(_: AsyncConnection) -> bool:
        return False

    await write(age, committed=again)
    assert await aged.cached(1) is None  # although a hit is younger
    await aged(1)
    assert made() == ["aged", "aged"]


async def test_the_environment_switches_it_off_or_refreshes(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await train(Samples([1.0]))
    monkeypatch.setenv("ARTIGRAPH_CACHE", "refresh")
    await train(Samples([1.0]))
    assert made() == ["train"] * 2
    monkeypatch.setenv("ARTIGRAPH_CACHE", "off")
    await train(Samples([1.0]))
    assert made() == ["train"] * 3
    monkeypatch.setenv("ARTIGRAPH_CACHE", "on")
    refreshed = (await runs())[1]
    assert await train.cached(Samples([1.0])) == refreshed.node_id  # not what was computed while it was off
    monkeypatch.setenv("ARTIGRAPH_CACHE", "never")
    with pytest.raises(ConfigurationError, match="ARTIGRAPH_CACHE is on, off or refresh, not 'never'"):
        await train(Samples([1.0]))


async def test_ones_own_key_and_version(engine: AsyncEngine) -> None:
    def tens(path: str, size: int) -> object:
        return path, size // 10

    @tracked(cache=Cache(key=tens), exclude=["size"])
    async def keyed(path: str, size: int) -> int:
        return size

    assert await keyed("a", 11) == 11
    assert await keyed("a", 12) == 11
    assert await keyed("a", 21) == 21
    assert await keyed("b", 11) == 11

    def make(version: int, constant: int) -> Any:
        @tracked(cache=Cache(version=version))
        async def versioned(x: int) -> int:
            return x + constant

        return versioned

    assert await make(1, 10)(1) == 11
    assert await make(1, 20)(1) == 11
    assert await make(2, 20)(1) == 21


class Trainer:
    def __init__(self, rate: float) -> None:
        self.rate = rate

    def scaled(self, value: float) -> float:
        return value * self.rate

    @tracked(cache=Cache(ignore=["self"]))
    async def fit(self, value: float) -> float:
        calls("fit")
        return self.scaled(value)

    @tracked(cache=Cache(ignore=["self"]))
    def fit_here(self, value: float) -> float:
        calls("fit_here")
        return self.scaled(value)


async def test_methods(engine: AsyncEngine) -> None:
    trainer = Trainer(2.0)
    assert await trainer.fit(3.0) == await trainer.fit(3.0) == 6.0
    assert made() == ["fit"]
    assert (await Trainer.fit.explain(trainer, 3.0)).is_hit
    assert await Trainer.fit.cached(trainer, 4.0) is None

    class Other(Trainer):
        def scaled(self, value: float) -> float:
            return value - self.rate

    assert await Other(2.0).fit(3.0) == 1.0  # the method that it overrides is other code
    decorate: Any = tracked(cache=True)
    with pytest.raises(TrackingError, match=re.escape("say that it has no influence: Cache(ignore=['self'])")):
        decorate(Trainer.scaled)


class Shape:
    factor = 1

    @classmethod
    def scaled(cls, value: int) -> int:
        return value * cls.factor

    @classmethod
    @tracked(cache=Cache(ignore=["cls"]))
    async def of_class(cls, value: int) -> int:
        return cls.scaled(value) + len(SHAPES)

    @tracked(cache=Cache(ignore=["self"]))
    async def of_instance(self, value: int) -> int:
        return self.scaled(value) + len(SHAPES)


class Doubled(Shape):
    factor = 2


class Moved(Shape):
    @classmethod
    def scaled(cls, value: int) -> int:
        return value + 100


SHAPES: dict[str, type[Shape]] = {"doubled": Doubled}
"""So the code of `Doubled` is among the code of the methods of `Shape`, whatever they are called on."""


async def test_the_class_that_a_method_is_called_on_is_compared(engine: AsyncEngine) -> None:
    classes: list[Any] = [Shape, Doubled, Moved]
    for _ in range(2):
        assert [await cls.of_class(5) for cls in classes] == [6, 11, 106]
        assert [await cls().of_instance(5) for cls in classes] == [6, 11, 106]
    assert [run.cached_from is None for run in await runs()] == [True] * 6 + [False] * 6
    explain: Any = Shape.of_instance.explain
    assert (await explain(self=Doubled(), value=5)).is_hit
    assert (await explain(Doubled(), 6)).differences == ("value 5 -> 6",)

    class New(Doubled):
        pass

    new = f"{__name__}.{New.__qualname__}"
    assert (await explain(New(), 5)).differences == (f"code new: {new}", f"class of self {__name__}.Doubled -> {new}")


def test_sync_functions(database_url: str) -> None:
    from artigraph.sync.db import engine_context

    @tracked(cache=True)
    def add(one: int, other: int = 2) -> int:
        calls("add")
        return one + other

    with engine_context(database_url, create_tables=True):
        assert_type(add(1), int)
        assert add(1) == 3
        assert made() == ["add"]
        assert_type(add.cached(1), UUID | None)
        assert add.explain(1).is_hit
        assert str(add.explain(1, 3)).startswith("miss: other 2 -> 3; code equal; one equal; compared with run ")


async def test_explanations(engine: AsyncEngine) -> None:
    samples = Samples([1.0])
    assert str(await train.explain(samples)).startswith("miss: no earlier call of ")
    await train(samples)
    found = await train.explain(samples)
    assert_type(found, CacheExplanation)
    [computed] = await runs()
    assert (found.is_hit, found.run_id) == (True, computed.node_id)
    assert str(found).splitlines()[0] == f"hit: run {computed.node_id} serves the call"
    found = await train.explain(samples, 0.25)
    assert found.differences == ("rate 0.5 -> 0.25",)
    assert set(found.equal) == {"code", "samples"}
    assert "code of pandas, which is another distribution" in found.not_followed
    [what] = (await train.explain(Samples([2.0]))).differences
    assert re.fullmatch(r"samples \([0-9a-f]{8} -> [0-9a-f]{8}\)", what)
    assert made() == ["train"]  # explaining calls nothing
    assert len(await runs()) == 1  # and records nothing
    await train(samples, 0.25)
    await train(samples, 0.25)
    first, second, third = await runs()
    found_run = await explain_run(second)
    assert found_run is not None
    assert (found_run.is_hit, found_run.run_id, found_run.differences) == (False, first.node_id, ("rate 0.5 -> 0.25",))
    found_run = await explain_run(third)
    assert found_run is not None
    assert (found_run.is_hit, found_run.run_id) == (True, second.node_id)
    assert found_run.not_followed == found.not_followed
    async with RunManager(Run()) as manager:
        pass
    assert await explain_run(manager.run) is None


NOT_SERVED = "nothing differs, but the earlier result was not there yet, was too old or could not be read, or "


async def test_explanations_know_the_environment(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = Samples([1.0])
    await train(samples)
    [computed] = await runs()
    for mode in ("refresh", "off"):
        monkeypatch.setenv("ARTIGRAPH_CACHE", mode)
        found = await train.explain(samples)
        assert (found.is_hit, found.run_id) == (False, computed.node_id)
        assert found.differences == (f"ARTIGRAPH_CACHE is {mode}",)
        assert found.equal == ("code", "rate", "samples")
        assert (await train.explain(samples, 2.0)).differences == (f"ARTIGRAPH_CACHE is {mode}", "rate 0.5 -> 2.0")
        assert await train.cached(samples) is None
    monkeypatch.setenv("ARTIGRAPH_CACHE", "refresh")
    await train(samples)
    found_run = await explain_run((await runs())[-1])
    assert found_run is not None
    assert found_run.differences == (f"{NOT_SERVED}ARTIGRAPH_CACHE was refresh",)
    monkeypatch.setenv("ARTIGRAPH_CACHE", "never")
    with pytest.raises(ConfigurationError, match="not 'never'"):
        await train.explain(samples)
    with pytest.raises(ConfigurationError, match="not 'never'"):
        await train.cached(samples)


async def test_explanations_read_the_result(engine: AsyncEngine) -> None:
    samples = Samples([1.0])
    await train(samples)
    [computed] = await runs()
    whole = dict(memory._objects)
    for location in whole:
        memory._objects[location] = b"damaged"
    found = await train.explain(samples)  # without a warning
    assert (found.is_hit, found.run_id) == (False, computed.node_id)
    [why] = found.differences
    assert why.startswith("its result cannot be used again: cache Report.frame cannot be loaded: ")
    assert await train.cached(samples) is None
    memory._objects.update(whole)
    assert (await train.explain(samples)).is_hit
    assert await train.cached(samples) == computed.node_id
    [artifact] = await find(Report).ids()
    await delete(artifact)
    found = await train.explain(samples)
    assert (found.run_id, found.differences) == (computed.node_id, ("its result was deleted or is too old",))
    assert await train.cached(samples) is None


async def test_an_older_result_serves_if_the_newest_is_damaged(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    @tracked(cache=True)
    async def stamped(x: int) -> Report:
        calls("stamped")
        return Report(x, pd.DataFrame({"number": [calls.call_count]}))

    await stamped(1)
    before = set(memory._objects)
    monkeypatch.setenv("ARTIGRAPH_CACHE", "refresh")
    await stamped(1)
    monkeypatch.setenv("ARTIGRAPH_CACHE", "on")
    first, _ = await runs()
    for location in memory._objects.keys() - before:
        memory._objects[location] = b"damaged"
    assert await stamped.cached(1) == first.node_id
    assert (await stamped.explain(1)).run_id == first.node_id
    with pytest.warns(TrackingWarning, match="cannot be used again"):
        served = await stamped(1)
    assert served.frame is not None
    assert served.frame["number"].tolist() == [1]
    assert (await runs())[-1].cached_from == first.node_id


async def test_explanations_of_options_and_of_what_cannot_be_compared(engine: AsyncEngine) -> None:
    def labeled(label: str) -> Any:
        @tracked(cache=True, label=label)
        async def step(x: int) -> int:
            return x

        return step

    await labeled("one")(1)
    assert (await labeled("two").explain(1)).differences == ("the label of the result one -> two",)
    found = await use.explain(each for each in "a")  # without a warning
    words = "the call is never cached: argument 'anything': it is or holds a stream, which can be read only once"
    assert (found.is_hit, found.run_id, found.differences) == (False, None, (words,))


async def test_what_cannot_be_compared_is_computed(engine: AsyncEngine) -> None:
    values: list[Any] = [object(), (each for each in range(3)), len, sys]
    for value in values:
        with pytest.warns(TrackingWarning) as caught:
            await use(value)
        words = [str(warning.message) for warning in caught]
        assert words[0].startswith("A call of use() is not cached: argument 'anything': ")
        assert words[1].startswith("Argument 'anything' cannot be recorded")
    assert made() == ["use"] * 4
    found = [run.cached_from for run in await runs()]
    assert found == [None] * 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cache": Cache(ignore=["nobody"])}, "ignore names 'nobody', which"),
        ({"cache": True, "exclude": ["y"]}, "'y' would not be compared"),
        ({"cache": True, "include": ["x", "return"]}, "'y' would not be compared"),
        ({"cache": True, "exclude": ["return"]}, "its result must be recorded"),
        ({"cache": "yes"}, "cache is True, False or a Cache, not 'yes'"),
    ],
)
def test_options_that_would_serve_wrong_results_are_refused(options: dict[str, Any], words: str) -> None:
    def function(x: int, y: int) -> int:
        return x + y

    decorate: Any = tracked
    with pytest.raises(TrackingError, match=words):
        decorate(**options)(function)


@pytest.mark.parametrize(
    "options",
    [
        {"version": 1.5},
        {"version": True},
        {"follow": "all"},
        {"ignore": "x"},
        {"max_age": 3},
        {"max_age": timedelta(0)},
        {"key": 1},
        {"key": train},
    ],
)
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(TrackingError, match=next(iter(options))):
        Cache(**options)


async def test_two_at_once_both_compute(engine: AsyncEngine) -> None:
    ready = asyncio.Barrier(2)

    @tracked(cache=Cache(ignore=["ready"]), exclude=["ready"])
    async def both(x: int, ready: Any) -> int:
        await ready.wait()
        calls("both")
        return x

    assert list(await asyncio.gather(both(1, ready), both(1, ready))) == [1, 1]
    assert made() == ["both", "both"]
    assert await both(1, ready) == 1
    assert made() == ["both", "both"]


async def test_a_hit_inside_of_another_call_and_its_lineage(engine: AsyncEngine) -> None:
    @tracked(cache=True)
    async def outer(samples: Samples, extra: int) -> float:
        return (await train(samples)).total + extra

    await outer(Samples([1.0]), 1)
    await outer(Samples([1.0]), 2)
    assert made() == ["train"]
    first, computed, second, served = await runs()
    assert [first.name, second.name, computed.name, served.name] == [
        f"{test_a_hit_inside_of_another_call_and_its_lineage.__name__}.<locals>.outer"
    ] * 2 + ["train"] * 2
    assert (served.node_parent_id, served.cached_from) == (second.node_id, computed.node_id)
    lineage = await ancestors(served)
    assert [node.model_name for node in lineage.artifacts] == ["cache Samples"]


@contextmanager
def noted(engine: AsyncEngine) -> Generator[list[str]]:
    """Note the first word of each statement, and the end of each transaction."""
    words: list[str] = []

    def note(*given: Any) -> None:
        words.append(given[2].split()[0])

    def end(_connection: Any) -> None:
        words.append("end")

    listeners = [("before_cursor_execute", note), ("commit", end), ("rollback", end)]
    for name, listener in listeners:
        event.listen(engine.sync_engine, name, listener)
    yield words
    for name, listener in listeners:
        event.remove(engine.sync_engine, name, listener)


async def test_a_hit_takes_two_transactions(engine: AsyncEngine) -> None:
    samples = Samples([1.0])
    await samples.save("samples")
    for given in (samples, Samples([1.0])):
        await train(given)
        await train(given)
        with noted(engine) as words:
            await train(given)
        assert words == ["SELECT", "SELECT", "SELECT", "end", "INSERT", "INSERT", "INSERT", "end"]


async def test_a_result_that_is_none_takes_no_transaction_of_its_own(engine: AsyncEngine) -> None:
    @tracked(cache=True)
    async def nothing(x: int) -> None:
        calls("nothing")

    await nothing(0)
    with noted(engine) as words:
        await nothing(1)
    assert words.count("end") == 3, "the lookup, the start and the end"
    with noted(engine) as words:
        await nothing(1)
    assert words == ["SELECT", "end", "INSERT", "INSERT", "INSERT", "end"]
    assert made() == ["nothing"] * 2


PROGRAM = """
import sys
import artigraph as ag

@ag.tracked(cache=True)
def square(x: int) -> int:
    print("computed")
    return x * x

if __name__ == "__main__":
    from artigraph.sync.db import set_engine
    set_engine(sys.argv[1], create_tables=True)
    print(square(4))
"""


@pytest.mark.parametrize("way", ["script", "module"])
def test_it_serves_other_processes(way: str, tmp_path: Path, database_url: str) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, *(["program.py"] if way == "script" else ["-m", "program"]), database_url]
    run = [
        subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, env={**os.environ}).stdout
        for _ in range(2)
    ]
    assert run == ["computed\n16\n", "16\n"]


BY_VALUE = """
import enum
import sys
import cloudpickle
import artigraph as ag

class Color(enum.Enum):
    RED = 3

class Sizes:
    small = 2

class Steps:
    @ag.tracked(cache=ag.Cache(ignore=["self"]))
    def method(self, x: int) -> int:
        print("computed")
        return x

    @classmethod
    @ag.tracked(cache=ag.Cache(ignore=["cls"]))
    def of_class(cls, x: int) -> int:
        print("computed")
        return x

@ag.tracked(cache=True)
def function(color: Color) -> int:
    print("computed")
    return color.value * Sizes.small

def work(url):
    from artigraph.sync.db import set_engine
    set_engine(url, create_tables=True)
    print(Steps().method(1), Steps.of_class(1), function(Color.RED))

if __name__ == "__main__":
    work(sys.argv[1])
    with open("work.pickle", "wb") as file:
        cloudpickle.dump(work, file)
"""
WORKER = "import cloudpickle, sys; cloudpickle.load(open('work.pickle', 'rb'))(sys.argv[1])"


def test_classes_of_a_main_program_have_one_name_in_workers(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "program.py").write_text(BY_VALUE)
    (tmp_path / "worker.py").write_text(WORKER)
    printed = [
        subprocess.run(
            [sys.executable, name, database_url], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        for name in ("program.py", "worker.py")
    ]
    assert printed == ["computed\n" * 3 + "1 1 6\n", "1 1 6\n"]


async def test_rows_of_a_cached_call(engine: AsyncEngine) -> None:
    await train(Samples([1.0]))
    await train(Samples([1.0]))
    rows = (
        await read(
            lambda connection: connection.execute(
                select(run_value_table).where(run_value_table.c.kind == "cache").order_by(run_value_table.c.name)
            )
        )
    ).all()
    computed, served = await runs()
    assert [(row.name, row.run_id) for row in rows] == [
        ("cached_from", served.node_id),
        ("function", computed.node_id),
        ("key", computed.node_id),
        ("parts", computed.node_id),
        ("served", served.node_id),
    ]
    keys = {row.name: row.search_key for row in rows}
    assert (keys["cached_from"], len(keys["key"]), keys["parts"]) == (computed.node_id.bytes, 32, None)
    digest = hashlib.sha256(f"{__name__}.train".encode()).digest()
    assert keys["function"] == digest + computed.node_id.bytes
    assert keys["served"] == digest + served.node_id.bytes
    assert set(computed.parameters) == {"rate"}  # they are no parameters


class Failing:
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


def nested(depth: int) -> list[Any]:
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


DEEP = nested(3_000)
FAILING: Any = Failing()


async def test_a_number_that_python_does_not_write_is_compared(engine: AsyncEngine) -> None:
    number = 10**5000
    assert await use(number) == await use(number) == 1
    assert await use(number + 1) == 2
    [difference] = (await use.explain(number + 2)).differences
    assert re.fullmatch(r"anything \([0-9a-f]{8} -> [0-9a-f]{8}\)", difference)


async def test_code_that_cannot_be_compared_is_computed(engine: AsyncEngine) -> None:
    @tracked(cache=True)
    async def deep(x: int) -> int:
        return x if DEEP else 0

    @tracked(cache=True)
    async def failing(x: int) -> int:
        return x if FAILING is not None else 0

    with pytest.warns(TrackingWarning, match=r"A call of .*deep\(\) is not cached: its code or arguments cannot be"):
        assert await deep(1) == 1
    with pytest.warns(TrackingWarning, match="RuntimeError: __class__"):
        assert await failing(1) == 1


async def test_a_key_is_not_shown(engine: AsyncEngine) -> None:
    def both(user: str, password: str) -> str:
        return f"{user}:{password}"

    @tracked(exclude=["password"], cache=Cache(key=both))
    async def login(user: str, password: str) -> str:
        return user

    await login("u", "hunter2")
    explained = await login.explain("u", "other")
    rows = await read(lambda connection: connection.execute(select(run_value_table.c.value)))
    assert "hunter2" not in str(explained)
    assert all(b"hunter2" not in bytes(value) for value in rows.scalars())


ON_DASK = """
import sys
import dask
import artigraph as ag

RATE = 3

def helper(x):
    return x * RATE

@ag.tracked(cache=True)
def square(x: int) -> int:
    print("computed", flush=True)
    return helper(x) * x

def work(x, url):
    from artigraph.sync.db import set_engine
    set_engine(url)
    return square(x)

if __name__ == "__main__":
    from artigraph.sync.db import set_engine
    set_engine(sys.argv[1], create_tables=True)
    print(square.explain(1).is_hit, flush=True)
    calls = [dask.delayed(work)(x, sys.argv[1]) for x in range(3)]
    print(*dask.compute(*calls, scheduler="processes", num_workers=1))
"""


@pytest.mark.slow
def test_workers_of_dask_share_results(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "program.py").write_text(ON_DASK)
    runs_of_it = [
        subprocess.run(
            [sys.executable, "program.py", database_url], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert runs_of_it == ["False\n" + "computed\n" * 3 + "0 3 12\n", "True\n0 3 12\n"]


ON_PREFECT = """
import asyncio

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

import artigraph as ag
import steps

@task(cache_policy=NO_CACHE)
@ag.tracked(cache=True)
def own(x: int) -> int:
    print("computed own", flush=True)
    return x * 10

@task(cache_policy=NO_CACHE)
def twice(x):
    return steps.twice(x)

@task(cache_policy=NO_CACHE)
async def thrice(x):
    return await steps.thrice(x)

def both():
    return [call.submit(4).result() for call in (own, own, twice, twice)]

in_threads = flow(name="in threads", task_runner=ThreadPoolTaskRunner(max_workers=2))(both)
in_processes = flow(name="in processes", task_runner=ProcessPoolTaskRunner(max_workers=2))(both)

@flow
async def on_the_loop():
    return [await thrice(4), await thrice(4)]

if __name__ == "__main__":
    print(in_processes(), in_threads(), asyncio.run(on_the_loop()))
    print(own.fn(4), steps.twice(4))
"""
STEPS = """
import artigraph as ag

FACTOR = 2

@ag.tracked(cache=True)
def twice(x: int) -> int:
    print("computed twice", flush=True)
    return x * FACTOR

@ag.tracked(cache=True)
async def thrice(x: int) -> int:
    print("computed thrice", flush=True)
    return x * (FACTOR + 1)
"""


@pytest.mark.slow
def test_tasks_of_prefect_share_results(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(ON_PREFECT)
    (tmp_path / "steps.py").write_text(STEPS)
    surroundings = {
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env=clean_environment() | surroundings,
        check=False,
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[:3] == ["computed own", "computed twice", "computed thrice"]  # each of them once
    assert lines[3:] == ["[40, 40, 8, 8] [40, 40, 8, 8] [12, 12]", "40 8"]
