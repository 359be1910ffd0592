"""Stored models and newer classes: versions, missing and unknown classes and fields, altered rows."""

# ruff: noqa: ARG003 (a migration need not look at what it gets)
from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, cast
from uuid import UUID

import pytest
from sqlalchemy import delete, update

from artigraph import ArtifactMapping, ArtifactModel, Run, RunManager, artifact_field
from artigraph.db import write
from artigraph.errors import (
    ArtigraphError,
    DeserializationError,
    FieldNotLoadedError,
    InvalidNodeIdError,
    ModelVersionError,
    NodeNotFoundError,
    UnknownModelError,
    UnknownSerializerError,
    UnknownStorageError,
    WrongModelTypeError,
)
from artigraph.orm import blob_table, node_table
from artigraph.serializer import Serializer
from artigraph.storage import MemoryStorage

memory = MemoryStorage("migrate")


class Colour(Enum):
    RED = 1
    BLUE = 2


def first() -> type[ArtifactModel]:
    """Define the model as it was."""

    @dataclass
    class Paint(ArtifactModel, version=1):
        name: str
        colour: Colour
        amounts: list[int]

    return Paint


async def stored(cls: type[Any], *fields: Any) -> UUID:
    """Save an instance of a class, and then drop the class."""
    node_id = await cls(*fields).save("it")
    assert isinstance(node_id, UUID)
    return node_id


async def old_paint() -> UUID:
    node_id = await stored(first(), "door", Colour.RED, [1, 2])
    gc.collect()
    return node_id


async def test_older_data_goes_through_migrate_once_with_its_version_and_fields() -> None:
    node_id = await old_paint()

    @dataclass
    class Paint(ArtifactModel, version=4):
        calls: ClassVar[list[Any]] = []
        title: str
        colours: list[Colour]

        @classmethod
        def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
            cls.calls.append((version, dict(data)))
            return {"title": data["name"], "colours": [data["colour"]]}

    assert await Paint.load(node_id) == Paint("door", [Colour.RED])
    assert Paint.calls == [(1, {"name": "door", "colour": Colour.RED, "amounts": [1, 2]})]
    new_id = await Paint("wall", []).save("new")
    assert await Paint.load(new_id) == Paint("wall", [])
    assert len(Paint.calls) == 1


async def test_fields_to_be_loaded_are_named_as_the_class_of_today_names_them() -> None:
    node_id = await old_paint()

    @dataclass
    class Paint(ArtifactModel, version=2):
        title: str
        colour: Colour

        @classmethod
        def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
            return {"title": data["name"], "colour": data["colour"]}

    new_id = await Paint("wall", Colour.BLUE).save("new")
    for cls in (Paint, ArtifactModel):
        for paint_id, title in ((node_id, "door"), (new_id, "wall")):
            part = await cls.load(paint_id, fields=["title"])
            assert isinstance(part, Paint)
            assert part.title == title
            with pytest.raises(FieldNotLoadedError, match=r"no field 'name'; it stores .*'colour' \(as version 2 of"):
                await cls.load(paint_id, fields=["name"])
            with pytest.raises(FieldNotLoadedError, match="no field 'save'"):
                await cls.load(paint_id, fields=["save"])


async def test_nested_models_are_migrated_before_those_around_them() -> None:
    @dataclass
    class OldPart(ArtifactModel, name="Part", version=1):
        x: int

    @dataclass
    class OldWhole(ArtifactModel, name="Whole", version=1):
        parts: list[Any]
        by_name: ArtifactMapping[str, Any]

    node_id = await stored(OldWhole, [OldPart(1), OldPart(2)], ArtifactMapping(a=OldPart(3)))

    @dataclass
    class Part(ArtifactModel, version=2):
        y: int

        @classmethod
        def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
            return {"y": 10 * data["x"]}

    @dataclass
    class Whole(ArtifactModel, version=3):
        total: int

        @classmethod
        def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
            return {"total": sum(part.y for part in [*data["parts"], *data["by_name"].values()])}

    loaded: Any = await Whole.load(node_id)
    assert loaded.total == 60


