"""The code that errors print for values of other kinds, run as it is printed."""

from __future__ import annotations

import dataclasses
from typing import Any

import attrs
import msgspec
import pydantic
import pytest

from artigraph import ArtifactModel
from artigraph.errors import DeserializationError

pytestmark = pytest.mark.usefixtures("engine")


def named(cls: Any) -> Any:
    """Return a class as the later definition of `Value`."""
    cls.__name__ = "Value"
    return cls


def pydantic_classes() -> tuple[Any, Any]:
    class Value(pydantic.BaseModel):
        kept: int = pydantic.Field(default=1, alias="Kept")
        unset: int = 3
        former: int = 2

    class Later(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="forbid")

        kept: int = pydantic.Field(default=1, alias="Kept")
        unset: int = 4
        latter: int

    return Value, named(Later)


def pydantic_dataclasses() -> tuple[Any, Any]:
    @pydantic.dataclasses.dataclass
    class Value:
        kept: int = pydantic.Field(default=1, alias="Kept")
        unset: int = 3
        former: int = 2

    @pydantic.dataclasses.dataclass
    class Later:
        latter: int
        kept: int = pydantic.Field(default=1, alias="Kept")
        unset: int = 4

    return Value, named(Later)


def attrs_classes() -> tuple[Any, Any]:
    @attrs.define
    class Value:
        kept: int = attrs.field(default=1, alias="Kept")
        unset: int = attrs.field(default=3, init=False)
        former: int = 2

    @attrs.define
    class Later:
        latter: int
        kept: int = attrs.field(default=1, alias="Kept")
        unset: int = attrs.field(default=4, init=False)

    return Value, named(Later)


def plain_attrs_classes() -> tuple[Any, Any]:
    @attrs.define
    class Value:
        Kept: int = 1
        unset: int = 3
        former: int = 2

    @attrs.define
    class Later:
        latter: int
        Kept: int = 1
        unset: int = 4

    return Value, named(Later)


def structs() -> tuple[Any, Any]:
    class Value(msgspec.Struct, rename="camel"):
        Kept: int = 1
        unset: int = 3
        former: int = 2

    class Later(msgspec.Struct, rename="camel"):
        latter: int
        Kept: int = 1
        unset: int = 4

    return Value, named(Later)


def pydantic_to_dataclass() -> tuple[Any, Any]:
    @dataclasses.dataclass
    class Value:
        latter: int
        kept: int = 1
        unset: int = 4

    return pydantic_classes()[0], Value


def model(value: Any, version: int) -> Any:
    made = type(
        "Model", (ArtifactModel,), {"__annotations__": {"value": list[value]}}, version=version, name="kinds.Advice"
    )
    return dataclasses.dataclass(made)


@pytest.mark.parametrize(
    "make",
    [
        pydantic_classes,
        pydantic_dataclasses,
        attrs_classes,
        plain_attrs_classes,
        structs,
        pydantic_to_dataclass,
    ],
)
async def test_the_printed_code_keeps_every_field(make: Any) -> None:
    before, after = make()
    node_id = await model(before, 1)([before(Kept=7, former=8)]).save("it")
    with pytest.raises(DeserializationError, match="Write version=2") as caught:
        await model(after, 1).load(node_id)
    code = str(caught.value).partition("below the class:\n\n")[2].replace("\n    ", "\n")[4:]
    cls = model(after, 2)
    exec(code, {"Model": cls, "Value": after})
    (found,) = (await cls.load(node_id)).value
    assert type(found) is after
    assert (found.Kept if hasattr(found, "Kept") else found.kept, found.unset, found.latter) == (7, 3, 8)
    if isinstance(found, pydantic.BaseModel):
        assert found.model_fields_set == {"kept", "latter"}
