"""Classes whose instances are parts of a value: what they name for a field of a model is refused, never ignored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, TypedDict

import attrs
import msgspec
import pydantic
import pytest

from artigraph import ArtifactModel, artifact_field
from artigraph.errors import ModelDefinitionError
from artigraph.serializer.json import json_serializer
from artigraph.storage import MemoryStorage

memory = MemoryStorage("parts").register()

pytestmark = pytest.mark.usefixtures("engine")


@dataclass
class Plain:
    content: Annotated[bytes, memory]


@dataclass
class WithField:
    content: bytes = artifact_field(storage=memory)


@dataclass
class WithSerializer:
    content: Annotated[list[int] | None, json_serializer]


class Tuple(NamedTuple):
    content: Annotated[bytes, memory]


class Typed(TypedDict, total=False):
    content: Annotated[bytes, memory]


class Pydantic(pydantic.BaseModel):
    content: Annotated[bytes, memory]


@attrs.define
class Attrs:
    content: Annotated[bytes, memory] | None


class Msgspec(msgspec.Struct):
    content: Annotated[bytes, memory]


@dataclass
class Backend:
    content: Annotated[bytes, MemoryStorage]


class Outer(TypedDict):
    inner: list[Plain]


PARTS = [Plain, WithField, Tuple, Typed, Pydantic, Attrs, Msgspec, Backend, Outer]


@pytest.mark.parametrize("part", PARTS)
async def test_a_storage_in_a_class_that_is_a_value_is_refused(part: Any) -> None:
    @dataclass
    class Whole(ArtifactModel, name="parts.Whole"):
        parts: Any

    Whole.__annotations__["parts"] = list[part] | None
    with pytest.raises(
        ModelDefinitionError,
        match=r"whose field 'content' names the storage .*: make \w+ a model, .*Annotated\[X, storage",
    ):
        await Whole([]).save("x")


async def test_a_serializer_in_a_class_that_is_a_value_is_refused() -> None:
    @dataclass
    class Whole(ArtifactModel, name="parts.Serialized"):
        part: WithSerializer | None

    with pytest.raises(ModelDefinitionError, match=r"names the serializer .*Annotated\[X, serializer"):
        await Whole(None).save("x")


async def test_other_extras_of_a_class_that_is_a_value_are_taken() -> None:
    @dataclass
    class Documented:
        content: Annotated[bytes, "raw", 5]

    @dataclass
    class Whole(ArtifactModel, name="parts.Documented"):
        part: Documented

    value = Whole(Documented(b"x"))
    assert await Whole.load(await value.save("x")) == value
