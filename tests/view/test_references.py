"""References: short texts that name a node."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from artigraph import ArtifactModel, Run, RunManager, series
from artigraph.errors import AmbiguousReferenceError, NodeNotFoundError, QueryError, VersionNotFoundError
from artigraph.identifiers import moment_of, new_id
from artigraph.view.references import find_node, find_nodes, find_series, find_value, shortest_prefixes
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("engine")


@dataclass
class Part(ArtifactModel, name="references.Part"):
    name: str


@dataclass
class Report(ArtifactModel, name="references.Report"):
    title: str
    part: Part


def report(title: str) -> Report:
    return Report(title, Part("part"))


async def test_ids_and_their_beginnings() -> None:
    node_id = await report("one").save("report")
    assert await find_node(str(node_id)) == node_id
    assert await find_node(node_id.hex.upper()) == node_id
    [prefix] = (await shortest_prefixes([node_id])).values()
    assert len(prefix) == 8
    assert await find_node(prefix) == node_id  # parts begin so too, and do not count
    other = await report("two").save("report")
    prefixes = await shortest_prefixes([node_id, other, new_id()])
    assert list(prefixes) == [node_id, other]
    assert [await find_node(prefix) for prefix in prefixes.values()] == [node_id, other]
    with pytest.raises(AmbiguousReferenceError, match="2 runs and artifacts have an id that begins with") as several:
        await find_node(prefix[:6])
    assert several.value.candidates == (node_id, other)


@pytest.mark.parametrize("text", ["", "01a22", "xyzxyz", "01a22774-", "01a2277466a77d53abc51eef1cc776990"])
async def test_what_is_no_reference(text: str) -> None:
    with pytest.raises((QueryError, NodeNotFoundError)):
        await find_node(text)


async def test_runs() -> None:
    for text in ("@", "run:train"):
        with pytest.raises(NodeNotFoundError):
            await find_node(text)
    async with RunManager(Run(name="train")) as first, RunManager(Run(name="other")) as second:
        pass
    assert await find_nodes(["@", "run:train"]) == [second.run.node_id, first.run.node_id]


async def test_versions() -> None:
    ids = [await report(title).save("report") for title in ("one", "two", "three")]
    await series(Report, "report").set_alias("best.so.far", ids[1])
    name = "references.Report/report"
    assert await find_series(name) == ("references.Report", "report")
    for version, expected in (("", 2), ("@-1", 2), ("@0", 0), ("@-3", 0), ("@best.so.far", 1)):
        assert await find_node(name + version) == ids[expected]
    assert await find_node(f"{name}@{moment_of(ids[0]).date()}") in ids
    before = moment_of(ids[0]) - timedelta(days=2)
    for version in ("@3", "@-4", "@none", f"@{before.date()}", f"@{before.isoformat()}"):
        with pytest.raises(VersionNotFoundError):
            await find_node(name + version)
    with pytest.raises(NodeNotFoundError, match="no artifact of the model and label"):
        await find_node("references.Report/other")
    assert await find_value(f"{name}.part.name") == (ids[2], ["part", "name"])
    assert await find_value(f"{name}@best.so.far.title") == (ids[1], ["title"])
    assert await find_value(f"{ids[0]}.title") == (ids[0], ["title"])


async def test_labels_may_have_any_sign_in_them() -> None:
    ids = {label: await report("one").save(label) for label in ("a/b", "a@b", "a.b", "a")}
    found = {label: await find_node(f"references.Report/{label}") for label in ids}
    assert found == ids
    assert await find_value("references.Report/a.b") == (ids["a.b"], [])
    assert await find_value("references.Report/a.title") == (ids["a"], ["title"])


async def test_a_reference_takes_few_statements() -> None:
    ids = [await report("one").save("report") for _ in range(20)]
    with counted() as statements:
        found = await find_node("references.Report/report@-20")
    assert found == ids[0]
    assert len(statements) == 3
