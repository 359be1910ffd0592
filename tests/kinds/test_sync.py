"""The bases for code without async."""

from __future__ import annotations

from pathlib import Path

import attrs
import msgspec
import pydantic

import artigraph.sync as artigraph
from artigraph.attrs.sync import ArtifactModel as AttrsModel
from artigraph.msgspec.sync import ArtifactModel as MsgspecModel
from artigraph.pydantic.sync import ArtifactModel as PydanticModel
from artigraph.sync.db import engine_context


class OfPydantic(PydanticModel, version=2, name="kinds.sync.OfPydantic", frozen=True):
    number: int = pydantic.Field(ge=0)


@attrs.frozen
class OfAttrs(AttrsModel, version=2, name="kinds.sync.OfAttrs", frozen=True):
    number: int = attrs.field(converter=int)


@attrs.define
class OfCore(artigraph.ArtifactModel, version=2, name="kinds.sync.OfCore"):
    number: int


class OfMsgspec(MsgspecModel, version=2, name="kinds.sync.OfMsgspec", frozen=True):
    number: int


class Third(pydantic.BaseModel):
    number: int


class Struct(msgspec.Struct):
    number: int


def test_models_of_each_kind_in_code_without_async(tmp_path: Path) -> None:
    artigraph.artifact_class(Third, name="kinds.sync.Third")
    artigraph.artifact_class(Struct, name="kinds.sync.Struct")
    with engine_context(f"sqlite+aiosqlite:///{tmp_path}/artigraph.db", create_tables=True):
        for model in (OfPydantic(number=1), OfAttrs(1), OfCore(1), OfMsgspec(1)):
            cls = type(model)
            node_id = model.save("it")
            assert cls.load(node_id) == model
            c = artigraph.columns(cls)
            assert artigraph.select(cls).where(c.number == 1).all() == [model]
            assert artigraph.series(cls, "it").latest() == model
            assert artigraph.ArtifactModel.load(node_id) == model
        assert artigraph.load(Third, artigraph.save(Third(number=2), "it")) == Third(number=2)
        with artigraph.RunManager(artigraph.Run()) as manager:
            manager.save_artifact("it", Struct(3))
            assert manager.load_artifact("it", Struct) == Struct(3)
