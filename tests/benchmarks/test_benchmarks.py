from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from artigraph.orm import node_table
from benchmarks.__main__ import main
from benchmarks.bench import Effort, opened
from benchmarks.harness import Figure, Way, figure, interleave, ratio
from benchmarks.jobs import growth, kinds
from benchmarks.jobs.all import JOBS
from benchmarks.models import group, group_of_nodes
from benchmarks.report import counts, page, table
from benchmarks.results import Curve, Results, Row, compared
from benchmarks.rows import renewed


async def test_ways_take_turns_and_the_first_rounds_do_not_count() -> None:
    seen: list[str] = []

    def way(name: str) -> Way:
        async def prepare() -> str:
            seen.append(f"prepare {name}")
            return name

        async def run(prepared: str) -> None:
            seen.append(prepared)

        return Way(run, prepare)

    seconds = await interleave({"a": way("a"), "b": way("b")}, rounds=2, warm_up=1)
    assert [len(values) for values in seconds.values()] == [2, 2]
    assert [name for name in seen if len(name) == 1] == ["b", "a", "a", "b", "b", "a"]
    assert seen[:2] == ["prepare b", "b"]


def test_figures_are_medians_and_quartiles() -> None:
    assert figure([3.0, 1.0, 2.0, 5.0, 4.0], 10) == Figure(30.0, 20.0, 40.0, 5)
    assert figure([2.0]) == Figure(2.0, 2.0, 2.0, 1)


def test_ratios_are_taken_round_by_round() -> None:
    # The machine was slow in the second round: the ratio does not see it.
    assert ratio([2.0, 20.0, 2.0], [1.0, 10.0, 1.0]) == Figure(2.0, 2.0, 2.0, 3)


def row(job: str = "job", database: str = "sqlite", ours: float = 1.0) -> Row:
    seconds = {"ours": [ours] * 5, "core": [1.0] * 5, "raw": [0.5] * 5}
    return compared(seconds, job=job, title=f"the {job}", database=database, limit=1.5, each=10)


def test_a_row_knows_whether_its_target_is_met() -> None:
    assert row(ours=1.5).met is True
    assert row(ours=1.6).met is False
    assert row().ours.median == 100.0  # ms, for each of 10
    assert row().ratios["raw"].median == 2.0


def test_results_come_back_and_are_replaced_by_job_and_database(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "results.json"
    curve = Curve("save", "sqlite", "ours", [1, 10], [Figure(1.0, 1.0, 1.0, 5), Figure(2.0, 2.0, 2.0, 5)])
    results = Results(about={"Python": "3"})
    results.add([row(ours=1.0), row(database="mysql"), curve])
    results.add([row(ours=2.0), curve])
    results.write(path)
    assert Results.read(path) == results
    assert [(found.database, found.met) for found in results.rows] == [("mysql", True), ("sqlite", False)]
    assert results.curves == [curve]


def test_the_table_puts_databases_side_by_side() -> None:
    lines = table([row("a", "mariadb"), row("b"), row("a", "sqlite", ours=9.0)]).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| the a", "| the a", "| the b"]
    assert [line.split(" | ")[1] for line in lines[2:]] == ["SQLite", "MariaDB", "SQLite"]
    assert lines[2].endswith("| 18.00 (18.00-18.00) | 9.00 (9.00-9.00) | 1.5x Core | **no** |")


def test_the_page_names_what_misses_its_target() -> None:
    results = Results([row("a"), row("b", ours=2.0)], [], {"Python": "3.11"})
    text = page(results, plots=["performance/save-by-size.svg"])
    assert "1 of 2 targets are met" in text
    assert "- the b, on SQLite: 2.00, at most 1.5x Core" in text
    assert "![save by size](performance/save-by-size.svg)" in text
    assert "- Python: 3.11" in text


def test_counts_of_statements_have_a_table_of_their_own() -> None:
    figures = Figure(4, 4, 4, 1), {"raw": Figure(3, 3, 3, 1)}
    found = [Row("statements-save", "save", name, "", *figures) for name in ("mysql", "sqlite")]
    lines = ["| call | SQLite | MySQL |", "| --- | --- | --- |", "| save | 3 / 4 | 3 / 4 |"]
    assert counts(found).splitlines() == lines


def test_jobs_have_names_of_their_own() -> None:
    assert len({job.name for job in JOBS}) == len(JOBS)


async def test_floors_write_and_read_the_rows_that_we_write() -> None:
    async with opened("sqlite", Effort()) as bench:
        rows = await bench.core.tree(await group(3).save("benchmark"))
        assert len(rows) == 2 + 3 * 7

        async def written(copy: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return await bench.core.tree(copy[0]["tree_root_id"])

        one, other = renewed(rows), renewed(rows)
        await bench.core.insert(one)
        await bench.raw.insert(bench.raw.values(other))
        assert await written(one) == one
        assert await written(other) == other
        changed = {"node_id", "parent_id", "tree_root_id"}
        assert [{key: item[key] for key in item if key not in changed} for item in one] == [
            {key: item[key] for key in item if key not in changed} for item in rows
        ]
        count = await bench.core.select(select(func.count()).select_from(node_table), {})
        assert count[0][0] == 3 * len(rows)
        assert await type(model := group_of_nodes(23)).load(one[0]["node_id"]) == model


async def test_a_large_store_and_a_small_one_are_filled_and_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each operation checks what it finds."""
    monkeypatch.setattr(growth, "_LEAST", 2_000)
    monkeypatch.setattr(growth, "_TIMES", 2)
    async with opened("sqlite", Effort(rounds=1, nodes=4_000)) as bench:
        found = await growth.growth(bench)
        written = await bench.core.select(select(func.count()).select_from(node_table), {})
    assert [row.job for row in found] == [f"growth-{name}" for name in growth._OPERATIONS]
    assert all(row.ratios["raw"].median > 0 and row.limit == 1.3 for row in found)
    assert "among 4,000 nodes and 400 runs" in found[0].title
    assert "2,000 nodes and 200 runs" in found[0].note
    assert written[0][0] > 4_000  # the large store is the job's own database


@pytest.mark.slow
@pytest.mark.parametrize("job", ["save-one", "load-run", "save-objects"])
def test_a_quick_run_measures_and_reports(job: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "results.json"
    assert main(["run", "--quick", "--only", job, "--output", str(output)]) == 0
    [found, *_] = Results.read(output).rows
    assert (found.job, found.database) == (job, "sqlite")
    assert found.ours.median > 0
    assert found.ratios["core"].rounds >= 5
    assert f"| {found.title} | SQLite |" in capsys.readouterr().out


async def test_kinds_of_values_are_compared_with_their_libraries() -> None:
    for name in ("polars", "networkx"):
        async with opened("sqlite", Effort(heavy_rounds=1, divisor=1000)) as bench:
            both, alone = await kinds.measure(name, bench)
        assert (both.job, alone.job) == (f"kind-{name}", f"kind-{name}-out")
        assert both.limit == alone.limit == 1.15
        assert both.ours.median > 0
