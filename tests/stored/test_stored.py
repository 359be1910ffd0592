"""Models as they are stored, read without their classes."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum, EnumMeta, Flag
from typing import Annotated, Any, NamedTuple, cast
from uuid import UUID

import pytest
from hypothesis import given
from sqlalchemy import update

from artigraph import (
    ArtifactMapping,
    ArtifactModel,
    ArtifactSequence,
    Lazy,
    Run,
    RunManager,
    ancestors,
    artifact_field,
)
from artigraph.db import session_context
from artigraph.errors import (
    ArgumentError,
    CorruptObjectError,
    InvalidNodeIdError,
    MalformedRowError,
    NodeNotFoundError,
    UnknownStorageError,
    WrongModelTypeError,
)
from artigraph.identifiers import new_id
from artigraph.orm import blob_table, node_table
from artigraph.serializer.numpy import array_serializer
from artigraph.storage import MemoryStorage
from artigraph.stored import StoredEnum, StoredField, StoredModel, StoredStruct, load_stored, open_stored
from artigraph.testing.equality import identity
from artigraph.testing.strategies import instances, plain_values, scalars
from tests.model.test_round_trip import several
from tests.support.values import Known, _np

pytestmark = pytest.mark.usefixtures("engine")

memory = MemoryStorage("stored")


class Color(Enum):
    RED = 1


class Right(Flag):
    READ = 1
    WRITE = 2


class Place(NamedTuple):
    x: int
    y: Color


@dataclass
class Plain:
    name: str
    places: list[Place]


@dataclass
class Inner(ArtifactModel, name="stored.Inner", version=7):
    number: int


@dataclass
class Report(ArtifactModel, name="stored.Report", version=3):
    title: str
    color: Color
    right: Right
    place: Place
    plain: Plain
    data: bytes
    day: date
    took: timedelta
    scores: ArtifactMapping[str, float]
    parts: list[Inner]
    best: Inner | None
    array: Any = artifact_field(serializer=array_serializer)
    large: str = artifact_field(storage=memory)


def report() -> Report:
    return Report(
        title="a\0b",
        color=Color.RED,
        right=Right.READ | Right.WRITE,
        place=Place(1, Color.RED),
        plain=Plain("p", [Place(2, Color.RED)]),
        data=b"\xff\x00",
        day=date(2026, 11, 1),
        took=timedelta(microseconds=1),
        scores=ArtifactMapping({"v1.5": 0.5, "": float("-inf")}),
        parts=[Inner(1), Inner(2)],
        best=None,
        array=_np.array([1, 2], ">i2"),
        large="large",
    )


async def test_each_kind_of_field() -> None:
    async with RunManager(Run()) as manager:
        node_id = await manager.save_artifact("report", report())
    stored = await load_stored(node_id)
    assert (stored.node_id, stored.name, stored.class_version) == (node_id, "stored.Report", 3)
    assert (stored.label, stored.run_id) == ("report", manager.run.node_id)
    assert list(stored.fields) == [each.name for each in dataclasses.fields(Report)]
    plain = {name: each.value for name, each in stored.fields.items() if each.kind == "plain"}
    red = StoredEnum("Color", "RED")
    assert plain == {
        "title": "a\0b",
        "color": red,
        "right": StoredEnum("Right", 3),
        "place": StoredStruct("Place", {"x": 1, "y": red}),
        "plain": StoredStruct("Plain", {"name": "p", "places": [StoredStruct("Place", {"x": 2, "y": red})]}),
        "data": b"\xff\x00",
        "day": date(2026, 11, 1),
        "took": timedelta(microseconds=1),
        "best": None,
    }
    assert stored.fields["data"] == StoredField("plain", "bytes", 2, b"\xff\x00")
    scores = stored.fields["scores"]
    assert (scores.kind, scores.serializer, scores.size) == ("container", "mapping", None)
    assert scores.value == {
        "v1.5": StoredField("plain", "json", 3, 0.5),
        "": StoredField("plain", "json", 17, float("-inf")),
    }
    parts = stored.fields["parts"]
    assert (parts.kind, parts.serializer) == ("container", "list")
    inner = [cast("StoredModel", each.value) for each in items_of(parts).values()]
    assert list(items_of(parts)) == ["0", "1"]
    assert [(each.name, each.class_version, each.label, each.run_id) for each in inner] == [
        ("stored.Inner", 7, "0", None),
        ("stored.Inner", 7, "1", None),
    ]
    assert [each.fields["number"].value for each in inner] == [1, 2]
    assert len({each.node_id for each in inner} | {node_id}) == 3
    assert await load_stored(inner[1]) == inner[1]
    assert stored.fields["array"].kind == "object"
    assert (stored.fields["array"].value, stored.fields["array"].storage) == (None, None)
    large = stored.fields["large"]
    assert (large.kind, large.serializer, large.size, large.value) == ("object", "json", 7, None)
    assert (large.storage, large.sha256) == ("stored", hashlib.sha256(b'"large"').digest())
    assert large.location is not None
    assert await memory.read(large.location) == b'"large"'


def items_of(stored: StoredField) -> dict[str, StoredField]:
    return dict(cast("dict[str, StoredField]", stored.value))


async def test_fields_cannot_be_written_to() -> None:
    stored = await load_stored(await Inner(1).save("inner"))
    with pytest.raises(TypeError):
        cast("dict[str, object]", stored.fields)["number"] = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        cast("Any", stored).label = "other"


@several
@given(value=plain_values(scalars() | instances()))
async def test_every_plain_value_is_shown(value: Any) -> None:
    @dataclass
    class Holder(ArtifactModel):
        one: Known | Any
        many: dict[str, list[Known]] | Any

    stored = await load_stored(await Holder(value, {"x": [value]}).save("it"))
    for name, expected in (("one", value), ("many", {"x": [value]})):
        found = stored.fields[name]
        assert (found.kind, found.problem) == ("plain", None)
        assert shows(found.value, expected), (found.value, expected)


def shows(stored: Any, value: Any) -> bool:
    """Say whether a value that was read without classes represents an instance."""
    cls: Any = value.__class__
    if isinstance(value, Enum):
        member = value.name if value.name in cls.__members__ else value.value  # flags together have a value only
        return identity(stored) == identity(StoredEnum(cls.__name__, member))
    if dataclasses.is_dataclass(value) or hasattr(cls, "_fields"):
        names = [each.name for each in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else value._fields
        return (
            type(stored) is StoredStruct
            and (stored.class_name, list(stored.fields)) == (cls.__name__, list(names))
            and all(shows(stored.fields[name], getattr(value, name)) for name in names)
        )
    kind: Any = stored.__class__
    if cls in (set, frozenset):
        return kind in (cls, tuple) and is_shown_by(list(stored), list(value))
    if cls in (dict, Counter, OrderedDict, defaultdict):
        pairs: list[Any] = list(stored.items() if kind is cls else stored)
        if cls is defaultdict and kind is tuple:
            pairs = pairs[1:]  # without its factory
        return len(pairs) == len(value) and all(map(shows, pairs, value.items()))
    if cls in (list, tuple, deque):
        same = getattr(stored, "maxlen", None) == getattr(value, "maxlen", None)
        return same and kind is cls and len(stored) == len(value) and all(map(shows, stored, value))
    return kind is cls and bool(identity(stored) == identity(value))


def is_shown_by(stored: list[Any], items: list[Any]) -> bool:
    # A tuple may stand for a set, so it is compared with tuples first.
    for item in sorted(items, key=lambda each: not isinstance(each, tuple)):
        found = next((index for index, each in enumerate(stored) if shows(each, item)), None)
        if found is None:
            return False
        del stored[found]
    return not stored


@dataclass(eq=False)
class Apart:
    number: int


async def test_a_set_whose_items_look_alike_without_classes_is_a_tuple() -> None:
    @dataclass
    class Holder(ArtifactModel):
        some: Annotated[Any, Apart]
        keys: Annotated[Any, Apart]

    stored = await load_stored(await Holder({Apart(1), Apart(1)}, {Apart(1): 2, Apart(1): 3}).save("it"))
    one = StoredStruct("Apart", {"number": 1})
    assert stored.fields["some"].value == (one, one)
    assert stored.fields["keys"].value == ((one, 2), (one, 3))


armed: list[str] = []


class Noticing(EnumMeta):
    def __getattribute__(cls, name: str) -> Any:
        if armed:
            armed.append(f"enum asked for {name}")
        return super().__getattribute__(name)


class Noisy(Enum, metaclass=Noticing):
    ONE = 1


@dataclass
class Watched:
    x: int

    def __new__(cls, x: int) -> Any:  # noqa: ARG004
        armed.append("dataclass made")
        return super().__new__(cls)

    def __post_init__(self) -> None:
        armed.append("dataclass ready")


class Tuple(NamedTuple):
    x: int

    def __len__(self) -> int:
        armed.append("tuple measured")
        return 1


@dataclass
class Trap(ArtifactModel, name="stored.Trap"):
    value: Noisy | Watched | Tuple | Any
    nested: Trap | None = None

    def __post_init__(self) -> None:
        armed.append("model made")

    @classmethod
    def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG003
        armed.append("model migrated")
        return data


async def test_no_code_of_users_runs() -> None:
    node_id = await Trap([Noisy.ONE, Watched(1), Tuple(2)], Trap(1)).save("trap")
    async with session_context() as session:
        await session.execute(update(node_table).where(node_table.c.model_version == 1).values(model_version=0))
    armed.clear()
    armed.append("armed")
    stored = await load_stored(node_id)
    (await open_stored(node_id, "value")).close()
    assert armed == ["armed"]
    assert stored.class_version == 0
    await Trap.load(node_id)
    noticed = {"dataclass made", "dataclass ready", "enum asked for __members__", "model made", "model migrated"}
    assert noticed < set(armed)
    armed.clear()


async def test_a_process_without_the_classes(database_url: str) -> None:
    node_id = await report().save("report")
    script = f"""
