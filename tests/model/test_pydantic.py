"""Dataclasses of pydantic, whose validators may change a value each time that an instance is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from artigraph import ArtifactModel
from artigraph.errors import ModelDefinitionError, SerializationError

if TYPE_CHECKING:
    import pydantic.dataclasses
else:  # no declared dependency needs it, so the lowest set of versions lacks it
    pydantic = pytest.importorskip("pydantic", reason="pydantic is not installed here")
    pytest.importorskip("pydantic.dataclasses")

pytestmark = pytest.mark.usefixtures("engine")


@pydantic.dataclasses.dataclass
class Doubled:
    number: int

    @pydantic.field_validator("number")
    @classmethod
    def double(cls, number: int) -> int:
        return 2 * number


@dataclass
class DoubledOfPydantic(ArtifactModel):
    value: Doubled


async def test_dataclasses_of_pydantic_are_refused_by_name() -> None:
    @pydantic.dataclasses.dataclass
    class ValidatedByPydantic(ArtifactModel):
        number: int

    for make in (
        ValidatedByPydantic,
        dataclass(type("DerivedOfPydantic", (ValidatedByPydantic,), {"__annotations__": {}})),
    ):
        with pytest.raises(ModelDefinitionError, match="pydantic dataclass"):
            await make(number=2).save("it")
    with pytest.raises(SerializationError, match=r"Doubled.*pydantic dataclass"):
        await DoubledOfPydantic(Doubled(2)).save("it")
