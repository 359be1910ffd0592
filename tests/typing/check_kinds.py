"""What a type checker infers about models of other kinds; pyright and mypy check it as they check all files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, assert_type
from uuid import UUID

import attrs
import msgspec
import numpy as np
import pydantic
from pydantic import Field

from artigraph import ArtifactModel, RunManager, artifact_class, columns, diff, load, save, select, series, sync
from artigraph.attrs import ArtifactModel as AttrsModel
from artigraph.attrs.sync import ArtifactModel as SyncAttrsModel
from artigraph.msgspec import ArtifactModel as MsgspecModel
from artigraph.msgspec.sync import ArtifactModel as SyncMsgspecModel
from artigraph.pydantic import ArtifactModel as PydanticModel
from artigraph.pydantic.sync import ArtifactModel as SyncPydanticModel
from artigraph.query import ArtifactSelect
from artigraph.storage import MemoryStorage

s3 = MemoryStorage("typing.kinds")


class Report(PydanticModel, version=2, frozen=True):
    accuracy: float = Field(ge=0, le=1)
    predictions: Annotated[np.ndarray[Any, Any], s3]
    rate: float = 0.1


class Mutable(PydanticModel):
    number: int


@attrs.define
class Core(ArtifactModel, version=3):
    number: int
    name: str = "x"
    items: list[int] = attrs.field(factory=list[int])


@attrs.define
class Attrs(AttrsModel, version=3):
    validated: int = attrs.field(validator=attrs.validators.ge(0))
    number: float
    array: Annotated[np.ndarray[Any, Any], s3] | None = None


@attrs.frozen
class FrozenAttrs(AttrsModel, frozen=True):
    number: int


class Struct(MsgspecModel, version=2, frozen=True):
    number: int
    bounded: Annotated[float, msgspec.Meta(ge=0)]
    items: list[int] = msgspec.field(default_factory=list[int])


class SyncReport(SyncPydanticModel, frozen=True):
    number: int


@attrs.define
class SyncAttrs(SyncAttrsModel):
    number: int


class SyncStruct(SyncMsgspecModel):
    number: int


class ThirdPydantic(pydantic.BaseModel):
    number: int


@attrs.define
class ThirdAttrs:
    number: int


class ThirdStruct(msgspec.Struct):
    number: int


@dataclass
class ThirdDataclass:
    number: int


async def own(node_id: UUID, array: np.ndarray[Any, Any]) -> None:
    report = Report(accuracy=0.5, predictions=array)
    assert_type(report.accuracy, float)
    assert_type(await Report.load(node_id), Report)
    assert_type(await report.save("x"), UUID)
    assert_type(select(Report), ArtifactSelect[Report])
    assert_type(await series(Report, "x").latest(), Report)
    Mutable(number=1).number = 2
    core = Core(1)
    assert_type(core.items, list[int])
    assert_type(await Core.load(node_id), Core)
    model = Attrs(1, 2.0)
    assert_type(model.number, float)
    assert_type(await select(Attrs).first(), Attrs | None)
    assert_type(FrozenAttrs(1).number, int)
    struct = Struct(1, 2.0)
    assert_type(struct.items, list[int])
    assert_type(await Struct.load(node_id), Struct)
    diff(report, report)
    diff(struct, struct)


async def third(node_id: UUID, manager: RunManager) -> None:
    assert_type(artifact_class(ThirdPydantic, name="third"), type[ThirdPydantic])
    artifact_class(ThirdAttrs, version=2)
    artifact_class(ThirdStruct)
    artifact_class(ThirdDataclass)
    assert_type(await save(ThirdPydantic(number=1), "x"), UUID)
    assert_type(await load(ThirdPydantic, node_id), ThirdPydantic)
    assert_type(await load(ThirdAttrs, node_id, fields=["number"]), ThirdAttrs)
    assert_type(await select(ThirdStruct).where(columns(ThirdStruct).number > 1).all(), list[ThirdStruct])
    assert_type(await manager.load_artifact("x", ThirdDataclass), ThirdDataclass)
    await manager.save_artifact("x", ThirdAttrs(1))


def without_async(node_id: UUID) -> None:
    assert_type(SyncReport.load(node_id), SyncReport)
    assert_type(SyncAttrs(1).save("x"), UUID)
    assert_type(SyncStruct.load(node_id).number, int)
    assert_type(sync.load(ThirdPydantic, node_id), ThirdPydantic)
    assert_type(sync.save(ThirdStruct(1), "x"), UUID)
