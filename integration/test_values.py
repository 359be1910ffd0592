"""Folders, media, references, and dictionaries with keys of any kind, on every database."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from artigraph import (
    ArtifactModel,
    Folder,
    Media,
    Reference,
    Run,
    RunManager,
    artifact_field,
    columns,
    diff,
    select,
)
from artigraph.difference.stored import compare
from artigraph.storage.file import FileSystem
from artigraph.stored import load_stored, open_stored
from artigraph.testing.equality import assert_identical
from artigraph.view import artifact_document

pytestmark = pytest.mark.usefixtures("engine")

_np: Any = np
NAMES = ["config.json", "é", "e\u0301", "A", "a", "a ", "🍣", "İ", "sub/ß", "sub/ss", "sub/deeper/x"]
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x04\x08\x06\0\0\0"


@dataclass
class Holder(ArtifactModel, name="integration.ValuesHolder"):
    value: Any


def tree(path: Path) -> Path:
    (path / "empty").mkdir(parents=True)
    for name in NAMES:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(name.encode())
    return path


@pytest.fixture
def files(tmp_path: Path) -> FileSystem:
    return FileSystem(tmp_path / "objects", name=f"files-{uuid4().hex}")


async def test_a_folder_comes_back_with_its_names(tmp_path: Path, files: FileSystem) -> None:
    @dataclass
    class Kept(ArtifactModel, name=f"integration.Kept{uuid4().hex}"):
        folder: Folder = artifact_field(storage=files)

    folder = Folder(tree(tmp_path / "source"))
    node_id = await Kept(folder).save("kept")
    loaded = (await Kept.load(node_id)).folder
    assert loaded == folder
    assert sorted(loaded.paths) == sorted(NAMES)
    await loaded.copy_to(tmp_path / "copy")
    assert Folder(tmp_path / "copy") == loaded
    with await open_stored(node_id, ["folder", "folders", "sub", "files", "ß"]) as file:
        assert file.read() == "sub/ß".encode()
    (tmp_path / "source" / "sub" / "ss").write_bytes(b"changed")
    after = await Kept.load(await Kept(Folder(tmp_path / "source")).save("kept"))
    changes = diff(Kept(loaded), after).changes
    assert [str(each.path) for each in changes] == ["folder.folders['sub'].files['ss']"]


async def test_media_and_references_are_searched(tmp_path: Path, files: FileSystem) -> None:
    @dataclass
    class Trained(ArtifactModel, name=f"integration.Trained{uuid4().hex}"):
        data: Reference
        plot: Media = artifact_field(storage=files)

    raw = Reference("s3://lake/événements.parquet", "v1", size=7)
    raw_id = await raw.save("raw")
    async with RunManager(Run(name="train")) as manager:
        await manager.use(raw_id)
        trained_id = await manager.save_artifact("trained", Trained(raw, Media(PNG, "image/png")))
    assert await Trained.load(trained_id) == Trained(raw, Media(PNG, "image/png"))
    c = columns(Trained)
    found = select(Trained).where(
        c.data.uri.startswith("s3://lake/"), c.data.size < 8, c.plot.media_type == "image/png"
    )
    assert await found.ids() == [trained_id]
    used = select(Run).used(select(Reference).where(columns(Reference).version == "v1"))
    assert [run.node_id for run in await used.all()] == [manager.run.node_id]
    document = await artifact_document(trained_id, preview_bytes=2**20)
    preview = next(field.preview for field in document.fields if field.path == ("plot", "content"))
    assert preview is not None
    assert preview.kind == "image"


async def test_dicts_with_keys_of_any_kind_hold_models_and_arrays() -> None:
    value = {1: _np.arange(3), "1": Holder(1), (2, None): [Holder(2)], Fraction(1, 3): {3.5: Holder(b"x")}}
    node_id = await Holder(value).save("keyed")
    loaded: Any = (await Holder.load(node_id)).value
    assert Holder(loaded) == Holder(value)
    assert_identical(list(loaded), list(value))
    value[1] = _np.arange(4)
    after = await load_stored(await Holder(value).save("keyed"))
    assert [each.path for each in await compare(await load_stored(node_id), after)] == [("value", "1")]


async def test_values_of_python_come_back() -> None:
    for value in (
        complex(-0.0, float("inf")),
        Fraction(10**400, 7),
        range(0, -(2**70), -3),
        Counter({"a": 2, None: 0}),
        OrderedDict({"b": 1, "a": [2]}),
        defaultdict(list, {1: ["é"]}),
        deque([1, b"\0"], 5),
    ):
        node_id = await Holder(value).save("it")
        assert_identical((await Holder.load(node_id)).value, value)
        assert type((await load_stored(node_id)).fields["value"].value) is type(value)