async def test_newer_data_is_refused() -> None:
    @dataclass
    class Before(ArtifactModel, name="Ahead", version=7):
        x: int

    node_id = await stored(Before, 1)

    @dataclass
    class Ahead(ArtifactModel, version=6):
        x: int

        @classmethod
        def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
            raise AssertionError("not for newer data")

    with pytest.raises(ModelVersionError, match=r"version 7 of model 'Ahead'.*version 6"):
        await Ahead.load(node_id)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ZeroDivisionError("by nought"), "migrated from version 1 to 2.*by nought"),
        (None, "returned NoneType"),
        ([("title", 1)], "returned list"),
        ({}, "'title' is not stored"),
        ({"title": "t", "more": 1}, "'more' is not one of the class"),
        ({"title": "t", 1: 1, None: 2}, "is not one of the class"),
    ],
)
async def test_a_migration_that_fails_or_returns_nonsense_is_a_version_error(answer: Any, words: str) -> None:
    node_id = await old_paint()

    @dataclass
    class Paint(ArtifactModel, version=2):
        title: str
        colour: Colour = Colour.BLUE

        @classmethod
        def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
            if isinstance(answer, Exception):
                raise answer
            return cast("dict[str, Any]", answer)

    with pytest.raises(ModelVersionError, match=words) as caught:
        await Paint.load(node_id)
    assert isinstance(caught.value, ValueError)
    if isinstance(answer, Exception):
        assert caught.value.__cause__ is answer


async def test_a_field_with_a_default_may_come_without_a_new_version() -> None:
    node_id = await old_paint()

    @dataclass
    class Paint(ArtifactModel, version=1):
        name: str
        colour: Colour
        amounts: list[int]
        coats: int = 2
        notes: list[str] = field(default_factory=lambda: ["none"])

    assert await Paint.load(node_id) == Paint("door", Colour.RED, [1, 2], 2, ["none"])


async def test_fields_that_do_not_fit_are_named() -> None:
    node_id = await old_paint()

    @dataclass
    class Paint(ArtifactModel, version=1):
        name: str
        colour: Colour
        coats: int

    with pytest.raises(ModelVersionError, match=r"'amounts' is not one.*'coats' is not stored.*migrate"):
        await Paint.load(node_id)


async def test_an_enum_that_lost_its_member_is_told_by_name() -> None:
    node_id = await old_paint()

    enum: Any = Enum
    changed = enum("Colour", {"BLUE": 2})

    @dataclass
    class Paint(ArtifactModel, version=1):
        name: str
        colour: changed  # type: ignore[valid-type]  # pyright: ignore[reportInvalidTypeForm]
        amounts: list[int]

    with pytest.raises(DeserializationError, match=r"Paint\.colour.*RED"):
        await Paint.load(node_id)


async def test_a_class_that_is_not_here_is_named() -> None:
    def make() -> Any:
        @dataclass
        class Vanishing(ArtifactModel):
            x: Any

        return Vanishing

    @dataclass
    class Around(ArtifactModel):
        inner: Any

    alone = await stored(make(), 1)
    inside = await stored(Around, [make()(1)])
    gc.collect()
    for cls, node_id in ((ArtifactModel, alone), (Around, alone), (Around, inside), (ArtifactModel, inside)):
        with pytest.raises(UnknownModelError, match="'Vanishing'") as caught:
            await cls.load(node_id)
        assert isinstance(caught.value, LookupError)


@dataclass
class Base(ArtifactModel, name="migrate.Base"):
    x: int


@dataclass
class Derived(Base, name="migrate.Derived"):
    y: int = 0


@dataclass
class Other(ArtifactModel, name="migrate.Other"):
    x: Any


async def test_load_returns_the_class_it_is_called_on_or_a_subclass() -> None:
    base, derived, other = await Base(1).save("b"), await Derived(1, 2).save("d"), await Other(1).save("o")
    assert await Base.load(derived) == Derived(1, 2)
    assert type(await Base.load(derived)) is Derived
    assert await ArtifactModel.load(other) == Other(1)
    for cls, node_id, words in ((Derived, base, "Base, not Derived"), (Base, other, "Other, not Base")):
        with pytest.raises(WrongModelTypeError, match=words) as caught:
            await cls.load(node_id)
        assert isinstance(caught.value, TypeError)


async def test_classes_of_one_name_under_different_stored_names_do_not_mix() -> None:
    def make(stored_name: str) -> Any:
        @dataclass
        class Report(ArtifactModel, name=stored_name):
            x: int

        return Report

    one, other = make("Report"), make("other-report")
    node_id = await one(1).save("x")
    with pytest.raises(WrongModelTypeError, match="another stored name"):
        await other.load(node_id)
    assert type(await one.load(node_id)) is one


async def test_a_constructor_that_refuses_is_a_deserialization_error() -> None:
    @dataclass
    class Positive(ArtifactModel):
        limit: ClassVar[int] = 0
        x: int

        def __post_init__(self) -> None:
            if self.x < Positive.limit:
                raise ValueError("too small")

    node_id = await Other([Positive(1)]).save("x")
    Positive.limit = 5
    with pytest.raises(DeserializationError, match=r"Other\.x.*Positive refused.*too small") as caught:
        await Other.load(node_id)
    assert isinstance(caught.value.__cause__, ValueError)


