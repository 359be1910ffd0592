"""Documents are the same on each database, and pages of runs are walks along an index."""

from __future__ import annotations

import math
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from artigraph import ArtifactMapping, ArtifactModel, Run, RunManager, artifact_field, columns, select, series
from artigraph.db import current_database, engine_context, insert_rows, write
from artigraph.errors import QueryError
from artigraph.identifiers import new_ids
from artigraph.orm import node_table
from artigraph.query import _run_pages
from artigraph.storage import MemoryStorage
from artigraph.view import (
    Document,
    StaleDocument,
    artifact_document,
    artifacts_page,
    compare_runs,
    diff_document,
    lineage_document,
    models_page,
    run_document,
    runs_page,
    search,
    series_document,
    series_points,
    stale_document,
    storage_document,
)
from artigraph.view._series import select_sample
from artigraph.view._stale import select_newer
from artigraph.view.listing import group_by_input, list_run_columns, runs_by_result
from tests.support.documents import as_json
from tests.support.plans import SORTED, explained, plan

memory = MemoryStorage("integration-view")
HOSTILE = "<b>\x1b[31m\u202e%_'\"\\ é\U0001f600"
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC)


@dataclass
class Data(ArtifactModel, name="integrationview.Data"):
    name: str


@dataclass
class Report(ArtifactModel, name="integrationview.Report", version=3):
    accuracy: float
    title: str
    moment: datetime
    data: Data
    metrics: ArtifactMapping[str, float]
    large: str = artifact_field(storage=memory, default="large")


async def documents() -> list[Any]:
    """Fill an empty store, and return all documents about it, with neutral ids and times."""
    source = await Data(HOSTILE).save("source")
    runs: list[Run] = []
    reports: list[UUID] = []
    async with RunManager(Run(name="outer")) as outer:
        for number in range(5):
            run = Run(
                name=HOSTILE, tags={"team": HOSTILE}, parameters={"x": number, "nan": float("nan"), "y": "z" * 20_000}
            )
            async with RunManager(run) as manager:
                await manager.use(source, *reports[-1:])
                metrics = ArtifactMapping({"f1": number / 4, "inf": float("inf")})
                made = Report(number / 2, HOSTILE, MOMENT, Data("inner"), metrics)
                reports.append(await manager.save_artifact("report", made))
                await manager.save_artifact("data", Data("x" * 3_000))
            runs.append(run)
    await series(Report, "report").set_alias("best", reports[2])
    shown = ["parameters.x", "parameters.y", "parameters.nan", "tags.team", "environment.none"]
    c = columns(Run)
    found: list[Document] = [
        first := await runs_page(columns=shown, limit=2),
        await runs_page(columns=shown, after=first.next),
        await runs_page(columns=["results.report.data.name", "results.report.moment", "results.none.x"]),
        await runs_by_result("results.report.accuracy", columns=["results.report.accuracy"], limit=3),
        await runs_by_result("results.report.moment", descending=True, query=select(Run).where(c.name == HOSTILE)),
        await group_by_input(await runs_page()),
        await group_by_input(await runs_page(used=source, limit=2)),
        await runs_page(top_only=True),
        children := await runs_page(under=outer, limit=2),
        await runs_page(under=outer, after=children.next, limit=2),
        await runs_page(select(Run).where(c.parameters["x"] > 1), limit=2),
        await runs_page(select(Run).where(c.name == HOSTILE), top_only=True),
        users := await runs_page(used=source, limit=2),
        await runs_page(used=source, after=users.next, limit=2),
        await run_document(outer, limit=3),
        await run_document(runs[2]),
        await compare_runs(runs),
        newest := await artifacts_page(limit=3),
        await artifacts_page(after=newest.next, limit=1_000),
        of_model := await artifacts_page("integrationview.Report", columns=["data.name", "metrics.f1"], limit=2),
        await artifacts_page("integrationview.Report", columns=["large", "moment"], after=of_model.next),
        await artifacts_page(made_by=runs[1]),
        await artifacts_page(used_by=runs[1], limit=1),
        await artifact_document(reports[2], preview_bytes=1_000, limit=2),
        versions := await series_document("integrationview.Report", "report", limit=2),
        await series_document("integrationview.Report", "report", after=versions.next),
        await series_points("integrationview.Report", "report"),
        await series_points("integrationview.Report", "report", ["accuracy", "metrics.f1", "data.name"], most=2),
        await diff_document(reports[0], reports[1]),
        await diff_document(runs[0], runs[1]),
        await lineage_document(reports[1], up=2, down=2),
        await lineage_document(source, limit=2),
        await lineage_document(runs[1], up=3, down=3),
        await models_page(),
        await storage_document(),
        await search(str(source)[:30]),
        await search("<b>"),
        await search("integrationview."),
        await search("repo"),
        await search("te"),
        await search("team=<"),
        await stale(reports[3]),
    ]
    numbers: dict[str, str] = {}
    offered = await list_run_columns(runs)
    assert {"results.report.moment", *shown[:-1]} <= set(offered)
    return [*(_neutral(as_json(document), numbers) for document in found), {"schema": "none", "columns": offered}]


