"""Models that were loaded in part: no serializer of their library takes what was not loaded for data."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import attrs
import msgspec
import pydantic
import pydantic_core
import pytest

from artigraph import ArtifactModel
from artigraph.attrs import ArtifactModel as AttrsModel
from artigraph.errors import FieldNotLoadedError
from artigraph.msgspec import ArtifactModel as MsgspecModel
from artigraph.pydantic import ArtifactModel as PydanticModel

pytestmark = pytest.mark.usefixtures("engine")


class Pydantic(PydanticModel, name="partial.Pydantic"):
    a: int
    b: int = 2


class Frozen(PydanticModel, name="partial.Frozen", frozen=True, extra="allow"):
    a: int
    b: int = 2


@pydantic.dataclasses.dataclass
class PydanticDataclass(ArtifactModel, name="partial.PydanticDataclass"):
    a: int
    b: int = 2


class Msgspec(MsgspecModel, name="partial.Msgspec"):
    a: int
    b: int = 2


class FrozenMsgspec(MsgspecModel, name="partial.FrozenMsgspec", frozen=True, omit_defaults=True):
    a: int
    b: int = 2


class DerivedMsgspec(Msgspec, name="partial.DerivedMsgspec"):
    c: int = 3


class ArrayMsgspec(MsgspecModel, name="partial.ArrayMsgspec", array_like=True):
    a: int
    b: int = 2


@attrs.define
class Attrs(AttrsModel, name="partial.Attrs"):
    a: int
    b: int = 2


@dataclasses.dataclass
class Dataclass(ArtifactModel, name="partial.Dataclass"):
    a: int
    b: int = 2


class Holder(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    part: Any
    typed: Pydantic | None = None


def holder_dump(part: Any) -> object:
    return Holder(part=part).model_dump()


def typed_dump(part: Any) -> object:
    return Holder.model_construct(part=1, typed=part).model_dump_json()


def adapter_dump(part: Any) -> object:
    return pydantic.TypeAdapter(type(part).__mro__[1]).dump_python(part)


OF_PYDANTIC: tuple[Callable[[Any], object], ...] = (
    lambda part: part.model_dump(),
    lambda part: part.model_dump(mode="json", exclude={"b"}),
    lambda part: part.model_dump_json(),
    dict,
    lambda part: part.model_copy(),
    holder_dump,
    adapter_dump,
    copy.copy,
    copy.deepcopy,
    vars,
)
OF_MSGSPEC_CLASSES: tuple[Any, ...] = (Msgspec, FrozenMsgspec, DerivedMsgspec, ArrayMsgspec)
OF_MSGSPEC: tuple[Callable[[Any], object], ...] = (
    msgspec.to_builtins,
    msgspec.json.encode,
    msgspec.msgpack.encode,
    msgspec.structs.asdict,
    msgspec.structs.astuple,
    lambda part: msgspec.json.encode([{"in": part}]),
)
CASES: list[tuple[Any, Callable[[Any], object]]] = [
    *((cls, dump) for cls in (Pydantic, Frozen) for dump in OF_PYDANTIC),
    *((PydanticDataclass, dump) for dump in (holder_dump, adapter_dump, dataclasses.asdict, dataclasses.astuple)),
    *((cls, dump) for cls in OF_MSGSPEC_CLASSES for dump in OF_MSGSPEC),
    *((Attrs, dump) for dump in (attrs.asdict, attrs.astuple)),
    *((Dataclass, dump) for dump in (dataclasses.asdict, dataclasses.astuple)),
]


@pytest.mark.parametrize(("cls", "dump"), CASES, ids=[f"{cls.__name__}-{at}" for at, (cls, _) in enumerate(CASES)])
async def test_a_part_is_not_dumped_as_if_it_were_whole(cls: Any, dump: Callable[[Any], object]) -> None:
    node_id = await cls(a=1, b=5).save("it")
    part = await cls.load(node_id, fields=["a"])
    assert part.a == 1
    expected = AttributeError if cls in OF_MSGSPEC_CLASSES else FieldNotLoadedError
    with pytest.raises(expected, match=r"loaded|unset"):
        dump(part)
    assert part.a == 1
    with pytest.raises(FieldNotLoadedError):
        print(part.b)
    assert "loaded in part: a" in repr(part)


async def test_a_part_inside_of_another_model_is_not_dumped() -> None:
    part = await Pydantic.load(await Pydantic(a=1, b=5).save("it"), fields=["a"])
    with pytest.raises(pydantic_core.PydanticSerializationError, match="FieldNotLoadedError: This Pydantic was loaded"):
        typed_dump(part)
