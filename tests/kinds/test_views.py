"""The web view shows models of each kind, without their classes."""

from __future__ import annotations

from typing import Any

import attrs
import httpx
import pydantic
import pytest

from artigraph import Run, RunManager
from artigraph.attrs import ArtifactModel as AttrsModel
from artigraph.db import engine_context
from artigraph.msgspec import ArtifactModel as MsgspecModel
from artigraph.pydantic import ArtifactModel as PydanticModel
from artigraph.ui import create_app


class Options(pydantic.BaseModel):
    rate: float


class OfPydantic(PydanticModel, name="viewed.pydantic"):
    title: str
    inner: Options


@attrs.define
class OfAttrs(AttrsModel, name="viewed.attrs"):
    title: str
    inner: Options


class OfMsgspec(MsgspecModel, name="viewed.msgspec"):
    title: str
    inner: Options


@pytest.mark.parametrize("make", [OfPydantic, OfAttrs, OfMsgspec])
async def test_a_model_is_shown_and_its_fields_are_columns(make: Any, database_url: str) -> None:
    model = make(title="<first>", inner=Options(rate=0.25))
    async with engine_context(database_url, create_tables=True), RunManager(Run(name="made")) as manager:
        node_id = await manager.save_artifact("it", model)
    transport = httpx.ASGITransport(create_app(database_url))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        page = await client.get(f"/artifacts/{node_id}")
        assert page.status_code == 200
        assert "&lt;first&gt;" in page.text
        assert "0.25" in page.text
        runs = await client.get("/runs?sort=results.it.title&cols=results.it.title&format=json")
        assert [item["columns"] for item in runs.json()["data"]] == [{"results.it.title": "<first>"}]