async def stale(report: UUID) -> StaleDocument:
    """Save two newer versions of the source, and return what is out of date."""
    await Data("newer").save("source")
    newest = await Data("newest").save("source")
    found = await stale_document(report)
    assert [(item.label, item.newer, item.newest_id, item.distance) for item in found.inputs] == [
        ("source", 2, newest, 2)
    ]
    return found


_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z")


def _neutral(value: object, ids: dict[str, str]) -> Any:
    """Replace ids by numbers, in the order in which they appear, and times and durations by words."""
    held: Any = value
    if isinstance(value, dict):
        return {name: _named(name, item, ids) for name, item in held.items()}
    if isinstance(value, list):
        return [_neutral(item, ids) for item in held]
    if isinstance(value, str) and not value.startswith("2026-01-02"):
        value = _TIME.sub("time", value)
        return _ID.sub(lambda match: ids.setdefault(match[0], f"id {len(ids)}"), value)
    return value


def _named(name: str, value: Any, ids: dict[str, str]) -> Any:
    if name == "duration":
        return value is None
    if name.endswith("next") and value is not None:
        return ids.setdefault(str(UUID(bytes=urlsafe_b64decode(value)[2:])), f"id {len(ids)}")
    if name in ("location", "text") and isinstance(value, str):
        return _neutral(value, ids) if _ID.search(value) else value if name == "text" and "-" not in value else "text"
    return _neutral(value, ids)


async def test_documents_are_the_same_on_each_database(engine: AsyncEngine, tmp_path: Path) -> None:
    found = await documents()
    async with engine_context(f"sqlite:///{tmp_path}/other.db", create_tables=True):
        expected = await documents()
    for one, other in zip(found, expected, strict=True):
        assert one == other
    assert len({document["schema"] for document in found}) == 15


ANALYZE = {
    "sqlite": "ANALYZE",
    "postgresql": "ANALYZE artigraph_node",
    "mysql": "ANALYZE TABLE artigraph_node",
    "mariadb": "ANALYZE TABLE artigraph_node PERSISTENT FOR ALL",
}
_WHOLE_TABLE = re.compile(r'Seq Scan|Table scan|"access_type": "ALL"|SCAN artifact$')


async def filled() -> tuple[list[UUID], UUID]:
    """Insert 20,000 top-level runs, and 5,000 runs with 5,000 artifacts in one of them."""
    ids = new_ids(30_000)
    parent = ids[5_000]
    rows: list[dict[str, Any]] = []
    for number, node_id in enumerate(ids):
        kind = ("run", "child", "run", "artifact", "run", "run")[number % 6]
        inside = number > 5_000 and kind in ("child", "artifact")
        is_artifact = inside and kind == "artifact"
        rows.append(
            {
                "node_id": node_id.bytes,
                "node_type": "model" if is_artifact else "run",
                "parent_id": parent.bytes if inside else None,
                "label": f"label {number}" if is_artifact else None,
                "model_name": "integrationview.Plan" if is_artifact else None,
                "model_version": 1 if is_artifact else None,
                "tree_root_id": node_id.bytes if is_artifact else None,
                "position": 0 if is_artifact else None,
                "span": 1 if is_artifact else None,
                "search_key": node_id.bytes if is_artifact else None,
                "run_status": None if is_artifact else "completed",
                "run_started_at": None if is_artifact else MOMENT.replace(tzinfo=None) + timedelta(seconds=number),
            }
        )

    async def insert(connection: AsyncConnection) -> None:
        dialect = (await current_database()).dialect
        for row in rows:
            if dialect == "postgresql" and row["run_started_at"] is not None:
                row["run_started_at"] = row["run_started_at"].replace(tzinfo=UTC)
            elif dialect == "sqlite" and row["run_started_at"] is not None:
                row["run_started_at"] = str(row["run_started_at"])
        await insert_rows(connection, node_table, rows)

    await write(insert)
    return ids, parent


