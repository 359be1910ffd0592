# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""Mistakes with models of other kinds that a type checker finds, as in check_mistakes.py."""

from __future__ import annotations

from uuid import UUID

import attrs
import pydantic

from artigraph import artifact_class, load, save, select, series
from artigraph.attrs import ArtifactModel as AttrsModel
from artigraph.msgspec import ArtifactModel as MsgspecModel
from artigraph.pydantic import ArtifactModel as PydanticModel
from artigraph.pydantic.sync import ArtifactModel as SyncPydanticModel


class Report(PydanticModel, frozen=True):
    accuracy: float = pydantic.Field(ge=0, le=1)
    name: str = "x"


@attrs.frozen
class Attrs(AttrsModel, frozen=True):
    validated: int = attrs.field(validator=attrs.validators.ge(0))
    number: float


class Struct(MsgspecModel, frozen=True):
    number: int


class SyncReport(SyncPydanticModel):
    number: int


async def mistakes(node_id: UUID) -> None:
    Report(name="y")  # type: ignore[call-arg]
    Report(accuracy="x")  # type: ignore[arg-type]
    Report(0.5)  # type: ignore[call-arg]
    Report(accuracy=1).accuracy = 2  # type: ignore[misc]
    print(Report(accuracy=1).missing)  # type: ignore[attr-defined]
    await Report.load(5)  # type: ignore[arg-type]
    Attrs(1)  # type: ignore[call-arg]
    Attrs(1, "x")  # type: ignore[arg-type]
    Attrs(1, 2).number = 3  # type: ignore[misc]
    Struct("x")  # type: ignore[arg-type]
    Struct()  # type: ignore[call-arg]
    Struct(1).number = 2  # type: ignore[misc]
    await SyncReport.load(node_id)  # type: ignore[misc]
    artifact_class(int)  # type: ignore[type-var]
    await save(5, "x")  # type: ignore[arg-type]
    await save(Struct(1), 5)  # type: ignore[arg-type]
    await load(int, node_id)  # type: ignore[type-var]
    select(str)  # type: ignore[arg-type]
    series(int, "x")  # type: ignore[type-var]
