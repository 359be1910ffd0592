"""Data of a pydantic class is loaded by a class of another kind that has the same name and version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import attrs
import msgspec
import pydantic
import pytest

import artigraph.msgspec as structs
import artigraph.pydantic as models
from artigraph import ArtifactModel

pytestmark = pytest.mark.usefixtures("engine")


def value_of(kind: str) -> Any:
    if kind == "msgspec":

        class Value(msgspec.Struct):
            number: int = 1

        return Value
    if kind == "attrs":
        return attrs.define(type("Value", (), {"__annotations__": {"number": int}, "number": 1}))
    return dataclass(type("Value", (), {"__annotations__": {"number": int}, "number": 1}))


def model_of(kind: str, version: int) -> Any:
    if kind == "msgspec":

        class Model(structs.ArtifactModel, name="kinds.Changed", version=version):
            number: int = 1
            other: int = 2

        return Model
    decorate: Any = attrs.define if kind == "attrs" else dataclass

    @decorate
    class Plain(ArtifactModel, name="kinds.Changed", version=version):
        number: int = 1
        other: int = 2

        @classmethod
        def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
            assert (version, set(data)) == (1, {"number", "other"})
            return data

    return Plain


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("kind", ["dataclass", "attrs", "msgspec"])
async def test_a_model_may_change_its_kind(kind: str, version: int) -> None:
    class Model(models.ArtifactModel, name="kinds.Changed"):
        number: int = 1
        other: int = 2

    node_id = await Model(other=3).save("it")
    cls = model_of(kind, version)
    assert await cls.load(node_id) == cls(1, 3)


@pytest.mark.parametrize("kind", ["dataclass", "attrs", "msgspec"])
async def test_a_value_may_change_its_kind(kind: str) -> None:
    class Value(pydantic.BaseModel):
        number: int = 4

    def holder(value: Any) -> Any:
        made = type("Holder", (ArtifactModel,), {"__annotations__": {"value": value}}, name="kinds.ChangedHolder")
        return dataclass(made)

    node_id = await holder(Value)(Value()).save("it")
    changed = value_of(kind)
    assert (await holder(changed).load(node_id)).value == changed(4)