async def analyze() -> None:
    dialect = (await current_database()).dialect

    async def work(connection: AsyncConnection) -> None:
        (await connection.execute(text(ANALYZE[dialect]))).close()

    await write(work)


async def test_newer_versions_of_many_series_are_looked_up(engine: AsyncEngine) -> None:
    ids, _ = await filled()
    artifacts = [ids[number] for number in range(len(ids)) if number > 5_000 and number % 6 == 3][:20]
    for _ in range(2):  # without statistics, and with them
        found = await explained(select_newer(artifacts), {})
        assert not re.search(r'Seq Scan|Table scan|"access_type": "ALL"|\bSCAN (used|newer)', found), found
        await analyze()


async def test_pages_of_runs_walk_along_an_index(engine: AsyncEngine) -> None:
    ids, parent = await filled()
    dialect = (await current_database()).dialect
    await analyze()
    newest = select(Run).newest_first().limit(51)
    for asked in (newest, newest.top_level()):
        for page in (asked, asked.older_than(ids[-1_000]), asked.older_than(ids[1_000])):
            found = await plan(page)
            assert not SORTED.search(found), found
            assert not _WHOLE_TABLE.search(found), found
    for page in (newest.in_run(parent), newest.in_run(parent).older_than(ids[-1_000])):
        found = await plan(page)
        assert not _WHOLE_TABLE.search(found), found
        # The index of parents and labels, which ends with the primary key in InnoDB only: others sort the runs of one.
        assert SORTED.search(found) is None or dialect in ("sqlite", "postgresql"), found


async def test_pages_of_runs_are_what_python_filters(engine: AsyncEngine) -> None:
    ids, parent = await filled()
    of_parent = [ids[number] for number in range(len(ids)) if number > 5_000 and number % 6 == 1][::-1]
    top = [ids[number] for number in range(len(ids)) if number <= 5_000 or number % 6 not in (1, 3)][::-1]
    pages: list[tuple[dict[str, Any], list[UUID]]] = [({"under": parent}, of_parent), ({"top_only": True}, top)]
    for asked, expected in pages:
        page = await runs_page(**asked, limit=1_000)
        assert [item.run_id for item in page.items] == expected[:1_000]
        page = await runs_page(**asked, limit=1_000, after=page.next)
        assert [item.run_id for item in page.items] == expected[1_000:2_000]
    artifacts = [ids[number] for number in range(len(ids)) if number > 5_000 and number % 6 == 3][::-1]
    for query in (None, "integrationview.Plan"):
        first = await artifacts_page(query, limit=1_000)
        assert [item.artifact_id for item in first.items] == artifacts[:1_000]
        following = await artifacts_page(query, limit=1_000, after=first.next)
        assert [item.artifact_id for item in following.items] == artifacts[1_000:2_000]


async def test_runs_are_ordered_by_their_results(engine: AsyncEngine) -> None:
    """Ties, missing values and texts that are equal up to the length of a key keep the order of Python."""
    titles = ["a" * 300 + end for end in "cab"] + ["", "b"]
    made: list[tuple[str, UUID]] = []
    for number in range(23):
        async with RunManager(Run(name="odd" if number % 2 else "even")) as manager:
            if number % 5 != 4:
                title = titles[number % 5]
                report = Report(number % 3, title, MOMENT, Data(""), ArtifactMapping())
                await manager.save_artifact("report", report)
                made.append((title, manager.run.node_id))
    await Report(9, "~", MOMENT, Data(""), ArtifactMapping()).save("report")  # no run made it
    for descending in (False, True):
        expected = [run for _, run in sorted(made, key=lambda pair: pair[0], reverse=descending)]
        page = await runs_by_result("results.report.title", descending=descending)
        assert [item.run_id for item in page.items] == expected
        page = await runs_by_result("results.report.title", descending=descending, limit=7)
        assert [item.run_id for item in page.items] == expected[:7]
        odd = select(Run).where(columns(Run).name == "odd")
        page = await runs_by_result("results.report.title", descending=descending, query=odd, limit=3)
        allowed = set(await odd.ids())
        assert [item.run_id for item in page.items] == [run for run in expected if run in allowed][:3]
    async with RunManager(Run()) as manager:
        await manager.save_artifact("report", Data("another model"))
    with pytest.raises(QueryError, match="are of several models"):
        await runs_by_result("results.report.title")