async def test_a_class_that_cannot_be_collected_is_not_kept_alive_by_its_own_definition() -> None:
    def make() -> Any:
        @dataclass
        class Selfish(ArtifactModel):
            x: Selfish | None = None

        return Selfish

    cls = make()
    await cls(cls()).save("x")
    gone = weakref.ref(cls)
    del cls
    gc.collect()
    assert gone() is None


# Altered rows -----------------------------------------------------------------------------------------------------


@dataclass
class Stored(ArtifactModel, name="migrate.Stored"):
    inline: Any
    apart: Any = artifact_field(storage=memory, default=None)
    items: list[Any] = field(default_factory=list[Any])
    nested: Base | None = None


async def alter(label: str, values: dict[str, Any]) -> None:
    statement = update(node_table).where(node_table.c.label == label).values(**values)

    async def work(connection: Any) -> None:
        assert (await connection.execute(statement)).rowcount == 1

    await write(work)


ALTERED: dict[str, tuple[str, dict[str, Any], type[ArtigraphError], str]] = {
    "no value": ("inline", {"value": None}, DeserializationError, r"Stored\.inline"),
    "no value in an item": ("0", {"value": None}, DeserializationError, r"Stored\.items\.0"),
    "no serializer": ("inline", {"serializer": None}, UnknownSerializerError, r"Stored\.inline"),
    "unknown serializer": ("inline", {"serializer": "nobody's"}, UnknownSerializerError, r"Stored\.inline.*nobody's"),
    "garbage": ("inline", {"value": b"\xff\x00"}, DeserializationError, r"Stored\.inline"),
    "not JSON": ("inline", {"value": b"[1"}, DeserializationError, r"Stored\.inline"),
    "empty": ("inline", {"value": b""}, DeserializationError, r"Stored\.inline"),
    "unknown tag": ("inline", {"value": b'{"$pickle":"x"}'}, DeserializationError, r"Stored\.inline.*pickle"),
    "unknown class": ("inline", {"value": b'{"$enum":["Os","X"]}'}, DeserializationError, r"Stored\.inline.*Os"),
    "very deep": ("inline", {"value": b"[" * 100_000}, DeserializationError, r"Stored\.inline"),
    "other serializer": ("inline", {"serializer": "numpy-array"}, ArtigraphError, r"Stored\.inline"),
    "unknown container": ("items", {"serializer": "deque"}, DeserializationError, r"Stored\.items.*deque"),
    "no container": ("items", {"serializer": None}, DeserializationError, r"Stored\.items"),
    "other kind of node": ("items", {"node_type": "weird"}, DeserializationError, "altered"),
    "a run inside": ("nested", {"node_type": "run"}, DeserializationError, "altered"),
    "unknown model": ("nested", {"model_name": "Nobody"}, UnknownModelError, "Nobody"),
    "no model": ("nested", {"model_name": None}, UnknownModelError, "None"),
    "no version": ("nested", {"model_version": None}, DeserializationError, r"Stored\.nested"),
    "newer version": ("nested", {"model_version": 99}, ModelVersionError, r"Stored\.nested.*99"),
    "older version": ("nested", {"model_version": 0, "label": "other"}, ModelVersionError, "other"),
    "no label": ("nested", {"label": None}, ModelVersionError, "None"),
    "another label": ("inline", {"label": "outline"}, ModelVersionError, "outline"),
    "span of nothing": ("it", {"span": 0}, DeserializationError, "altered"),
    "no span": ("it", {"span": None}, DeserializationError, "altered"),
    "no place": ("it", {"position": None}, DeserializationError, "altered"),
    "too large a span": ("it", {"span": 1000}, DeserializationError, "altered"),
    "a leaf's span": ("inline", {"span": 0}, ArtigraphError, ""),
    "no inner span": ("items", {"span": None}, ArtigraphError, ""),
    "too large an inner span": ("items", {"span": 1000}, ArtigraphError, ""),
}


@pytest.mark.parametrize("name", ALTERED)
async def test_an_altered_row_is_a_typed_error_or_harmless(name: str) -> None:
    label, values, expected, words = ALTERED[name]
    model = Stored([1], [2], [[3], Other(4)], Base(5))
    async with RunManager(Run()) as manager:
        node_id = await manager.save_artifact("it", model)
    await alter(label, values)
    errors = [
        await error_or(lambda: Stored.load(node_id), model),
        await error_or(lambda: manager.load_artifact("it"), model),
        await error_or(manager.load_artifacts, {"it": model}),
    ]
    for error in errors:
        if error is not None:
            assert isinstance(error, expected), error
            assert re.search(words, str(error)), error
    assert name in HARMLESS or None not in errors


