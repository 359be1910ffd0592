"""Models of each kind with the same fields, and code of their own that would change a value if it ran at a load."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import attrs
import msgspec
import pydantic

from artigraph import ArtifactModel, artifact_class
from artigraph.attrs import ArtifactModel as AttrsModel
from artigraph.msgspec import ArtifactModel as MsgspecModel
from artigraph.pydantic import ArtifactModel as PydanticModel
from artigraph.storage import MemoryStorage
from tests.support.values import Known

memory = MemoryStorage("kinds")


def wrap(value: object) -> object:
    """Change any value: a validator or converter that is not idempotent."""
    return ("wrapped", value)


class OfPydantic(PydanticModel, name="kinds.OfPydantic"):
    anything: Any
    something: object = None
    known: Known | list[Known] | Any = None
    stored: Annotated[Any, memory] = None

    @pydantic.field_validator("anything")
    @classmethod
    def change(cls, value: Any) -> Any:
        return wrap(value)


@pydantic.dataclasses.dataclass(config=pydantic.ConfigDict(arbitrary_types_allowed=True))
class OfPydanticDataclass(ArtifactModel, name="kinds.OfPydanticDataclass"):
    anything: Any
    something: object = None
    known: Known | list[Known] | Any = None
    stored: Annotated[Any, memory] = None

    @pydantic.field_validator("anything")
    @classmethod
    def change(cls, value: Any) -> Any:
        return wrap(value)


@attrs.define
class OfAttrs(ArtifactModel, name="kinds.OfAttrs"):
    anything: object = attrs.field(converter=wrap)
    something: object = None
    known: Known | list[Known] | Any = None
    stored: Annotated[Any, memory] = None


@attrs.frozen(slots=False)
class OfFrozenAttrs(AttrsModel, name="kinds.OfFrozenAttrs", frozen=True):
    anything: object = attrs.field(converter=wrap)
    something: object = None
    known: Known | list[Known] | Any = None
    stored: Annotated[Any, memory] = None


class OfMsgspec(MsgspecModel, name="kinds.OfMsgspec", rename="camel"):
    anything: Any
    something: object = None
    known: Known | list[Known] | Any = None
    stored: Annotated[Any, memory] = None

    def __post_init__(self) -> None:
        self.anything = wrap(self.anything)


class ThirdPydantic(pydantic.BaseModel):
    anything: Any
    something: object = None
    known: Known | list[Known] | Any = None
    stored: Annotated[Any, memory] = None

    @pydantic.field_validator("anything")
    @classmethod
    def change(cls, value: Any) -> Any:
        return wrap(value)


@attrs.define
class ThirdAttrs:
    anything: object = attrs.field(converter=wrap)
    something: object = None
    known: Known | list[Known] | Any = None
    stored: Annotated[Any, memory] = None


class ThirdMsgspec(msgspec.Struct):
    anything: Any
    something: object = None
    known: Known | list[Known] | Any = None
    stored: Annotated[Any, memory] = None

    def __post_init__(self) -> None:
        self.anything = wrap(self.anything)


@dataclasses.dataclass
class ThirdDataclass:
    anything: Any
    something: object = None
    known: Known | list[Known] | Any = None
    stored: Annotated[Any, memory] = None

    def __post_init__(self) -> None:
        self.anything = wrap(self.anything)


for _cls in (ThirdPydantic, ThirdAttrs, ThirdMsgspec, ThirdDataclass):
    artifact_class(_cls, name=f"kinds.{_cls.__name__}", version=3)

MODELS: Mapping[str, Callable[..., Any]] = {
    cls.__name__: cls
    for cls in (
        *(OfPydantic, OfPydanticDataclass, OfAttrs, OfFrozenAttrs, OfMsgspec),
        *(ThirdPydantic, ThirdAttrs, ThirdMsgspec, ThirdDataclass),
    )
}
"""The model classes by their names."""


class PydanticValue(pydantic.BaseModel):
    content: Any = None
    name: str = ""

    @pydantic.field_validator("content")
    @classmethod
    def change(cls, value: Any) -> Any:
        return wrap(value)


@pydantic.dataclasses.dataclass
class PydanticDataclassValue:
    content: Any = None
    name: str = ""

    @pydantic.field_validator("content")
    @classmethod
    def change(cls, value: Any) -> Any:
        return wrap(value)


@attrs.define
class AttrsValue:
    content: object = attrs.field(default=None, converter=wrap)
    name: str = ""


class MsgspecValue(msgspec.Struct):
    content: Any = None
    name: str = ""

    def __post_init__(self) -> None:
        self.content = wrap(self.content)


Value = PydanticValue | PydanticDataclassValue | AttrsValue | MsgspecValue
VALUES: Mapping[str, Callable[..., Any]] = {
    cls.__name__: cls for cls in (PydanticValue, PydanticDataclassValue, AttrsValue, MsgspecValue)
}
"""The classes of values by their names."""


@dataclasses.dataclass
class Holder(ArtifactModel, name="kinds.Holder"):
    """A model whose fields hold instances of each kind."""

    one: Value | None = None
    many: list[Value] = dataclasses.field(default_factory=list[Value])
    by_key: dict[str, Value | None] = dataclasses.field(default_factory=dict[str, Value | None])
    maybe: PydanticValue | int | None = None