import asyncio
from artigraph.stored import load_stored
stored = asyncio.run(load_stored("{node_id}"))
print(stored)
for name, field in stored.fields.items():
    print(name, field.kind, field.storage, field.value if field.kind == "plain" else "")
"""
    env = {"ARTIGRAPH_URL": database_url, "PATH": ""}
    command = [sys.executable, "-c", script]
    done = await asyncio.to_thread(subprocess.run, command, env=env, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == f"<StoredModel 'stored.Report' (version 3), 'report', {node_id}, 13 fields>"
    assert "color plain None Color.RED" in lines
    assert "large object stored " in lines


async def test_looking_is_no_use() -> None:
    node_id = await Inner(1).save("inner")
    async with RunManager(Run(name="looks")) as manager:
        await load_stored(node_id)
        (await open_stored(node_id, "number")).close()
        made = await manager.save_artifact("made", Inner(2))
    assert node_id not in {each.node_id for each in await ancestors(made)}


async def test_what_is_no_model_is_refused() -> None:
    async with RunManager(Run()) as manager:
        node_id = await manager.save_artifact("report", report())
    with pytest.raises(NodeNotFoundError, match="is a run"):
        await load_stored(manager.run.node_id)
    missing = new_id()
    with pytest.raises(NodeNotFoundError, match=str(missing)):
        await load_stored(missing)
    with pytest.raises(InvalidNodeIdError):
        await load_stored(cast("Any", 5))
    part = await id_of_part(node_id, "title")
    with pytest.raises(WrongModelTypeError, match="a value, a part of one: 'title'"):
        await load_stored(part)


async def id_of_part(node_id: UUID, label: str) -> UUID:
    async with session_context() as session:
        found = await session.execute(
            node_table.select().where(node_table.c.parent_id == node_id, node_table.c.label == label)
        )
        return cast("UUID", found.one().node_id)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("title", b'"a\\u0000b"'),
        ("data", b"\xff\x00"),
        ("large", b'"large"'),
        ("parts.1.number", b"2"),
        (["scores", "v1.5"], b"0.5"),
        (("scores", ""), b'{"$float":"-inf"}'),
        ("scores.", b'{"$float":"-inf"}'),
    ],
)
async def test_bytes_are_opened_by_path(path: str | Sequence[str], expected: bytes) -> None:
    node_id = await report().save("report")
    with await open_stored(node_id, path) as file:
        assert file.read() == expected
        assert file.seek(1) == 1
        assert file.read() == expected[1:]


async def test_bytes_of_a_part_and_of_a_large_object() -> None:
    @dataclass
    class Large(ArtifactModel):
        value: Lazy[bytes] = artifact_field(storage=memory)
        parts: ArtifactSequence[Inner] = field(default_factory=ArtifactSequence)

    value = bytes(range(256)) * 80_000  # three chunks
    node_id = await Large(Lazy(value), ArtifactSequence([Inner(5)])).save("large")
    with await open_stored(node_id, "value") as file:
        assert await asyncio.to_thread(file.read) == value
    stored = await load_stored(node_id)
    inner = cast("StoredModel", items_of(stored.fields["parts"])["0"].value)
    with await open_stored(inner, ["number"]) as file:
        assert file.read() == b"5"
    with await open_stored(await id_of_part(inner.node_id, "number"), []) as file:
        assert file.read() == b"5"
    memory._objects[cast("str", stored.fields["value"].location)] = value[::-1]
    with pytest.raises(CorruptObjectError, match="'value' of node"):
        await asyncio.to_thread((await open_stored(node_id, "value")).read)


async def test_paths_that_lead_to_no_bytes() -> None:
    async with RunManager(Run()) as manager:
        node_id = await manager.save_artifact("report", report())
    with pytest.raises(ArgumentError, match=r"'parts.0' of node .* is a model"):
        await open_stored(node_id, "parts.0")
    with pytest.raises(ArgumentError, match="is a container"):
        await open_stored(node_id, "scores")
    with pytest.raises(NodeNotFoundError, match="it has 'number'"):
        await open_stored(node_id, "parts.0.numbr")
    with pytest.raises(NodeNotFoundError, match="it has no parts"):
        await open_stored(node_id, "title.x")
    with pytest.raises(ArgumentError, match="labels, which are text, not 0"):
        await open_stored(node_id, cast("Any", ["parts", 0]))
    with pytest.raises(NodeNotFoundError, match="There is no node"):
        await open_stored(new_id(), "title")
    with pytest.raises(NodeNotFoundError, match="There is no node"):
        await open_stored(new_id(), "")
    with pytest.raises(ArgumentError, match="is a run"):
        await open_stored(manager.run, [])


async def test_a_storage_that_is_not_known_here_is_named() -> None:
    node_id = await report().save("report")
    async with session_context() as session:
        await session.execute(update(blob_table).values(storage="elsewhere"))
    stored = await load_stored(node_id)
    assert stored.fields["large"].storage == "elsewhere"
    with pytest.raises(UnknownStorageError, match="elsewhere"):
        await open_stored(node_id, "large")


async def test_a_value_that_cannot_be_read_does_not_hide_the_others() -> None:
    node_id = await Inner(1).save("inner")
    async with session_context() as session:
        await session.execute(update(node_table).where(node_table.c.label == "number").values(value=b'{"$new":1}'))
    found = (await load_stored(node_id)).fields["number"]
    assert (found.kind, found.value) == ("plain", None)
    assert "'$new'" in cast("str", found.problem)


@pytest.mark.parametrize(
    ("label", "change", "column"),
    [
        ("title", {"position": 50}, None),
        ("large", {"tree_root_id": new_id()}, None),
        ("title", {"tree_root_id": new_id()}, None),
        ("title", {"span": 0}, "span"),
        ("parts", {"span": 500}, "span"),
        ("title", {"node_type": "other"}, "node_type"),
        ("title", {"value": None}, "value"),
        ("0", {"model_version": None}, "model_version"),
        ("0", {"model_name": None}, "model_name"),
    ],
)
async def test_altered_rows_are_named(label: str, change: dict[str, Any], column: str | None) -> None:
    node_id = await report().save("report")
    async with session_context() as session:
        await session.execute(update(node_table).where(node_table.c.label == label).values(**change))
    with pytest.raises(MalformedRowError) as caught:
        await load_stored(node_id)
    assert (caught.value.column, caught.value.table) == (column, "artigraph_node")


async def test_depth_and_width_are_no_limit() -> None:
    @dataclass
    class Deep(ArtifactModel):
        inner: Deep | None
        items: list[Any]

    deep: Deep | None = None
    for _ in range(3_000):
        deep = Deep(deep, [])
    assert deep is not None
    wide = Deep(deep, [Inner(number) for number in range(3_000)])
    node_id = await wide.save("deep")
    stored = await load_stored(node_id)
    items = items_of(stored.fields["items"])
    assert [cast("StoredModel", each.value).fields["number"].value for each in items.values()] == list(range(3_000))
    depth = 0
    while (value := stored.fields["inner"].value) is not None:
        stored = cast("StoredModel", value)
        depth += 1
    assert depth == 3_000


def test_what_stands_for_instances_prints_its_class() -> None:
    assert str(StoredEnum("Color", "RED")) == "Color.RED"
    assert str(StoredEnum("Right", 3)) == "Right(3)"
    assert repr(StoredStruct("Place", {"x": 1, "y": StoredEnum("Color", "RED")})) == "Place(x=1, y=Color.RED)"
    assert hash(StoredStruct("Place", {"x": 1})) == hash(StoredStruct("Place", {"x": 1}))
