"""The results of calls, as notebooks show them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import (
    ArtifactMapping,
    ArtifactModel,
    Loaded,
    LoadFailure,
    Node,
    Run,
    RunManager,
    Series,
    Version,
    ancestors,
    artifact_field,
    delete,
    diff,
    select,
    series,
)
from artigraph.db import session_context
from artigraph.errors import NodeNotFoundError
from artigraph.html import render, results
from artigraph.maintenance import fsck, gc
from artigraph.orm import blob_table, node_table
from artigraph.outline import Outline, outline_of
from artigraph.storage import MemoryStorage
from artigraph.stored import load_stored
from artigraph.sync import series as sync_series
from tests.support.pages import page_of
from tests.support.statements import counted

HOSTILE = "</details></td><script>alert(1)</script>\u202e\x1b[2K"
VISIBLE = "</details></td><script>alert(1)</script>\\u202e\\x1b[2K"
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RUN_ID = UUID("01a22767-2918-7f03-9ab4-56f5638cf7d6")

memory = MemoryStorage("notebook-views")


class Color(Enum):
    RED = 1


@dataclass
class Part(ArtifactModel, name="notebook-views.Part"):
    x: int


@dataclass
class Sample(ArtifactModel, version=2, name="notebook-views.Sample"):
    title: str
    color: Color
    part: Part
    parts: ArtifactMapping[str, Part]
    data: bytes = artifact_field(storage=memory, default=b"12345")


def a_sample(title: str = "first") -> Sample:
    return Sample(title, Color.RED, Part(1), ArtifactMapping(a=Part(2)))


# Runs -----------------------------------------------------------------------------------------------------------------


def a_run(**fields: Any) -> Run:
    known: dict[str, Any] = {
        "node_id": RUN_ID,
        "name": "train",
        "status": "completed",
        "started_at": START,
        "ended_at": START + timedelta(seconds=1.5),
        "tags": {"team": "vision"},
        "parameters": {"rate": 0.1, "layers": [1, 2]},
    }
    return Run(**(known | fields))


def test_a_run_shows_outcome_duration_tags_and_parameters() -> None:
    assert page_of(a_run()).text == (
        "Run train ✓ completed 1.50 s …638cf7d6started2026-01-02 03:04:05 UTC"
        f"tagsteamvisionparametersrate0.1layers[1, 2]id{RUN_ID}"
    )
    failed = a_run(name=None, status="failed", error_type="ValueError", error_message="no", tags={}, parameters={})
    assert page_of(failed).text == (
        f"Run ✗ failed 1.50 s …638cf7d6started2026-01-02 03:04:05 UTCerrorValueError: noid{RUN_ID}"
    )
    new = Run(None, RUN_ID, environment={"python": "3.13"})
    assert page_of(new).text == f"Run new …638cf7d6environment1 valuespython3.13id{RUN_ID}"


def test_a_run_of_hostile_texts_is_harmless() -> None:
    page = page_of(a_run(name=HOSTILE, tags={HOSTILE: HOSTILE}, parameters={HOSTILE: HOSTILE}, error_type=HOSTILE))
    assert page.text.count(VISIBLE) == 6
    many = {f"name {number}": "x" * 255 for number in range(1_000)}
    assert page_of(a_run(tags=many, parameters=many)).text.count("and 950 more") == 2
    broken = a_run(ended_at="never")
    assert page_of(broken).text.startswith("This could not be shown (TypeError")


def test_runs_are_rows_with_their_tags_and_parameters() -> None:
    page = page_of(Loaded([a_run(), a_run(tags={"name": "tagged"}, parameters={"name": 1, "rate": HOSTILE})]))
    assert page.text == (
        "namestatusstarteddurationnodeteamratelayerstags.nameparameters.name"
        "0train✓ completed2026-01-02 03:04:05 UTC1.50 s…638cf7d6vision0.1[1, 2]"
        f"1train✓ completed2026-01-02 03:04:05 UTC1.50 s…638cf7d6{VISIBLE}tagged1"
        "2 results"
    )


# What is stored -------------------------------------------------------------------------------------------------------


async def test_a_stored_model_and_an_outline_are_shown_without_a_statement(engine: AsyncEngine) -> None:
    async with RunManager(Run(name="train")) as manager:
        node_id = await manager.save_artifact("sample", a_sample(HOSTILE))
    stored, outline = await load_stored(node_id), await outline_of(manager.run)
    end = str(node_id)[-8:]
    with counted() as statements:
        shown = page_of(stored).text
        drawn = page_of(outline).text
        row = page_of(render(results([stored]))).text
    assert statements == []
    part, parts = (cast("Any", stored.fields[name].value) for name in ("part", "parts"))
    part_id, inner_id = part.node_id, parts["a"].value.node_id
    assert shown == (
        f"notebook-views.Sample 'sample', version 2, 5 fields …{end}"
        f"title{HOSTILE!r}colorColor.RED"
        f"partnotebook-views.Part 'part', version 1, 1 field …{str(part_id)[-8:]}x1"
        f"partsmapping of 1 itemanotebook-views.Part 'a', version 1, 1 field …{str(inner_id)[-8:]}x2"
        "databytes, 5 bytes in notebook-views"
    )
    assert drawn.startswith("run 'train'")
    assert "</details></td><script>" in drawn
    assert drawn.endswith("data: bytes, 5 bytes in notebook-views")
    assert row.startswith(f"labeltitlecolorpartpartsdatanode0sample{HOSTILE[:20]}")
    assert row.endswith(f"Color.REDnotebook-views.Partmapping of 1 itembytes, 5 bytes in notebook-views…{end}1 result")


async def test_a_value_that_cannot_be_read_hides_no_other(engine: AsyncEngine) -> None:
    node_id = await a_sample().save("sample")
    async with session_context() as session:
        broken = update(node_table).where(node_table.c.label == "color").values(value=b'{"$enum": 1}')
        await session.execute(broken)
    text = page_of(await load_stored(node_id)).text
    assert "title'first'colorcannot be shown: " in text
    assert text.endswith("databytes, 5 bytes in notebook-views")


def test_an_outline_is_limited_in_depth_and_width() -> None:
    deep = Outline(RUN_ID, HOSTILE)
    for level in range(3_000):
        deep = Outline(RUN_ID, f"level {level}", [deep])
    page = page_of(deep)
    assert page.tags.count("details") == 10
    assert page.tags.count("pre") == 1
    assert "level 2999level 2998" in page.text
    assert "└── " in page.text
    wide = Outline(RUN_ID, "top", [Outline(RUN_ID, f"child {number}") for number in range(10_000)])
    assert page_of(wide).text.endswith("child 199and 9,800 more")


# Versions and changes -------------------------------------------------------------------------------------------------


async def test_a_series_and_its_versions(engine: AsyncEngine) -> None:
    samples = series(Sample, "sample")
    node_id = await a_sample().save("sample")
    await samples.set_alias("best", -1)
    with counted() as statements:
        for shown in (samples, sync_series(Sample, "sample")):
            assert page_of(shown).text == (
                "SeriesmodelSamplelabel'sample'fieldstitle, color, part, parts, data"
                "versions() lists the versions, and latest() loads the newest one."
            )
    assert statements == []
    [version] = await samples.versions()
    saved = f"{version.saved_at:%Y-%m-%d %H:%M:%S} UTC"
    assert page_of(version).text == f"Version 0 bestsaved{saved}id{node_id}"
    assert page_of(Loaded([version])).text == (f"numbersavedaliasesrunnode00{saved}best…{str(node_id)[-8:]}1 result")
    hostile = Version(node_id, 3, START, RUN_ID, (HOSTILE,))
    assert VISIBLE in page_of(hostile).text
    assert f"run{RUN_ID}" in page_of(hostile).text
    assert repr(HOSTILE) in page_of(Series(Sample, HOSTILE)).text


def test_changes() -> None:
    before, after = a_sample(), replace(a_sample(HOSTILE), part=Part(5))
    text = page_of(diff(before, after)).text
    title = text.partition(":")[0]
    assert text.startswith(f"{title}: 2 changeskindpathchangechangedtitle'first' → '</details></td><script>")
    assert text.endswith("changedpart.x1 → 5")
    assert page_of(diff(before, before)).text == f"{title}: no changes"


# Reports --------------------------------------------------------------------------------------------------------------


async def test_the_report_of_a_deletion(engine: AsyncEngine) -> None:
    node_id = await a_sample().save(HOSTILE)
    report = await delete(node_id, dry_run=True)
    assert page_of(report).text == (
        "Would be deleted 0 runs, 1 artifact, 9 rows"
        "labelmodelreasonrunsartifactsrowsnode"
        f"artifact{VISIBLE}notebook-views.Samplenamed019…{str(node_id)[-8:]}"
        f"values in rows{report.value_bytes} bytesobjects in storages1 object, 5 bytesedges of lineage0"
    )
    many = replace(report, nodes=report.nodes * 1_000, not_found=(RUN_ID,), left_objects=2, dry_run=False)
    text = page_of(many).text
    assert text.startswith("Deleted 0 runs, 1,000 artifacts, 9,000 rows")
    assert "and 950 more" in text
    assert text.endswith("objects left to gc2ids that do not exist1")


async def test_the_reports_of_maintenance(engine: AsyncEngine) -> None:
    node_id = await a_sample().save("sample")
    sound = await fsck()
    assert page_of(sound).text.startswith("fsck ✓ no problemsobjectscountsizeexampleswith a row1")
    async with session_context() as session:
        await session.execute(update(blob_table).values(size=99))
        await session.execute(update(node_table).where(node_table.c.node_id == node_id).values(span=99))
    broken = await fsck()
    assert not broken.ok
    text = page_of(broken).text
    assert text.startswith("fsck ✗ ")
    assert f"…{str(node_id)[-8:]}" in text
    flood = replace(broken, problems=broken.problems * 5_000)
    assert page_of(flood).text.endswith("it is too long.")
    collected = await gc(dry_run=True)
    text = page_of(collected).text
    assert text.startswith("gc dry run: nothing was deletedobjectscountsizeexamplesin use1")
    assert "would be deleted: no artifact uses them00 bytes" in text


# Others ---------------------------------------------------------------------------------------------------------------


async def test_nodes_are_rows(engine: AsyncEngine) -> None:
    node_id = await a_sample().save(HOSTILE)
    [node] = await select(Node).artifacts().all()
    assert page_of(Loaded([node])).text == (
        f"typenamemodelstatusserializernode0model{VISIBLE}notebook-views.Sample…{str(node_id)[-8:]}1 result"
    )


async def test_lineage_is_drawn_within_the_budget(engine: AsyncEngine) -> None:
    node_id = await a_sample(HOSTILE).save(HOSTILE)
    drawn = (await ancestors(node_id))._repr_html_()
    assert len(drawn) < 50_000
    assert drawn.startswith("<svg")
    assert "<script>" not in drawn


@pytest.mark.parametrize("skipped", [0, 30])
async def test_results_name_what_was_left_out(engine: AsyncEngine, skipped: int) -> None:
    [node_id, _] = [await a_sample().save(f"sample {number}") for number in range(2)]
    found = await select(Sample).all(errors="skip")
    assert type(await select(Sample).all()) is list
    failures = [*found.failures, *(LoadFailure(node_id, HOSTILE, NodeNotFoundError(HOSTILE)) for _ in range(skipped))]
    text = page_of(Loaded(found, failures)).text
    assert "2 results" in text
    assert ("Not loadednodelabelerror" in text) == bool(skipped)
    assert ("and 10 more" in text) == bool(skipped)
    assert (f"…{str(node_id)[-8:]}{VISIBLE}NodeNotFoundError: {VISIBLE}" in text) == bool(skipped)