async def test_points_of_a_long_series_are_sampled_along_an_index(engine: AsyncEngine) -> None:
    ids = new_ids(7_919)
    versions = [
        {
            "node_id": node_id.bytes,
            "node_type": "model",
            "label": "report",
            "model_name": "integrationview.Report",
            "model_version": 3,
            "tree_root_id": node_id.bytes,
            "position": 0,
            "span": 1,
            "search_key": node_id.bytes,
        }
        for node_id in ids
    ]
    await write(lambda connection: insert_rows(connection, node_table, versions))
    await series(Report, "report").set_alias("best", ids[5])
    document = await series_points("integrationview.Report", "report", most=100)
    evenly = {1 + math.ceil(Fraction(step * 7_918, 99)) for step in range(100)}
    assert {point.number for point in document.points} == evenly | {6}
    assert [point.artifact_id for point in document.points] == [ids[point.number - 1] for point in document.points]
    assert (len(document.points), document.total) == (101, 7_919)
    await filled()
    for _ in range(2):  # without statistics, and with them
        found = await explained(select_sample("integrationview.Report", "report", 100), {})
        assert "ix_artigraph_node_search" in found, found  # servers scan the derived table, but not the table of nodes
        await analyze()


async def test_pages_of_a_name_or_a_status_are_what_python_filters(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way to find the runs of a name returns the same, from either end and between two ids."""
    made: list[Run] = []

    async def fail(number: int) -> None:
        run = Run(name="often" if number % 2 else "early")
        with pytest.raises(ZeroDivisionError):
            async with RunManager(run):
                raise ZeroDivisionError
        made.append(run)

    for number in range(5):
        await fail(number)
    async with RunManager(Run(name="often")) as outer:
        for number in range(40):
            run = Run(name="rare" if number % 13 == 5 else "early" if number < 10 else "often" if number % 3 else None)
            async with RunManager(run):
                pass
            made.append(run)
    for number in range(5):
        await fail(number)
    made.append(outer.run)
    made.sort(key=lambda run: run.node_id)
    c = columns(Run)
    last = made[30]
    for few, near, many in ((1_000, 2_000, 50_000), (2, 6, 1_000), (2, 6, 3), (2, 1_000, 3)):
        for name, value in (("FEW_NAMED", few), ("NEAR", near), ("MANY_NAMED", many)):
            monkeypatch.setattr(_run_pages, name, value)
        names, statuses = ("often", "early", "rare", "none"), ("failed", "completed", "running")
        for condition, matching in (
            *((c.name == name, [run for run in made if run.name == name]) for name in names),
            *((c.status == status, [run for run in made if run.status == status]) for status in statuses),
        ):
            asked = select(Run).where(condition)
            expected = [run.node_id for run in matching]
            top = [run.node_id for run in matching if run.node_parent_id is None]
            for limit in (3, 100):
                page = await runs_page(asked, limit=limit)
                assert [item.run_id for item in page.items] == expected[::-1][:limit]
                page = await runs_page(asked, limit=limit, top_only=True)
                assert [item.run_id for item in page.items] == top[::-1][:limit]
                found = await asked.limit(limit).all()
                assert [run.node_id for run in found] == expected[:limit]
                found = await asked.older_than(last).newer_than(made[3]).newest_first().limit(limit).all()
                between = [node_id for node_id in expected if made[3].node_id < node_id < last.node_id]
                assert [run.node_id for run in found] == between[::-1][:limit]
            page = await runs_page(asked, limit=2)
            assert (page.next is None) == (len(expected) <= 2)
            if page.next is not None:
                page = await runs_page(asked, limit=2, after=page.next)
                assert [item.run_id for item in page.items] == expected[::-1][2:4]
