"""What differs between two artifacts or runs, as a document."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import pytest

from artigraph import ArtifactModel, Run, RunManager
from artigraph.errors import ArgumentError, InvalidNodeIdError, NodeNotFoundError
from artigraph.view import diff_document
from tests.support.documents import as_json

pytestmark = pytest.mark.usefixtures("engine")


@dataclass
class Part(ArtifactModel, name="diff.Part"):
    size: int


@dataclass
class Whole(ArtifactModel, name="diff.Whole"):
    title: str
    parts: dict[str, Part]


async def test_a_document_has_each_difference_with_its_path() -> None:
    one = await Whole("first", {"a.b": Part(1), "only": Part(2)}).save("whole")
    other = await Whole("second", {"a.b": Part(5)}).save("whole")
    document = await diff_document(one, str(other))
    found = [(item.kind, item.path, item.labels, item.before, item.after) for item in document.items]
    assert ("changed", "title", ("title",), "'first'", "'second'") in found
    assert ("changed", "parts.a.b.size", ("parts", "a.b", "size"), "1", "5") in found
    assert {kind for kind, path, *_ in found if path.startswith("parts.only")} == {"removed"}
    assert as_json(document)["schema"] == "artigraph.diff/1"
    assert (await diff_document(one, one)).items == ()


async def test_runs_are_compared_with_runs_only() -> None:
    async with RunManager(Run(name="one", parameters={"rate": 1})) as one:
        made = await one.save_artifact("part", Part(1))
    async with RunManager(Run(name="other", parameters={"rate": 2})) as other:
        pass
    document = await diff_document(one, other)
    assert ("changed", "parameters.rate") in [(item.kind, item.path) for item in document.items]
    with pytest.raises(ArgumentError, match="the other node is not"):
        await diff_document(one, made)


async def test_what_is_no_node_is_refused() -> None:
    made = await Part(1).save("part")
    with pytest.raises(NodeNotFoundError):
        await diff_document(made, uuid4())
    with pytest.raises(InvalidNodeIdError):
        await diff_document(made, "none")
