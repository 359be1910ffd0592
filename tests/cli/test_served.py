"""Commands on calls that the cache served."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from artigraph import ArtifactModel, Run, delete, select, tracked
from artigraph.db import engine_context
from artigraph.tracking import Cache
from tests.cli.conftest import Call

URL = "sqlite:///store.db"


@dataclass
class Model(ArtifactModel, name="cliserved.Model"):
    value: int


@tracked(cache=Cache(version=1), name="train")
async def train(rate: float) -> Model:
    return Model(round(100 * rate))


async def fill() -> list[UUID]:
    """Return the run that computed a result, and the one that was served."""
    async with engine_context(URL, create_tables=True):
        await train(0.1)
        await train(0.1)
        return await select(Run).ids()


async def drop(node_id: UUID) -> None:
    async with engine_context(URL):
        await delete(node_id)


def shown(call: Call, run_id: UUID) -> dict[str, str]:
    lines = call("show", str(run_id)).lines
    return dict(line.split("\t", 1) for line in lines if "\t" in line)


def test_show_says_what_served_a_run(call: Call, tmp_path: Path) -> None:
    (tmp_path / "artigraph.toml").write_text(f'[database]\nurl = "{URL}"\n')
    computed, hit = asyncio.run(fill())
    values = shown(call, hit)
    assert values["cached_from"] == f"run {computed}"
    made = shown(call, computed)
    assert made["produced cliserved.Model/return"] == values["served cliserved.Model/return"]
    assert "cached_from" not in made
    [item, other] = call("ls", "--runs", "--json").document["data"]
    assert (item["cached_from"], other["cached_from"]) == (str(computed), None)
    assert call("ls", "--runs", "--where", "cached_from == None", "--json").document["data"] == [other]
    header, *lines = call("ls", "--runs").lines
    column = header.split("\t").index("cached_from")
    assert [line.split("\t")[column] for line in lines] == [str(computed), ""]
    drawn = call("ls", "--runs", "--width", "200", "--limit", "1").lines
    assert drawn[1].split()[-1] in str(computed)  # shortened
    assert len(drawn[1].split()[-1]) < 36
    kept = call("prune", "--older-than", "0s", "--keep-cached", "--dry-run", "--json").document["data"]
    assert [node["node_id"] for node in kept["nodes"]] == [str(hit)]
    asyncio.run(drop(computed))
    values = shown(call, hit)
    assert values["cached_from"] == f"run {computed} (deleted)"
    assert "served cliserved.Model/return" not in values
