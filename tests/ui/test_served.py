"""The pages of calls that the cache served."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

import pytest

from artigraph import ArtifactModel, Run, delete, select, tracked
from artigraph.db import engine_context
from artigraph.tracking import Cache
from artigraph.ui import create_app
from tests.ui.conftest import Link, Page, client_of, document


@dataclass
class Model(ArtifactModel, name="uiserved.Model"):
    value: int


@tracked(cache=Cache(version=1), name="train")
async def train(rate: float) -> Model:
    return Model(round(100 * rate))


async def fill(url: str, *, deleted: bool) -> list[UUID]:
    """Return the run that computed a result, and the one that was served."""
    async with engine_context(url, create_tables=True):
        await train(0.1)
        await train(0.1)
        runs = await select(Run).ids()
        if deleted:
            await delete(runs[0])
    return runs


@pytest.mark.parametrize("deleted", [False, True])
async def test_a_run_says_from_which_one_it_was_served(url: str, *, deleted: bool) -> None:
    computed, hit = await asyncio.to_thread(lambda: asyncio.run(fill(url, deleted=deleted)))
    async with client_of(create_app(url)) as client:
        data = await document(client, f"/runs/{hit}")
        assert (data["cached_from"], data["cached_from_exists"]) == (str(computed), not deleted)
        page = Page((await client.get(f"/runs/{hit}")).text)
        assert "Served from" in page.text
        assert (Link("a", f"../runs/{computed}") in page.links) is not deleted
        assert ("deleted" in page.text) is deleted
        assert ("Result" in page.text) is not deleted
        listed = Page((await client.get("/runs")).text)
        assert listed.text.count("served") == 1
        items = await document(client, "/runs")
        assert [item["cached_from"] for item in items][:1] == [str(computed)]
        if not deleted:
            other = Page((await client.get(f"/runs/{computed}")).text)
            assert "Served from" not in other.text
            assert "Produced" in other.text
            drawn = (await client.get(f"/lineage/{hit}")).text
            assert str(data["served"][0]) in drawn
