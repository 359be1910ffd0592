"""Hostile text loads unchanged and has no effect. Rows that were altered by hand lead to no other object."""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import uuid4

import pytest

from artigraph.storage import MemoryStorage
from artigraph.storage.file import FileSystem
from tests.support.hostile import (
    CORPUS,
    deletions_lead_nowhere,
    hostile_texts,
    names_lead_nowhere,
    round_trip,
    rows_lead_nowhere,
)
from tests.support.sizes import note, sizes

pytestmark = pytest.mark.usefixtures("engine")


def test_hostile_texts_differ() -> None:
    assert len(set(hostile_texts(1000))) == 1000
    assert len(set(CORPUS)) == len(CORPUS)


@pytest.mark.parametrize("count", sizes(100, 1000))
async def test_hostile_text_comes_back_and_the_tables_stand(count: int) -> None:
    note(23, "sqlite", **await round_trip(hostile_texts(count)))


async def test_altered_locations_lead_out_of_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "outer" / "objects"
    folder.mkdir(parents=True)
    # A path out of the folder would find the bytes that the row describes, so no other check would refuse it.
    places = [tmp_path / place for place in ("outer/a", "outer/b", "outer/c", "a", "b", "etc/passwd")]
    for place in places:
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"content")
    storage = FileSystem(folder, name=f"hostile-{uuid4().hex}", durable=False)
    assert (await rows_lead_nowhere(storage))["tried"] >= 60
    assert await deletions_lead_nowhere(storage) >= 60
    assert [place.read_bytes() for place in places] == [b"content"] * len(places)


async def test_altered_locations_lead_nowhere_in_memory() -> None:
    found = await rows_lead_nowhere(MemoryStorage(f"hostile-{uuid4().hex}"))
    assert found["tried"] >= 60


async def test_altered_names_import_and_call_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = f"canary_{uuid4().hex}"
    (tmp_path / f"{canary}.py").write_text("from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    names = [canary, f"{canary}:x", f"{canary}.x", "os.system", "builtins.eval", "subprocess:Popen", "pickle", "numpy"]
    names += ["__main__.main", "artigraph.storage.memory", "antigravity", "../../x", "'; DROP TABLE artigraph_node; --"]
    tried = await names_lead_nowhere(MemoryStorage(f"hostile-{uuid4().hex}"), names)
    assert tried == 5 * len(names)
    assert canary not in sys.modules
    assert not (tmp_path / f"{canary}.ran").exists()
