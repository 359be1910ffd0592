"""The rows and bytes in tables and storages after a save."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import ArtifactMapping, ArtifactModel, ArtifactSequence, artifact_field, load_many
from artigraph.db import current_database, read
from artigraph.errors import (
    CorruptObjectError,
    NodeNotFoundError,
    ObjectNotFoundError,
    StorageError,
    ValueTooLargeError,
)
from artigraph.orm import CHUNK_SIZE, blob_table, node_table
from artigraph.storage import MemoryStorage, Storage, get_storage_by_name
from tests.support.maintenance import tamper


async def rows(table: Any) -> Sequence[RowMapping]:
    async def work(connection: AsyncConnection) -> Sequence[RowMapping]:
        return (await connection.execute(select(table))).mappings().all()

    return await read(work)


class Fragile(MemoryStorage):
    """Fails from the n-th object on."""

    def __init__(self, name: str, good: int) -> None:
        super().__init__(name)
        self._good = good

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        await asyncio.sleep(0)
        if len(self._objects) >= self._good:
            raise RuntimeError("out of order")
        return await super().create(data, key=key)


class Late(MemoryStorage):
    """Answers some time after it has stored the object."""

    created = 0

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        location = await super().create(data, key=key)
        self.created += 1
        await asyncio.sleep(0.05)
        return location


def memory() -> MemoryStorage:
    storage = get_storage_by_name("graph")
    assert isinstance(storage, MemoryStorage)
    return storage


MemoryStorage("graph").register()


@dataclass
class Leaf(ArtifactModel, name="WriteLeaf"):
    value: str = artifact_field(storage=get_storage_by_name("graph"))


@dataclass
class Tree(ArtifactModel, name="WriteTree", version=4):
    number: int
    nested: Tree | None = None
    by_name: ArtifactMapping[str, Leaf] = field(default_factory=ArtifactMapping)
    in_order: ArtifactSequence[object] = field(default_factory=ArtifactSequence)
    plain: list[object] = field(default_factory=list[object])


@pytest.fixture(autouse=True)
def empty() -> None:
    memory()._objects.clear()


async def test_a_tree_is_rows_in_preorder() -> None:
    model = Tree(1, Tree(2), ArtifactMapping(a=Leaf("x")), ArtifactSequence([1, None]), [Leaf("y"), {"k": Leaf("x")}])
    root_id = await model.save("top")
    found = sorted(await rows(node_table), key=lambda row: row["position"])
    ids = {row["node_id"]: row["position"] for row in found}
    shape = [
        (row["position"], row["span"], row["node_type"], row["label"], ids.get(row["parent_id"]), row["serializer"])
        for row in found
    ]
    assert shape == [
        (0, 20, "model", "top", None, None),
        (1, 1, "value", "number", 0, "json"),
        (2, 6, "model", "nested", 0, None),
        (3, 1, "value", "number", 2, "json"),
        (4, 1, "value", "nested", 2, "json"),
        (5, 1, "container", "by_name", 2, "mapping"),
        (6, 1, "container", "in_order", 2, "sequence"),
        (7, 1, "value", "plain", 2, "json"),
        (8, 3, "container", "by_name", 0, "mapping"),
        (9, 2, "model", "a", 8, None),
        (10, 1, "value", "value", 9, "json"),
        (11, 3, "container", "in_order", 0, "sequence"),
        (12, 1, "value", "0", 11, "json"),
        (13, 1, "value", "1", 11, "json"),
        (14, 6, "container", "plain", 0, "list"),
        (15, 2, "model", "0", 14, None),
        (16, 1, "value", "value", 15, "json"),
        (17, 3, "container", "1", 14, "dict"),
        (18, 2, "model", "k", 17, None),
        (19, 1, "value", "value", 18, "json"),
    ]
    assert {row["tree_root_id"] for row in found} == {root_id}
    trees = [row for row in found if row["model_name"] == "WriteTree" and row["node_type"] == "model"]
    assert [row["model_version"] for row in trees] == [4, 4]
    assert await Tree.load(root_id) == model
    nested_id = next(row["node_id"] for row in found if row["label"] == "nested" and row["node_type"] == "model")
    assert await Tree.load(nested_id) == Tree(2)


async def test_objects_are_named_by_store_and_described_by_their_rows() -> None:
    await Leaf("x" * 10).save("a")
    await Leaf("x" * 10).save("b")
    data = b'"' + b"x" * 10 + b'"'
    [blob] = await rows(blob_table)
    assert (blob["storage"], blob["size"], blob["chunk_sha256"]) == ("graph", 12, None)
    assert blob["sha256"] == hashlib.sha256(data).digest()
    assert memory()._objects == {blob["location"]: data}
    assert blob["location"].startswith((await current_database()).store_id.hex + "/")
    leaves = [row for row in await rows(node_table) if row["node_type"] == "value"]
    assert [(row["blob_id"], row["value"]) for row in leaves] == [(blob["blob_id"], None)] * 2


async def test_chunks_of_large_objects_are_hashed_by_themselves() -> None:
    value = "x" * (20 * 1024 * 1024)
    model = Leaf(value)
    assert await Leaf.load(await model.save("large")) == model
    [blob] = await rows(blob_table)
    data = memory()._objects[blob["location"]]
    size = CHUNK_SIZE
    assert blob["chunk_sha256"] == b"".join(
        hashlib.sha256(data[start : start + size]).digest() for start in range(0, len(data), size)
    )


async def test_equal_content_in_one_save_is_one_object() -> None:
    model = Tree(1, plain=[Leaf("same"), Leaf("same"), Leaf("other")])
    assert await Tree.load(await model.save("x")) == model
    assert len(memory()._objects) == len(await rows(blob_table)) == 2


async def test_many_saves_of_equal_content_at_once_leave_one_object() -> None:
    models = [Tree(number, plain=[Leaf("contended"), Leaf(str(number % 3))]) for number in range(16)]
    ids = await asyncio.gather(*(model.save("x") for model in models))
    assert [await Tree.load(node_id) for node_id in ids] == models
    blobs = await rows(blob_table)
    assert {blob["location"] for blob in blobs} == memory()._objects.keys()
    assert len(blobs) == 4


@pytest.mark.parametrize("good", [0, 1, 3])
async def test_a_storage_that_fails_leaves_nothing(good: int) -> None:
    storage = Fragile(f"fragile-{good}", good)

    @dataclass
    class OnFragile(ArtifactModel):
        values: list[object] = artifact_field(storage=storage)

    model = OnFragile([Leaf("elsewhere"), *(OnFragile([text]) for text in "abcde")])
    with pytest.raises(StorageError, match="out of order") as caught:
        await model.save("x")
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert await rows(node_table) == []
    assert await rows(blob_table) == []
    assert storage._objects == {}
    assert memory()._objects == {}


async def test_what_is_under_way_when_another_fails_is_removed_when_it_has_come_to_its_end() -> None:
    storage = Late("late")

    @dataclass
    class OnLate(ArtifactModel):
        slow: str = artifact_field(storage=storage)
        failing: str = artifact_field(storage=Fragile("fails-at-once", 0))

    with pytest.raises(StorageError, match="out of order"):
        await OnLate("a", "b").save("x")
    assert storage.created == 1
    assert storage._objects == {}


async def test_what_was_altered_or_lost_is_told_before_it_is_deserialized() -> None:
    node_id = await Leaf("precious").save("x")
    [location] = memory()._objects
    original = memory()._objects[location]
    for altered in (original[:-1], original + b" ", original.replace(b"r", b"R")):
        memory()._objects[location] = altered
        with pytest.raises(CorruptObjectError, match="stored"):
            await Leaf.load(node_id)
    del memory()._objects[location]
    with pytest.raises(
        ObjectNotFoundError, match=r"The value of field 'value' of model 'WriteLeaf' is not there: .*graph"
    ):
        await Leaf.load(node_id)


async def test_a_row_of_an_object_that_is_missing_is_told() -> None:
    lost, whole = await Leaf("lost").save("x"), await Leaf("whole").save("y")
    blob_id = next(row["blob_id"] for row in await rows(node_table) if row["tree_root_id"] == lost and row["blob_id"])
    await tamper(blob_table.delete().where(blob_table.c.blob_id == blob_id))
    with pytest.raises(NodeNotFoundError, match=rf"{lost} was deleted while .* is missing.*maintenance\.fsck"):
        await load_many(Leaf, [whole, lost])
    assert await Leaf.load(whole) == Leaf("whole")


async def test_a_value_too_large_for_the_database_is_refused_by_name() -> None:
    @dataclass
    class Heavy(ArtifactModel):
        text: str

    with pytest.raises(ValueTooLargeError, match=r"'text' of model Heavy.*storage="):
        await Heavy("x" * (9 * 1024 * 1024)).save("x")
    assert await rows(node_table) == []


async def test_what_is_not_there_is_not_found() -> None:
    from artigraph.identifiers import new_id

    with pytest.raises(NodeNotFoundError):
        await Leaf.load(new_id())


class Foreign(Storage):
    """A storage whose errors are not of our family."""

    name = "foreign"

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        assert key is not None
        return key

    async def read(self, location: str) -> bytes:
        raise FileNotFoundError(location)

    async def delete(self, location: str) -> None:
        raise KeyError(location)

    async def exists(self, location: str) -> bool:
        return False


async def test_errors_of_a_foreign_storage_are_wrapped() -> None:
    @dataclass
    class OnForeign(ArtifactModel):
        text: str = artifact_field(storage=Foreign())

    node_id = await OnForeign("x").save("x")
    with pytest.raises(ObjectNotFoundError, match="'text' of model 'OnForeign' is not there") as caught:
        await OnForeign.load(node_id)
    assert isinstance(caught.value.__cause__, FileNotFoundError)


async def test_a_process_that_only_imports_the_model_loads_it(tmp_path: Path) -> None:
    (tmp_path / "their_models.py").write_text(
        "from dataclasses import dataclass\n"
        "from artigraph import ArtifactModel, artifact_field\n"
        "from artigraph.storage.file import FileSystem\n"
        f"there = FileSystem({str(tmp_path / 'objects')!r}, name='theirs')\n"
        "@dataclass\nclass Inner(ArtifactModel):\n    text: str = artifact_field(storage=there)\n"
        "@dataclass\nclass Outer(ArtifactModel):\n    inner: Inner\n"
    )
    programs = [
        (
            "from artigraph import Run, RunManager\n"
            "async def main(_):\n"
            "    async with RunManager(Run()) as manager:\n"
            "        print(await manager.save_artifact('x', their_models.Outer(their_models.Inner('y'))))\n"
        ),
        (
            "from uuid import UUID\n"
            "async def main(node_id):\n"
            "    assert await their_models.Outer.load(UUID(node_id)) == their_models.Outer(their_models.Inner('y'))\n"
        ),
        (
            "from uuid import UUID\nfrom artigraph import ArtifactModel\n"
            "async def main(node_id):\n"
            "    assert type(await ArtifactModel.load(UUID(node_id))) is their_models.Outer\n"
        ),
    ]
    node_id = ""
    for program in programs:
        source = f"import asyncio, sys, their_models\n{program}asyncio.run(main(sys.argv[-1]))"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", source, node_id, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert process.returncode == 0
        node_id = node_id or output.decode().strip()