HARMLESS = {"a leaf's span"}
"""Alterations that a load need not notice: it may succeed."""


async def error_or(load: Callable[[], Awaitable[object]], expected: object) -> ArtigraphError | None:
    """Return the error of a load, or None if it returns the expected model."""
    try:
        answer = await load()
    except ArtigraphError as error:
        return error
    assert answer == expected
    return None


@pytest.mark.parametrize("label", ["inline", "0", "items", "nested"])
async def test_a_row_that_was_deleted_is_told(label: str) -> None:
    model = Stored([1], None, [Other(4), 5], None)
    node_id = await model.save("it")

    async def work(connection: Any) -> None:
        below = node_table.c.label.in_({"items": ["items", "0", "1", "x"], "0": ["0", "x"]}.get(label, [label]))
        await connection.execute(update(node_table).where(below).values(parent_id=None))
        await connection.execute(delete(node_table).where(below))

    await write(work)
    with pytest.raises(DeserializationError, match="altered or deleted"):
        await Stored.load(node_id)


async def test_an_object_whose_storage_is_unknown_is_told() -> None:
    node_id = await Stored(1, "apart").save("it")

    async def work(connection: Any) -> None:
        await connection.execute(update(blob_table).values(storage="nobody's"))

    await write(work)
    with pytest.raises(UnknownStorageError, match="nobody's"):
        await Stored.load(node_id)


class PanicError(BaseException):
    """As polars raises it."""


class OwnError(ArtigraphError):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)


class Own(complex):
    """A type that only this module stores."""


class Failing(Serializer[Own]):
    types = (Own,)

    def __init__(self, name: str, error: Callable[[], BaseException], when: str) -> None:
        self.name, self._error, self._when = name, error, when

    def serialize(self, value: Own) -> bytes:
        if self._when == "save":
            raise self._error()
        return b"x"

    def deserialize(self, data: bytes) -> Own:
        raise self._error()


@pytest.mark.parametrize("when", ["save", "load"])
@pytest.mark.parametrize("error", [lambda: PanicError("boom"), lambda: OwnError(1, "boom"), lambda: KeyError("boom")])
async def test_whatever_a_serializer_raises_is_wrapped(when: str, error: Callable[[], BaseException]) -> None:
    serializer = Failing(f"failing-{when}-{type(error()).__name__}", error, when)

    @dataclass
    class Fails(ArtifactModel):
        x: Own = artifact_field(serializer=serializer)

    with pytest.raises(ArtigraphError, match=r"Fails\.x.*boom") as caught:
        await Fails.load(await Fails(Own(1j)).save("x"))
    assert type(caught.value.__cause__) is type(error())


NO_ID = r"is not the text of an id.*use select\(.*\) to find a node by it"
NO_NODE = r"stands for no node\. Pass its id \(a uuid\.UUID, or the text of one\)"


@pytest.mark.parametrize(
    ("bad", "as_id", "as_run"),
    [
        ("x", rf"^'x' {NO_ID}", r"^The first argument of Run is its parent.*write Run\(name='x'\)"),
        (5, rf"^5 of type int {NO_NODE}", NO_NODE),
        (b"x", rf"^b'x' of type bytes {NO_NODE}.*one at a time", NO_NODE),
    ],
)
async def test_what_is_no_id_is_refused_and_told_what_to_pass(bad: Any, as_id: str, as_run: str) -> None:
    with pytest.raises(InvalidNodeIdError, match=as_id):
        await Base.load(bad)
    with pytest.raises(InvalidNodeIdError, match=as_id):
        await Base(1).save("x", parent_id=bad)
    with pytest.raises(InvalidNodeIdError, match=as_run):
        Run(bad)


async def test_none_is_no_id() -> None:
    nothing: Any = None
    with pytest.raises(InvalidNodeIdError, match=NO_NODE):
        await Base.load(nothing)


async def test_an_id_of_no_node_is_not_found() -> None:
    missing = "01a2082d-81be-7fbf-94e5-2c2266eda89d"
    with pytest.raises(NodeNotFoundError, match=f"no node {missing}"):
        await Base.load(missing)
    with pytest.raises(NodeNotFoundError, match=f"no node {missing} to save under"):
        await Base(1).save("x", parent_id=missing)
    with pytest.raises(NodeNotFoundError, match=f"no run {missing} to belong to"):
        await RunManager(Run(missing)).__aenter__()
