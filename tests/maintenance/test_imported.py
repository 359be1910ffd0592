"""Storages that only classes of imported modules name are known before anything is saved or loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MODELS = """
from dataclasses import dataclass
from artigraph.sync import ArtifactModel
from artigraph import artifact_field
from artigraph.storage.file import FileSystem

files = FileSystem("objects")

@dataclass
class ImportedSheet(ArtifactModel):
    title: str
    table: bytes = artifact_field(storage=files, default=b"")

@dataclass
class CannotBeDefined(ArtifactModel):
    other: "Nowhere"
"""
SAVE = "print(models.ImportedSheet('x', b'1' * 2000).save('x'))"
COLLECT = "from artigraph.sync.maintenance import fsck, gc; from datetime import timedelta"


def run(folder: Path, *lines: str) -> str:
    setup = "from artigraph.sync.db import set_engine; set_engine('sqlite:///store.db', create_tables=True)"
    code = "\n".join([setup, "import models", *lines])
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def objects(folder: Path) -> list[Path]:
    return [path for path in (folder / "objects").rglob("*") if path.is_file()]


@pytest.fixture
def saved(tmp_path: Path) -> str:
    (tmp_path / "models.py").write_text(MODELS)
    node_id = run(tmp_path, SAVE)
    assert len(objects(tmp_path)) == 1
    return node_id


def test_gc_and_fsck_know_the_storages_of_imported_models(saved: str, tmp_path: Path) -> None:
    told = run(tmp_path, COLLECT, "report = gc(); print(report.in_use.count, len(report.skipped), fsck().ok)")
    assert told == "1 0 True"


def test_a_load_finds_the_storage_of_an_imported_model(saved: str, tmp_path: Path) -> None:
    told = run(tmp_path, "from artigraph.sync import ArtifactModel", f"print(len(ArtifactModel.load('{saved}').table))")
    assert told == "2000"


def test_a_deletion_removes_the_objects_of_imported_models(saved: str, tmp_path: Path) -> None:
    told = run(tmp_path, f"from artigraph.sync import delete; print(delete('{saved}').objects)")
    assert told == "1"
    assert objects(tmp_path) == []


def test_gc_removes_what_a_process_left_that_did_not_know_the_storage(saved: str, tmp_path: Path) -> None:
    forget = "import gc, sys; del models, sys.modules['models']; gc.collect()"
    run(
        tmp_path,
        forget,
        f"from artigraph.sync import delete; report = delete('{saved}'); assert report.left_objects == 1",
    )
    assert len(objects(tmp_path)) == 1
    told = run(tmp_path, COLLECT, "print(gc(dry_run=False, grace=timedelta(0)).unregistered.count)")
    assert told == "1"
    assert objects(tmp_path) == []
