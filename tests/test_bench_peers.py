"""The driver of `just bench-peers`, with ours alone: the other libraries are not installed here."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.peers import environments, process
from benchmarks.peers.answers import ancestors_of_last, inputs
from benchmarks.peers.environments import PeerError
from benchmarks.peers.found import Failure, Figure, Found, Result
from benchmarks.peers.measure import JOBS, measure
from benchmarks.peers.report import about, as_markdown

COUNTS = {"one by one": 2, "nested": 3, "in bulk": 2}
SIZES = {"newest": 60, "lineage": 40, "cached": 2, "delete": 3}
WRONG = """
from benchmarks.peers.ours import Ours
from benchmarks.peers.worker import serve

newest = Ours.jobs["newest"]
Ours.jobs["newest"] = newest._replace(read=lambda runs: newest.read(runs)[::-1])
del Ours.jobs["cached"]
Ours.lacks = {"cached": "has no cache"}
serve(Ours())
"""
"""Ours, which lists runs in the wrong order and has no cache."""


def test_peers_take_turns_and_one_that_cannot_be_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(name: str) -> list[str]:
        if name == "redun":
            msg = "it cannot be installed: no such version"
            raise PeerError(msg)
        if name == "mlflow":  # starts, and does not speak
            return [*environments.command("ours")[:1], "-c", "raise SystemExit('no module')"]
        if name == "aiida":
            return [*environments.command("ours")[:1], "-c", WRONG]
        # ours under the name of a peer: the same work on a database of its own
        return environments.command("ours")

    monkeypatch.setattr(process, "FOLDER", tmp_path)
    monkeypatch.setattr(process, "command", command)
    found = Found()

    peers = ["artigraph_0_0_4", "aiida", "mlflow", "redun"]
    measure("sqlite", peers, COUNTS | SIZES, 2, "equal", found)

    *others, wrong = found.failures
    assert others == [
        Failure("mlflow", "sqlite", "", "it failed: no module"),
        Failure("redun", "sqlite", "", "it cannot be installed: no such version"),
    ]
    assert (wrong.library, wrong.job) == ("aiida", "newest")
    assert wrong.reason.startswith("it failed: AssertionError: the answer is [RunValues(name='run 00000010'")
    assert found.lacks == {"ours": {}, "artigraph_0_0_4": {}, "aiida": {"cached": "has no cache"}}
    jobs = {f"{half} {way}" for half in ("save", "load") for way in COUNTS} | {*JOBS}
    assert {(one.job, one.library) for one in found.results} == {
        (job, library) for job in jobs for library in ("ours", "artigraph_0_0_4", "aiida")
    } - {("newest", "aiida"), ("cached", "aiida")}
    for one in found.results:
        assert one.rounds == 2
        assert (one.per_second is None) == (one.job in JOBS)
        figure = one.milliseconds if one.per_second is None else one.per_second
        assert figure is not None
        assert 0 < figure.low <= figure.median <= figure.high
        assert (one.ours_faster is None) == (one.library == "ours")
    targets = {one.job: one.target for one in found.results if one.target is not None}
    assert targets == {"save one by one": 8.0, "save nested": 20.0, "load one by one": 8.0}

    markdown = as_markdown(found, "equal")
    assert "- redun on sqlite: it cannot be installed: no such version\n" in markdown
    assert "- aiida on sqlite, newest: it failed: AssertionError: the answer is" in markdown
    assert "- a cached call that is served: AiiDA has no cache\n" in markdown
    assert "| delete a run with 3 artifacts | SQLite | artigraph 0.0.4 |" in markdown


def result(job: str, database: str, library: str, faster: float | None = None, date: str = "2026-01-02") -> Result:
    rate = Figure(10.0, 9.0, 11.0)
    ratio = None if faster is None else Figure(faster, faster, faster)
    milliseconds, per_second = (rate, None) if job in JOBS else (None, rate)
    return Result(job, database, library, 7, 3, per_second, milliseconds, ratio, date=date)


def test_a_run_replaces_its_own_jobs_and_keeps_others(tmp_path: Path) -> None:
    kept = [
        result("save nested", "sqlite", "ours"),
        result("save one by one", "postgresql", "ours"),
        result("lineage", "sqlite", "ours"),
    ]
    replaced = [result("load one by one", "sqlite", "redun", 0.5), result("newest", "sqlite", "redun", 0.5)]
    old_failures = [Failure("aiida", "sqlite", "newest", "old"), Failure("aiida", "sqlite", "", "old")]
    other_failure = Failure("aiida", "sqlite", "lineage", "still")
    old = Found(kept + replaced, [*old_failures, other_failure], {"redun": {"redun": "1"}}, {"redun": {"delete": "x"}})
    newer = Found([result("newest", "sqlite", "ours", date="2026-02-03")], [], {"ours": {"artigraph-core": "2"}}, {})

    both = old.updated(newer, {("sqlite", "newest"), ("sqlite", "one by one")})

    assert both.results == kept + newer.results
    assert both.failures == [other_failure]
    assert both.libraries == {"redun": {"redun": "1"}, "ours": {"artigraph-core": "2"}}
    assert about(both)["Date"] == "2026-01-02 and 2026-02-03"
    both.write(tmp_path / "peers.json", about(both), "equal")
    assert Found.read(tmp_path / "peers.json") == both
    assert Found.read(tmp_path / "absent.json") == Found()


def test_what_artigraph_loses_is_listed() -> None:
    results = [result("cached", "sqlite", "ours"), result("cached", "sqlite", "redun", 0.4)]
    results += [result("newest", "sqlite", "ours"), result("newest", "sqlite", "redun", 1.2)]

    markdown = as_markdown(Found(results), "equal")

    assert (
        "Where Artigraph is slower:\n\n- a cached call that is served on SQLite: redun is 2.5 times as fast.\n"
        in markdown
    )
    assert markdown.count("times as fast") == 1
    assert "0.40x (0.40-0.40)" in markdown
    assert "1.2x (1.2-1.2)" in markdown
    assert "times as fast" not in as_markdown(Found([replace(one, ours_faster=None) for one in results]), "equal")


def test_the_graph_is_shared_and_most_of_it_is_above_the_last_artifact() -> None:
    graph = inputs(1000)
    assert len(graph) == 1000
    assert all(len(before) == 3 and max(before) < number for number, before in enumerate(graph) if number >= 50)
    above = ancestors_of_last(graph)
    assert 700 < len(above) < 1000
    assert 999 not in above
    paths = [1] * 1000
    for number in range(50, 1000):
        paths[number] = sum(paths[each] for each in graph[number])
    assert paths[-1] == 3**19
